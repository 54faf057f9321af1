"""What a run can be told, checked once at the edge."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rayworks.common.errors import UserError

#: Epochs when none are asked for. Fashion-MNIST: as in the sample that this run follows. The
#: digits are 1,437 images, 45 steps an epoch: it takes more epochs to get as many steps.
EPOCHS = {"fashion-mnist": 10, "digits": 30}


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """A run of the workload.

    Raises:
        UserError: a value that cannot work, with the option that sets it.
    """

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
    """Share of activations dropped after each hidden layer."""
    seed: int = 0
    """Seed of weights, order and dropout."""
    num_workers: int = 2
    """Ray Train workers; 0 trains in this process, without Ray."""
    cpus_per_worker: int = 1
    """CPUs that Ray reserves for a worker, and torch threads in it."""
    use_gpu: bool = False
    """A GPU for each worker."""
    data_dir: Path | None = None
    """Folder of Fashion-MNIST's idx files; None: beside the results, downloaded if missing."""
    storage_path: str
    """Folder or URI, shared by all nodes, under which each run has a folder."""
    run_name: str
    """Name of the run's folder."""
    fresh: bool = False
    """Start anew even if the run can be resumed."""
    max_failures: int = 3
    """How many times lost workers are replaced."""
    placement_timeout: float = 120.0
    """Seconds that a cluster gets to find room for the workers."""
    verbose: bool = False
    """Print what Ray logs."""

    def __post_init__(self) -> None:
        if self.dataset not in EPOCHS:
            _refuse("dataset", self.dataset, f"is not one of {', '.join(EPOCHS)}")
        for name in ("epochs", "batch_size", "cpus_per_worker"):
            if getattr(self, name) < 1:
                _refuse(name, getattr(self, name), "must be at least 1")
        for name in ("num_workers", "seed", "max_failures", "placement_timeout"):
            if getattr(self, name) < 0:
                _refuse(name, getattr(self, name), "must not be negative")
        if not 0 < self.lr < float("inf"):
            _refuse("lr", self.lr, "must be a positive number")
        if self.batch_size % self.world_size:
            nearest = max(1, round(self.batch_size / self.world_size)) * self.world_size
            raise UserError(
                f"--batch-size {self.batch_size} cannot be shared evenly by "
                f"{self.world_size} workers",
                f"--batch-size {nearest}",
            )
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.run_name):
            _refuse("run_name", self.run_name, "must be letters, digits, dots and dashes")
        if self.use_gpu and self.num_workers == 0:
            raise UserError("--use-gpu needs a Ray worker", "--num-workers 1")

    @property
    def world_size(self) -> int:
        """Number of processes that train."""
        return max(1, self.num_workers)

    @property
    def resources(self) -> dict[str, float]:
        """What Ray reserves for a worker."""
        return {"CPU": float(self.cpus_per_worker), **({"GPU": 1.0} if self.use_gpu else {})}

    @property
    def settings(self) -> dict[str, Any]:
        """What the numbers depend on; a checkpoint is resumed only by a run that shares it."""
        names = ("dataset", "epochs", "batch_size", "lr", "momentum", "dropout", "seed")
        return {name: getattr(self, name) for name in names}


def _refuse(name: str, value: object, why: str) -> None:
    raise UserError(f"--{name.replace('_', '-')} {value} {why}", "rayworks fashion-mnist --help")
