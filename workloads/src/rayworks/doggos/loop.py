"""The training loop: torch alone.

An epoch depends on the seed and its own number only, so that a run that resumes ends as one that
was never interrupted, and not on how many ranks share a batch, up to the rounding of sums.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from rayworks.common import seeds
from rayworks.common.distributed import Place
from rayworks.common.whole_batch import over_ranks, share
from rayworks.doggos.config import Config
from rayworks.doggos.model import Classifier


@dataclass(frozen=True, slots=True)
class Arrays:
    """Embeddings (n, d) and labels (n,), to train on and to choose the best epoch by."""

    train: tuple[NDArray[np.float32], NDArray[np.int64]]
    val: tuple[NDArray[np.float32], NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch's numbers, over all ranks."""

    epoch: int
    """Counted from 1."""
    train_loss: float
    """Mean cross entropy over the training images, with dropout, as the weights change."""
    val_loss: float
    """Mean cross entropy over the validation images after the epoch."""
    val_accuracy: float
    """Share of them classified rightly."""


class Training:
    """Model, optimizer and history of a run on one rank.

    Args:
        config: the run.
        arrays: all data; a rank takes its share by index.
        classes: number of classes.
        place: this process; more than one need a process group.
    """

    def __init__(self, config: Config, arrays: Arrays, classes: int, place: Place) -> None:
        self.config, self.place = config, place
        self.history: list[Epoch] = []
        self.best: dict[str, Tensor] = {}
        """Weights after the epoch with the lowest validation loss, the first of equals."""
        device = torch.device(place.device)
        self._train = _tensors(arrays.train, device)
        self._val = _tensors(arrays.val, device)
        torch.manual_seed(config.seed)
        width = arrays.train[0].shape[1]
        self.model = Classifier(width, config.hidden, config.dropout, classes)
        over_ranks(self.model, place.rank, place.world_size)
        self.model.to(device)
        self._parallel: nn.Module = self.model
        if place.world_size > 1:
            # What batch norm has counted is the same on all ranks.
            self._parallel = DistributedDataParallel(self.model, forward_sync_buffers=False)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=config.lr)

    def state(self) -> bytes:
        """All that the next epoch depends on, for load."""
        buffer = io.BytesIO()
        torch.save(
            {
                "model": self.model.state_dict(),
                "best": self.best,
                "optimizer": self.optimizer.state_dict(),
                "history": json.dumps([asdict(epoch) for epoch in self.history]),
            },
            buffer,
        )
        return buffer.getvalue()

    def load(self, state: bytes) -> None:
        """Go on from a state."""
        saved = torch.load(io.BytesIO(state), map_location=self.place.device, weights_only=True)
        self.model.load_state_dict(saved["model"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.best = saved["best"]
        self.history = [Epoch(**epoch) for epoch in json.loads(saved["history"])]

    def run(self, on_epoch: Callable[[Epoch], None]) -> None:
        """Train the epochs that are left; on_epoch is called after each."""
        for number in range(len(self.history) + 1, self.config.epochs + 1):
            train_loss = self._train_epoch(number)
            lowest = min((epoch.val_loss for epoch in self.history), default=float("inf"))
            self.history.append(Epoch(number, train_loss, *self._evaluate()))
            if self.history[-1].val_loss < lowest:
                self.best = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
            on_epoch(self.history[-1])

    def _train_epoch(self, number: int) -> float:
        inputs, labels = self._train
        rank, world_size = self.place.rank, self.place.world_size
        batch, seed = self.config.batch_size, self.config.seed
        torch.manual_seed(seeds.seed(seed, number, 1))  # of dropout, for all ranks
        order = share(len(labels), batch, seed, number, rank, world_size)
        sums = torch.zeros(2, dtype=torch.float64, device=labels.device)
        self._parallel.train()
        for indices in torch.split(order.to(labels.device), batch // world_size):
            loss = nn.functional.cross_entropy(self._parallel(inputs[indices]), labels[indices])
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            sums += torch.stack([loss.detach() * len(indices), loss.new_tensor(len(indices))])
        sums = self._over_ranks(sums)
        return float(sums[0] / sums[1])

    def _evaluate(self) -> tuple[float, float]:
        """Mean loss and accuracy over the validation images, each seen by one rank."""
        inputs, labels = (part[self.place.rank :: self.place.world_size] for part in self._val)
        sums = torch.zeros(3, dtype=torch.float64, device=labels.device)
        self.model.eval()
        with torch.inference_mode():
            if len(labels):
                logits = self.model(inputs)
                sums[0] = nn.functional.cross_entropy(logits, labels, reduction="sum")
                sums[1] = (logits.argmax(1) == labels).sum()
                sums[2] = len(labels)
        sums = self._over_ranks(sums)
        return float(sums[0] / sums[2]), float(sums[1] / sums[2])

    def _over_ranks(self, sums: Tensor) -> Tensor:
        if self.place.world_size > 1:
            dist.all_reduce(sums)
        return sums


def _tensors(part: tuple[Any, Any], device: torch.device) -> tuple[Tensor, Tensor]:
    embeddings, labels = part
    return torch.tensor(embeddings, device=device), torch.tensor(labels, device=device)
