"""The command `rayworks hello`."""

from __future__ import annotations

from typing import Any

import click

NAME = "hello"


@click.command(NAME, context_settings={"show_default": True})
@click.option("--tasks", type=click.IntRange(1), default=8, help="How many tasks to run.")
@click.option(
    "--storage-path",
    default="results",
    envvar="STORAGE_PATH",
    help="Folder or URI, shared by all nodes; each run has a folder there.",
)
@click.option("--run-name", default=NAME, envvar="RUN_NAME", help="The run's folder.")
@click.option(
    "--placement-timeout",
    default=120.0,
    help="Seconds that a cluster gets to find room for a task.",
)
@click.option("--verbose", is_flag=True, help="Print what Ray logs.")
def command(**options: Any) -> None:
    """Show what the cluster has, and run a few tasks and an actor on it.

    Leaves result.json in STORAGE_PATH/RUN_NAME.
    """
    from rayworks.hello.work import run

    run(**options)
