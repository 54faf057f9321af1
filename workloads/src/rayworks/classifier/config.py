"""What a run can be told, checked once at the edge."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rayworks.common.run import Run

if TYPE_CHECKING:
    from torch import nn

#: Epochs when none are asked for. Fashion-MNIST: as in the sample that its run follows. The
#: digits are 1,437 images, 45 steps an epoch: it takes more epochs to get as many steps. What a
#: benchmark generates is trained on for as long as in the one that it follows.
EPOCHS = {"fashion-mnist": 10, "mnist": 5, "digits": 30, "generated": 20}


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(Run):
    """A training of a classifier."""

    SETTINGS: ClassVar[tuple[str, ...]] = (
        "model", "dataset", "epochs", "batch_size", "lr", "momentum", "dropout", "seed",
    )  # fmt: skip

    model: str
    """The network's class, `module:name`; it is called with the dropout."""
    dataset: str
    """A key of EPOCHS."""
    epochs: int
    """Passes over the training data, over all attempts of the run."""
    batch_size: int = 32
    """Images a step, over all workers."""
    lr: float = 1e-3
    """Learning rate of SGD."""
    momentum: float = 0.9
    """Momentum of SGD."""
    dropout: float = 0.25
    """Share of activations dropped while training."""
    seed: int = 0
    """Seed of weights, order and dropout."""
    data_dir: Path | None = None
    """Folder of the data set's idx files; None: beside the results, downloaded if missing."""

    def __post_init__(self) -> None:
        super(Config, self).__post_init__()  # slots: the class of a bare super() is another
        if self.dataset not in EPOCHS:
            self.refuse("dataset", f"is not one of {', '.join(EPOCHS)}")
        self.at_least_one("epochs", "batch_size")
        self.not_negative("seed")
        self.positive("lr")
        self.fraction("dropout")
        self.share_evenly(self.batch_size)

    def network(self) -> nn.Module:
        """The model with fresh weights."""
        return network(self.model, self.dropout)


def network(model: str, dropout: float) -> nn.Module:
    """A network with fresh weights.

    Args:
        model: its class, `module:name`.
        dropout: what the class is called with.

    Raises:
        TypeError: it is something else. A checkpoint names its network, and that must not be a way
            to have any function called.
    """
    from torch import nn

    module, name = model.split(":")
    build = getattr(importlib.import_module(module), name)
    if not (isinstance(build, type) and issubclass(build, nn.Module)):
        raise TypeError(f"{model} is no network")
    return build(dropout)
