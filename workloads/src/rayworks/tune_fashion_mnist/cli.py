"""The command `rayworks tune-fashion-mnist`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from rayworks.classifier.config import EPOCHS
from rayworks.common.options import run_options
from rayworks.tune_fashion_mnist.config import Search

STARTED = time.time()
NAME = "tune-fashion-mnist"
DATASETS = ("fashion-mnist", "digits")


@click.command(NAME, context_settings={"show_default": True})
@click.option(
    "--dataset",
    type=click.Choice(DATASETS),
    default=DATASETS[0],
    envvar="DATASET",
    help="digits: the real handwriting that scikit-learn ships; needs no network.",
)
@click.option("--trials", default=12, envvar="TRIALS", help="How many settings are tried.")
@click.option(
    "--epochs",
    type=int,
    envvar="EPOCHS",
    show_default=", ".join(f"{EPOCHS[name]} for {name}" for name in DATASETS),
    help="Passes over the training data, for a trial that is not stopped before.",
)
@click.option("--seed", default=0, help="Seed of the settings tried and of each trial.")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    envvar="DATA_DIR",
    show_default="data, beside the runs",
    help="Folder of the data set's idx files; downloaded there if it has none.",
)
@click.option(
    "--smoke-test", is_flag=True, help="Three trials of the digits, to see that all works."
)
@run_options(NAME)
def tune_fashion_mnist(**options: Any) -> None:
    """Search learning rate, batch size and dropout of fashion-mnist by Ray Tune (ASHA).

    NUM_WORKERS trials train at a time, one process each; those that fall behind are stopped.
    Leaves result.json and trials.png in STORAGE_PATH/RUN_NAME, and the best trial as a run of
    fashion-mnist in STORAGE_PATH/RUN_NAME-best: of all, also of those that were stopped, the one
    whose last epoch has the lowest validation loss. Started again before its end, a search goes on.

    \b
    On a laptop:  rayworks tune-fashion-mnist --dataset digits
                  rayworks mnist serve --run-name tune-fashion-mnist-best
    """
    if options.pop("smoke_test"):
        options |= {"dataset": "digits", "trials": 3, "epochs": options["epochs"] or 3}
    if options["epochs"] is None:
        options["epochs"] = EPOCHS[options["dataset"]]
    search = Search(workload=NAME, **options)
    from rayworks.tune_fashion_mnist.search import run

    run(search, STARTED)
