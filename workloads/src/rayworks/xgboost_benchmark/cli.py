"""The command `rayworks xgboost-benchmark`."""

from __future__ import annotations

import time
from typing import Any

import click

from rayworks.common.options import run_options
from rayworks.xgboost_benchmark.config import Config

STARTED = time.time()
NAME = "xgboost-benchmark"


@click.command(NAME, context_settings={"show_default": True})
@click.option(
    "--data-size-gb",
    default=10.0,
    envvar="DATA_SIZE_GB",
    help="Size of the generated table: 2.6 million rows each.",
)
@click.option("--rounds", default=10, help="Trees that are boosted.")
@click.option("--max-depth", default=6, help="Levels of a tree.")
@click.option("--seed", default=0, help="Seed of the table.")
@click.option("--smoke-test", is_flag=True, help="20,000 rows, 3 rounds, 1 worker.")
@run_options(NAME, num_workers=1, gpus=False)
def xgboost_benchmark(smoke_test: bool, **options: Any) -> None:
    """Time the training of gradient-boosted trees and their prediction, over Ray workers.

    Prints `Results: {'training_time': …, 'prediction_time': …}`, in seconds, and leaves
    result.json, learning-curve.png, checkpoints and the table in STORAGE_PATH/RUN_NAME.

    \b
    On a laptop:  rayworks xgboost-benchmark --data-size-gb 0.1
    """
    if smoke_test:
        options |= {"data_size_gb": 20_000 / 2_600_000, "rounds": 3, "num_workers": 1}
    config = Config(workload=NAME, **options)
    from rayworks.xgboost_benchmark.train import run

    run(config, STARTED)
