"""The command `rayworks fine-tune`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from rayworks.common.options import run_options
from rayworks.fine_tune.config import PYDOC, STRATEGIES, TINY, Config

STARTED = time.time()
NAME = "fine-tune"


@click.group(NAME, invoke_without_command=True, context_settings={"show_default": True})
@click.option(
    "--model",
    default="gpt2-large",
    envvar="MODEL",
    help=f"Name on the Hugging Face hub, or a folder. {TINY}: random, made here, no network.",
)
@click.option(
    "--strategy",
    type=click.Choice(STRATEGIES),
    default="fsdp",
    envvar="STRATEGY",
    help="Who shards the state. deepspeed: ZeRO-3, needs that package.",
)
@click.option(
    "--text",
    type=click.Path(path_type=Path),
    envvar="TEXT",
    help="Text file, or folder of .txt files, that this machine can read.",
)
@click.option(
    "--dataset",
    envvar="DATASET",
    help="In place of --text: name[:configuration] on the Hugging Face hub (needs the package "
    f"datasets), or {PYDOC}: Python's language reference; needs no network.",
)
@click.option("--block-size", default=1024, envvar="BLOCK_SIZE", help="Tokens seen at once.")
@click.option(
    "--batch-size", default=8, envvar="BATCH_SIZE", help="Blocks a step, over all workers."
)
@click.option(
    "--micro-batch-size",
    default=1,
    envvar="MICRO_BATCH_SIZE",
    help="Blocks that a worker computes at once; gradients accumulate up to a step.",
)
@click.option("--epochs", default=3, envvar="EPOCHS", help="Passes over the training text.")
@click.option("--lr", default=5e-5, envvar="LR", help="Learning rate at the start; falls to 0.")
@click.option("--dropout", default=0.0, help="Share of activations dropped in training.")
@click.option("--held-out", default=0.1, help="Share of the text, its end, that only measures.")
@click.option("--seed", default=0, help="Seed of order and dropout, and of the tiny weights.")
@click.option(
    "--smoke-test",
    is_flag=True,
    help=f"An epoch of --model {TINY} on --dataset {PYDOC}, to see that all works.",
)
@run_options(NAME)
@click.pass_context
def fine_tune(context: click.Context, /, **options: Any) -> None:
    """Fine-tune a causal language model, its state sharded over Ray workers.

    Leaves result.json, learning-curve.png, the model and checkpoints in STORAGE_PATH/RUN_NAME.
    Started again before its end, a run goes on from its last checkpoint, also with another number
    of workers.

    \b
    On a laptop:  rayworks fine-tune --model tiny --dataset pydoc --block-size 128 --lr 1e-3
    """
    if context.invoked_subcommand:
        return
    if options.pop("smoke_test"):
        options |= {
            "model": TINY, "dataset": PYDOC, "text": None, "block_size": 128,
            "micro_batch_size": 32, "batch_size": 64, "held_out": 0.5, "epochs": 1, "lr": 2e-3,
        }  # fmt: skip
    config = Config(workload=NAME, **options)
    from rayworks.fine_tune.train import run

    run(config, STARTED)


@fine_tune.command()
@click.option("--prompt", required=True, help="The beginning of a text.")
@click.option("--max-new-tokens", default=50, help="The most tokens to add.")
@click.option("--temperature", default=1.0, help="Of the choice of tokens; 0: the likeliest.")
@click.option("--seed", default=0, help="Seed of that choice.")
@click.option("--storage-path", default="results", envvar="STORAGE_PATH", help="As in training.")
@click.option("--run-name", default=NAME, envvar="RUN_NAME", help="The run that trained.")
def generate(storage_path: str, run_name: str, **options: Any) -> None:
    """Print a prompt and how a trained model goes on.

    \b
    For example:  rayworks fine-tune generate --prompt "A function is"
    """
    from rayworks.fine_tune.generate import generate as generated

    click.echo(generated(f"{storage_path.rstrip('/')}/{run_name}", **options))
