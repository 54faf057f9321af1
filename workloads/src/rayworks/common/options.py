"""Options that several commands share, as decorators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def job_options(workload: str) -> Decorator:
    """The options of every job: the fields of `rayworks.common.run.Job`.

    Args:
        workload: its command; the run's name unless told otherwise.
    """
    return together(
        click.option(
            "--storage-path",
            default="results",
            envvar="STORAGE_PATH",
            help="Folder or URI, shared by all nodes; each run has a folder there.",
        ),
        click.option("--run-name", default=workload, envvar="RUN_NAME", help="The run's folder."),
        click.option(
            "--placement-timeout",
            default=120.0,
            envvar="PLACEMENT_TIMEOUT",
            help="Seconds that a cluster gets to find room for the workers, and for lost ones.",
        ),
        click.option("--verbose", is_flag=True, help="Print what Ray logs."),
    )


def run_options(
    workload: str,
    *,
    num_workers: int = 2,
    in_process: bool = False,
    all_cores: bool = False,
    gpus: bool = True,
) -> Decorator:
    """The options of every training: the fields of `rayworks.common.run.Run`.

    `--resume/--fresh` comes as `fresh`.

    Args:
        workload: its command; the run's name unless told otherwise.
        num_workers: how many workers by default.
        in_process: whether 0 workers train in this process.
        all_cores: whether the workers share all cores of this machine by default, where they have
            enough to do in a step; else each has one.
        gpus: whether it can compute on GPUs.
    """
    none = "; 0 trains in this process, without Ray" if in_process else ""
    return together(
        click.option(
            "--num-workers",
            type=int,
            default=num_workers,
            envvar="NUM_WORKERS",
            help=f"Ray Train workers{none}.",
        ),
        click.option(
            "--min-workers",
            type=int,
            envvar="MIN_WORKERS",
            show_default="all",
            help="Go on with as few as these while there is no room for all.",
        ),
        click.option(
            "--cpus-per-worker",
            type=int,
            default=None if all_cores else 1,
            show_default="this machine's, shared by the workers; on a cluster 1"
            if all_cores
            else True,
            callback=_shared_cores,
            envvar="CPUS_PER_WORKER",
            help="CPUs reserved for a worker, and torch threads in it.",
        ),
        click.option(
            "--use-gpu/--no-use-gpu",
            default=None if gpus else False,
            show_default="where this machine has so many; on a cluster no" if gpus else True,
            envvar="USE_GPU",
            help="A GPU for each worker.",
        ),
        click.option(
            "--fresh/--resume",
            help="Start anew, or go on with an unfinished run of this name and these settings.",
        ),
        click.option(
            "--max-failures",
            default=3,
            envvar="MAX_FAILURES",
            help="How many times lost workers are replaced; those of a node that Ray knows to be "
            "taken away do not count.",
        ),
        job_options(workload),
    )


def _shared_cores(context: click.Context, option: click.Parameter, value: int | None) -> int:
    """The number that was given, or else a worker's share of this machine's cores."""
    if value is not None:
        return value
    from rayworks.common import cluster  # late: Ray comes with it

    # Those that share are known: their option comes before.
    workers = max(1, context.params["num_workers"])
    return 1 if cluster.on_a_cluster() else max(1, cluster.cores() // workers)


def together(*options: Decorator) -> Decorator:
    """Several decorators as one, the first on top."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate
