"""The command `rayworks hello`."""

from __future__ import annotations

import time
from typing import Any

import click

from rayworks.common.options import job_options

STARTED = time.time()
NAME = "hello"


@click.command(NAME, context_settings={"show_default": True})
@click.option("--tasks", default=8, envvar="TASKS", help="How many tasks to run.")
@click.option("--smoke-test", is_flag=True, help="Two tasks, to see that all works.")
@job_options(NAME)
def command(smoke_test: bool, **options: Any) -> None:
    """Show what the cluster has, and run a few tasks and an actor on it.

    Leaves result.json in STORAGE_PATH/RUN_NAME.
    """
    if smoke_test:
        options["tasks"] = 2
    from rayworks.hello.config import Config
    from rayworks.hello.work import run

    run(Config(workload=NAME, **options), STARTED)
