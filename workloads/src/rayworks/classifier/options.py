"""The options of a command that trains a classifier, as a decorator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from rayworks.classifier.config import EPOCHS
from rayworks.common.options import Decorator


def classifier_options(dataset: str, *, lr: float) -> Decorator:
    """The fields of `rayworks.classifier.config.Config` that a user sets.

    Args:
        dataset: trained on by default; the digits are the other choice.
        lr: learning rate by default.
    """
    choices = (dataset, "digits")
    options = [
        click.option(
            "--dataset",
            type=click.Choice(choices),
            default=dataset,
            envvar="DATASET",
            help="digits: the real handwriting that scikit-learn ships; needs no network.",
        ),
        click.option(
            "--epochs",
            type=int,
            envvar="EPOCHS",
            show_default=", ".join(f"{EPOCHS[name]} for {name}" for name in choices),
            help="Passes over the training data.",
        ),
        click.option("--batch-size", default=32, help="Images a step, over all workers."),
        click.option("--lr", default=lr, help="Learning rate."),
        click.option("--dropout", default=0.25, help="Share of activations dropped in training."),
        click.option("--seed", default=0, help="Seed of weights, order and dropout."),
        click.option(
            "--data-dir",
            type=click.Path(path_type=Path),
            envvar="DATA_DIR",
            show_default="data, beside the runs",
            help="Folder of the data set's idx files; downloaded there if it has none.",
        ),
        click.option(
            "--smoke-test", is_flag=True, help="One epoch of the digits, to see that all works."
        ),
    ]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def with_defaults(options: dict[str, Any]) -> dict[str, Any]:
    """The options as fields: what --smoke-test and the data set decide is filled in."""
    if options.pop("smoke_test"):
        options |= {"dataset": "digits", "epochs": options["epochs"] or 1}
    if options["epochs"] is None:
        options["epochs"] = EPOCHS[options["dataset"]]
    return options
