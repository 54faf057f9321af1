"""The command `rayworks fashion-mnist`."""

from __future__ import annotations

import time
from typing import Any

import click

from rayworks.classifier.config import Config
from rayworks.classifier.options import classifier_options, with_defaults
from rayworks.common.options import run_options

STARTED = time.time()
NAME = "fashion-mnist"
MODEL = "rayworks.fashion_mnist.model:Classifier"


@click.command(NAME, context_settings={"show_default": True})
@classifier_options("fashion-mnist", lr=1e-3)
@run_options(NAME, in_process=True)
def fashion_mnist(**options: Any) -> None:
    """Train a classifier of clothes (or digits), data-parallel over Ray workers.

    Leaves result.json, learning-curve.png and checkpoints in STORAGE_PATH/RUN_NAME. Started again
    before its end, a run goes on from its last checkpoint.

    \b
    On a laptop:  rayworks fashion-mnist --dataset digits
    """
    config = Config(workload=NAME, model=MODEL, **with_defaults(options))
    from rayworks.classifier.train import run

    run(config, STARTED)
