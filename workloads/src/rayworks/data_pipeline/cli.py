"""The command `rayworks data-pipeline`."""

from __future__ import annotations

import time
from typing import Any

import click

from rayworks.common.options import job_options
from rayworks.data_pipeline.config import Config

STARTED = time.time()
NAME = "data-pipeline"


@click.command(NAME, context_settings={"show_default": True})
@click.option("--rows", default=50_000, envvar="ROWS", help="Rows of the table.")
@click.option("--columns", default=100, envvar="COLUMNS", help="Features of a row.")
@click.option(
    "--blocks",
    type=int,
    envvar="BLOCKS",
    show_default="one for each CPU, more for a large table",
    help="Tasks that generate.",
)
@click.option("--seed", default=0, help="Seed of the values.")
@click.option("--smoke-test", is_flag=True, help="2,000 rows, to see that all works.")
@job_options(NAME)
def data_pipeline(smoke_test: bool, **options: Any) -> None:
    """Generate a table, normalise its columns, and write it as Parquet, in Ray's tasks.

    Leaves the files in STORAGE_PATH/RUN_NAME/data, in place of those of a run before, and
    result.json with the number of rows that the files themselves tell.

    \b
    On a laptop:  rayworks data-pipeline
    """
    if smoke_test:
        options["rows"] = 2_000
    config = Config(workload=NAME, **options)
    from rayworks.data_pipeline.pipeline import run

    run(config, STARTED)
