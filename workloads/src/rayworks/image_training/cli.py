"""The command `rayworks image-training`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from rayworks.common.options import run_options
from rayworks.image_training.config import BUCKET, Config

STARTED = time.time()
NAME = "image-training"


@click.command(NAME, context_settings={"show_default": True})
@click.option(
    "--data-uri",
    default=BUCKET,
    envvar="DATA_URI",
    help="Folder or URI with images, or with Parquet files of them (columns image, label). "
    "generated: made here, needs no network. The folder that an image lies in is its class.",
)
@click.option(
    "--data-size-gb",
    default=1.0,
    envvar="DATA_SIZE_GB",
    help="GiB of the bucket's or the generated data.",
)
@click.option("--num-epochs", default=2, envvar="NUM_EPOCHS", help="Passes over the data.")
@click.option(
    "--weights",
    type=click.Choice(["pretrained", "none"]),
    default="pretrained",
    envvar="WEIGHTS",
    help="What ResNet-18 begins with: those of ImageNet, downloaded once, or random ones.",
)
@click.option(
    "--batch-size", default=64, envvar="BATCH_SIZE", help="Images a step, over all workers."
)
@click.option("--lr", default=1e-3, help="Learning rate.")
@click.option("--momentum", default=0.9, help="Momentum.")
@click.option("--seed", default=0, help="Seed of weights and order.")
@click.option(
    "--on-corrupt",
    type=click.Choice(["skip", "refuse"]),
    default="skip",
    help="Go on without images that cannot be decoded, and count them; or end.",
)
@click.option(
    "--pipeline/--no-pipeline",
    envvar="PIPELINE",
    help="After the training, predict the class of each image, to Parquet.",
)
@click.option("--smoke-test", is_flag=True, help="32 generated images, to see that all works.")
@click.option(
    "--test-output-json",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="TEST_OUTPUT_JSON",
    help="Another file for the timings, as the sample writes them.",
)
@run_options(NAME, num_workers=1, all_cores=True)
def image_training(smoke_test: bool, test_output_json: Path | None, **options: Any) -> None:
    """Train ResNet-18 on folders of images, read by Ray Data, data-parallel over Ray workers.

    Leaves result.json, learning-curve.png, model.pt and checkpoints in STORAGE_PATH/RUN_NAME, and
    with --pipeline predictions/. Started again before its end, a run goes on from its last
    checkpoint, and does not repeat a step that is done: a training that has ended, asked again
    with --pipeline, only predicts.

    \b
    On a laptop:  rayworks image-training --smoke-test --pipeline
    """
    if smoke_test:
        options |= {
            "data_uri": "generated", "data_size_gb": 0.0007, "weights": "none", "num_epochs": 1,
            "batch_size": 16 * options["num_workers"],
        }  # fmt: skip
    config = Config(workload=NAME, **options)
    from rayworks.image_training.run import run

    run(config, STARTED, test_output_json)
