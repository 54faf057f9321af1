"""The command `rayworks mnist`."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from rayworks.classifier.config import Config
from rayworks.classifier.options import classifier_options, with_defaults
from rayworks.common.options import run_options

STARTED = time.time()
NAME = "mnist"
MODEL = "rayworks.mnist.model:Cnn"

_url = click.option("--url", default="http://127.0.0.1:8000/mnist", help="The endpoint.")


@click.group(NAME, context_settings={"show_default": True})
def mnist() -> None:
    """Train a network to read digits, and serve it.

    \b
    On a laptop:  rayworks mnist train --dataset digits
                  rayworks mnist serve
                  rayworks mnist classify
    """


@mnist.command()
@classifier_options("mnist", lr=0.02)
@run_options(NAME, in_process=True)
def train(**options: Any) -> None:
    """Train, data-parallel over Ray workers, with a checkpoint an epoch.

    Leaves result.json, learning-curve.png and checkpoints in STORAGE_PATH/RUN_NAME. Started again
    before its end, a run goes on from its last checkpoint.
    """
    config = Config(workload=NAME, model=MODEL, **with_defaults(options))
    from rayworks.classifier.train import run

    run(config, STARTED)


@mnist.command()
@click.option(
    "--storage-path",
    default="results",
    envvar="STORAGE_PATH",
    help="Folder or URI, where the training left its run.",
)
@click.option(
    "--run-name",
    default=NAME,
    envvar="RUN_NAME",
    help="The training's; for the best trial of a search, tune-fashion-mnist-best.",
)
@click.option("--num-replicas", type=click.IntRange(1), default=2, help="How many answer.")
@click.option(
    "--gpu-share",
    type=click.FloatRange(0, 1),
    default=0.0,
    help="How much of a GPU each replica has; 0 computes on CPUs.",
)
@click.option(
    "--placement-timeout",
    default=120.0,
    envvar="PLACEMENT_TIMEOUT",
    help="Seconds that a cluster gets to find room for the replicas.",
)
@click.option("--port", type=click.IntRange(1, 65535), default=8000, help="On this machine.")
@click.option("--verbose", is_flag=True, help="Print what Ray logs.")
def serve(**options: Any) -> None:
    """Serve a training's newest checkpoint at /mnist, until Ctrl-C."""
    from rayworks.mnist.launch import launch

    launch(**options)


@mnist.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_url
def classify(files: tuple[Path, ...], url: str) -> None:
    """Have images (PNG or JPEG; white on black) read, each sent in the three forms there are.

    Without FILES, one of each of the handwritten digits that scikit-learn ships.
    """
    from rayworks.mnist import client

    contents = {str(path): path.read_bytes() for path in files} or client.samples()
    for answer in client.classify(url, contents):
        click.echo(json.dumps(answer))


@mnist.command()
@_url
@click.option("--requests", type=click.IntRange(1), default=2000, help="How many in all.")
@click.option("--concurrency", type=click.IntRange(1), default=64, help="How many at a time.")
@click.option(
    "--form",
    type=click.Choice(["image", "base64", "data"]),
    default="data",
    help="An image as it is, or JSON with one in base64, or JSON with its values.",
)
def load(url: str, requests: int, concurrency: int, form: str) -> None:
    """Send requests, several at a time, and measure; the last line is JSON.

    Fails when not one is answered.
    """
    from rayworks.mnist import client

    numbers = client.load(url, requests=requests, concurrency=concurrency, form=form)
    for name, value in numbers.items():
        click.echo(f"{name.replace('_', ' '):<20}  {value}")
    click.echo(json.dumps(numbers))
    if numbers["failed"] == requests:
        raise click.exceptions.Exit(1)
