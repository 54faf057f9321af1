"""The training loop: torch alone.

An epoch depends on the seed and its own number only, so that a run that resumes ends as one that
was never interrupted.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from rayworks.common.distributed import Place
from rayworks.image_training.config import Config
from rayworks.image_training.model import Network


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch's numbers, over all ranks."""

    epoch: int
    """Counted from 1."""
    train_loss: float
    """Mean cross entropy over the images, as the weights change."""
    images: int
    """How many there were: all that could be decoded, shared out evenly."""
    seconds: float
    """From the first batch asked for to the last step."""
    images_per_second: float
    """Throughput of all ranks together."""


class Training:
    """Network, optimizer and history of a run on one rank.

    Args:
        config: the run.
        place: this process; more than one need a process group.
        weights: of ResNet-18 to begin with; None: random ones, from the seed.
    """

    def __init__(self, config: Config, place: Place, weights: dict[str, Any] | None) -> None:
        self.config, self.place = config, place
        self.history: list[Epoch] = []
        self.device = torch.device(place.device)
        torch.set_float32_matmul_precision("high")  # TF32 where a GPU has it
        torch.backends.cudnn.benchmark = True
        torch.manual_seed(config.seed)
        self.network = Network()
        if weights is not None:
            self.network.resnet.load_state_dict(weights)
        self.network.to(self.device).to(memory_format=torch.channels_last)
        self._parallel: nn.Module = self.network
        if place.world_size > 1:
            self._parallel = DistributedDataParallel(self.network, gradient_as_bucket_view=True)
        self.optimizer = torch.optim.SGD(
            self.network.parameters(), lr=config.lr, momentum=config.momentum, fused=True
        )

    def state(self) -> bytes:
        """All that the next epoch depends on, for load."""
        buffer = io.BytesIO()
        torch.save(
            {
                "model": self.network.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "history": json.dumps([asdict(epoch) for epoch in self.history]),
            },
            buffer,
        )
        return buffer.getvalue()

    def load(self, state: bytes) -> None:
        """Go on from a state."""
        saved = torch.load(io.BytesIO(state), map_location=self.device, weights_only=True)
        self.network.load_state_dict(saved["model"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.history = [Epoch(**epoch) for epoch in json.loads(saved["history"])]

    def epoch(self, batches: Iterable[dict[str, Tensor]], on_step: Callable[[int], None]) -> Epoch:
        """Train one epoch.

        Args:
            batches: image (n, 224, 224, 3) bytes and label (n,), on the device; equally many
                on all ranks.
            on_step: called after each step with the images that all ranks have done in the epoch.

        Raises:
            ValueError: there was no image.
        """
        start = time.perf_counter()
        total = torch.zeros((), device=self.device)
        seen = 0
        self._parallel.train()
        for batch in batches:
            labels = batch["label"]
            with torch.autocast(self.device.type, torch.bfloat16, self.device.type == "cuda"):
                loss = nn.functional.cross_entropy(self._parallel(batch["image"]), labels)
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            total += loss.detach() * len(labels)
            seen += len(labels)
            on_step(seen * self.place.world_size)
        sums = torch.stack([total, total.new_tensor(seen)])
        if self.place.world_size > 1:
            dist.all_reduce(sums)
        images = int(sums[1])
        if not images:
            raise ValueError("no image could be decoded")
        seconds = time.perf_counter() - start
        number = len(self.history) + 1
        self.history.append(
            Epoch(number, float(sums[0]) / images, images, seconds, images / seconds)
        )
        return self.history[-1]
