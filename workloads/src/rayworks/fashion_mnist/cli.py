"""The command `rayworks fashion-mnist`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from rayworks.fashion_mnist.config import EPOCHS, Config

STARTED = time.time()


@click.command("fashion-mnist", context_settings={"show_default": True})
@click.option(
    "--dataset",
    type=click.Choice(list(EPOCHS)),
    default="fashion-mnist",
    envvar="DATASET",
    help="digits: the real handwriting that scikit-learn ships; needs no network.",
)
@click.option(
    "--epochs",
    type=int,
    envvar="EPOCHS",
    show_default=", ".join(f"{count} for {name}" for name, count in EPOCHS.items()),
    help="Passes over the training data.",
)
@click.option("--batch-size", default=32, help="Images a step, over all workers.")
@click.option("--lr", default=1e-3, help="Learning rate.")
@click.option("--seed", default=0, help="Seed of weights, order and dropout.")
@click.option(
    "--num-workers",
    default=2,
    envvar="NUM_WORKERS",
    help="Ray Train workers; 0 trains in this process, without Ray.",
)
@click.option(
    "--cpus-per-worker",
    default=1,
    envvar="CPUS_PER_WORKER",
    help="CPUs reserved for a worker, and torch threads in it.",
)
@click.option("--use-gpu/--no-use-gpu", envvar="USE_GPU", help="A GPU for each worker.")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    envvar="DATA_DIR",
    show_default="data, beside the runs",
    help="Folder of Fashion-MNIST's idx files; downloaded there if it has none.",
)
@click.option(
    "--storage-path",
    default="results",
    envvar="STORAGE_PATH",
    help="Folder or URI, shared by all nodes; each run has a folder there.",
)
@click.option("--run-name", default="fashion-mnist", envvar="RUN_NAME", help="The run's folder.")
@click.option(
    "--resume/--fresh",
    default=True,
    help="Go on with an unfinished run of this name and these settings, or start anew.",
)
@click.option("--max-failures", default=3, help="How many times lost workers are replaced.")
@click.option(
    "--placement-timeout",
    default=120.0,
    help="Seconds that a cluster gets to find room for the workers.",
)
@click.option("--verbose", is_flag=True, help="Print what Ray logs.")
def fashion_mnist(epochs: int | None, resume: bool, **options: Any) -> None:
    r"""Train a classifier of clothes (or digits), data-parallel over Ray workers.

    Leaves result.json, learning-curve.png and checkpoints in STORAGE_PATH/RUN_NAME. Started again
    before its end, a run goes on from its last checkpoint.

    \b
    On a laptop:  rayworks fashion-mnist --dataset digits
    """
    if epochs is None:
        epochs = EPOCHS[options["dataset"]]
    config = Config(epochs=epochs, fresh=not resume, **options)
    from rayworks.fashion_mnist.train import run

    run(config, STARTED)
