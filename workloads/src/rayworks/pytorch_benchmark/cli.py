"""The command `rayworks pytorch-benchmark`."""

from __future__ import annotations

import time
from typing import Any

import click

from rayworks.classifier.config import EPOCHS
from rayworks.common.options import run_options
from rayworks.pytorch_benchmark.config import Config

STARTED = time.time()
NAME = "pytorch-benchmark"
MODEL = "rayworks.fashion_mnist.model:Classifier"


@click.command(NAME, context_settings={"show_default": True})
@click.option(
    "--images", default=60_000, envvar="IMAGES", help="Generated images of 28 x 28 to train on."
)
@click.option("--epochs", default=EPOCHS["generated"], envvar="EPOCHS", help="Passes over them.")
@click.option("--batch-size-per-worker", default=64, help="Images a step and worker.")
@click.option("--lr", default=1e-3, help="Learning rate.")
@click.option("--seed", default=0, help="Seed of images, weights and order.")
@click.option("--smoke-test", is_flag=True, help="1,200 images, 2 epochs, 1 worker.")
@run_options(NAME, num_workers=4)
def pytorch_benchmark(smoke_test: bool, batch_size_per_worker: int, **options: Any) -> None:
    """Time the training of a small network and its prediction, over Ray workers.

    Prints `Results: {'training_time': …, 'prediction_time': …}`, in seconds, and leaves
    result.json, learning-curve.png, checkpoints and the images in STORAGE_PATH/RUN_NAME.

    \b
    On a laptop:  rayworks pytorch-benchmark --num-workers 2 --epochs 2
    """
    if smoke_test:
        options |= {"images": 1_200, "epochs": 2, "num_workers": 1}
    batch_size = batch_size_per_worker * max(1, options["num_workers"])
    config = Config(
        workload=NAME, model=MODEL, dataset="generated", dropout=0.0, batch_size=batch_size,
        **options,
    )  # fmt: skip
    from rayworks.pytorch_benchmark.train import run

    run(config, STARTED)
