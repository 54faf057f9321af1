"""The command `rayworks doggos`."""

from __future__ import annotations

import time
from typing import Any

import click

from rayworks.common.options import run_options
from rayworks.doggos.config import CLIP, DOGS, STEPS, Config

STARTED = time.time()
NAME = "doggos"


@click.command(NAME, context_settings={"show_default": True})
@click.option(
    "--data",
    default=DOGS,
    envvar="DATA",
    help="Folder or URI with a folder of images a class, below train/, val/ and test/ or split by "
    "the seed. generated: made here, needs no network.",
)
@click.option(
    "--model",
    default=CLIP,
    envvar="MODEL",
    help="CLIP on Hugging Face's hub (HF_ENDPOINT names a mirror, HF_HOME another cache than the "
    "storage), or a folder. tiny: small and random, needs no network.",
)
@click.option("--generated-images", default=1000, help="How many images are generated.")
@click.option("--until", type=click.Choice(STEPS), default=STEPS[-1], help="Stop after this step.")
@click.option("--epochs", default=20, envvar="EPOCHS", help="Passes over the training data.")
@click.option("--batch-size", default=256, help="Images a step, over all workers.")
@click.option("--hidden", default=256, help="Units of the hidden layer.")
@click.option("--dropout", default=0.3, help="Share of activations dropped in training.")
@click.option("--lr", default=1e-3, help="Learning rate.")
@click.option("--seed", default=0, help="Seed of splits, weights, order and dropout.")
@click.option(
    "--on-corrupt",
    type=click.Choice(["skip", "refuse"]),
    default="skip",
    help="Go on without images that cannot be decoded, and count them; or end.",
)
@click.option(
    "--smoke-test", is_flag=True, help="Generated images and the tiny model, to see that all works."
)
@run_options(NAME, num_workers=1, all_cores=True)
def doggos(smoke_test: bool, **options: Any) -> None:
    """Embed images with CLIP, train a classifier over the embeddings, and evaluate it.

    Four steps: embed, train, infer, evaluate. Started again before its end, a run goes on with the
    step (and the epoch) that it was at; what is embedded is kept by content, for all runs. Leaves
    result.json, learning-curve.png, confusion-matrix.png, model.pt and predictions.parquet in
    STORAGE_PATH/RUN_NAME.

    \b
    On a laptop:  rayworks doggos --data generated --model tiny
    """
    if smoke_test:
        options |= {
            "data": "generated",
            "model": "tiny",
            "generated_images": 160,
            "batch_size": 32 * options["num_workers"],
        }
    config = Config(workload=NAME, **options)
    from rayworks.doggos.run import run

    run(config, STARTED)
