"""The training loop: torch alone, the same under Ray Train, under torchrun and in one process.

An epoch depends on the seed and its own number only, never on the epochs before it having run in
the same process: a run that resumes ends with the numbers of one that was never interrupted. Nor
does it depend on how many ranks share a batch, up to the rounding of sums.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from rayworks.classifier.config import Config
from rayworks.classifier.data import Images
from rayworks.classifier.pixels import pixels
from rayworks.common import seeds
from rayworks.common.factored import FactoredDataParallel
from rayworks.common.whole_batch import over_ranks, share

#: Steps between two calls of on_step: rare enough to cost nothing.
STEPS_BETWEEN = 25


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch's numbers, over all ranks."""

    epoch: int
    """Counted from 1."""
    train_loss: float
    """Mean cross entropy over the training images, with dropout, as the weights change."""
    loss: float
    """Mean cross entropy over the test images after the epoch."""
    accuracy: float
    """Share of test images classified rightly after the epoch."""
    seconds: float
    """Training time, without the test."""
    images_per_second: float
    """Training throughput of all ranks together."""


class Training:
    """Model, optimizer and history of a run on one rank.

    Args:
        config: the run.
        images: the whole data set; each rank keeps it as one tensor and takes its share by index.
        rank: this process among world_size.
        world_size: number of processes; more than one need a process group.
        device: where to train.
    """

    def __init__(
        self, config: Config, images: Images, rank: int, world_size: int, device: torch.device
    ) -> None:
        self.config = config
        self.rank = rank
        self.world_size = world_size
        self.device = device
        self.history: list[Epoch] = []
        self._train = _tensors(images.train_images, images.train_labels, device)
        self._test = _tensors(images.test_images, images.test_labels, device)
        torch.manual_seed(config.seed)
        self.model = config.network()
        over_ranks(self.model, rank, world_size)
        self.model.to(device)
        self._parallel: nn.Module = self.model
        if world_size > 1:
            if FactoredDataParallel.pays(self.model, config.batch_size):
                self._parallel = FactoredDataParallel(self.model, world_size)
            else:
                self._parallel = DistributedDataParallel(self.model, gradient_as_bucket_view=True)
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), lr=config.lr, momentum=config.momentum, fused=True
        )

    def state(self) -> bytes:
        """All that the next epoch depends on, for load."""
        buffer = io.BytesIO()
        torch.save(
            {
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "metadata": json.dumps(self.metadata()),
            },
            buffer,
        )
        return buffer.getvalue()

    def metadata(self) -> dict[str, Any]:
        """What the weights are: enough to rebuild the model and to go on."""
        return {
            "settings": self.config.settings,
            "history": [asdict(epoch) for epoch in self.history],
        }

    def load(self, state: bytes) -> None:
        """Go on from a state: weights, momentum and history."""
        saved = torch.load(io.BytesIO(state), map_location=self.device, weights_only=True)
        self.model.load_state_dict(saved["model"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.history = [Epoch(**epoch) for epoch in json.loads(saved["metadata"])["history"]]

    def run(self, on_step: Callable[[int, int, int], None], on_epoch: Callable[[], None]) -> None:
        """Train the epochs that are left.

        Args:
            on_step: called with epoch, steps done and steps in all (of the run) after the first
                step and then every STEPS_BETWEEN.
            on_epoch: called after each epoch, when history and state are those of its end.
        """
        for number in range(len(self.history) + 1, self.config.epochs + 1):
            start = time.perf_counter()
            train_loss = self._train_epoch(number, on_step)
            seconds = time.perf_counter() - start
            loss, accuracy = self.evaluate()
            rate = len(self._train[1]) / seconds
            self.history.append(Epoch(number, train_loss, loss, accuracy, seconds, rate))
            on_epoch()

    def _train_epoch(self, number: int, on_step: Callable[[int, int, int], None]) -> float:
        if isinstance(self._parallel, FactoredDataParallel):
            self._parallel.align()
        images, labels = self._train
        batch, seed = self.config.batch_size, self.config.seed
        torch.manual_seed(seeds.seed(seed, number, 1))  # of dropout, for all ranks
        order = share(len(labels), batch, seed, number, self.rank, self.world_size)
        # The whole share at once: gathering and scaling 16 images a step would cost more
        # than what the network does with them.
        mine = pixels(images[order.to(self.device)])
        truth = labels[order.to(self.device)]
        size = batch // self.world_size
        steps = len(truth) // size
        total = torch.zeros((), device=self.device)
        self._parallel.train()
        for step, (inputs, targets) in enumerate(
            zip(torch.split(mine, size), torch.split(truth, size), strict=True), start=1
        ):
            loss = nn.functional.cross_entropy(self._parallel(inputs), targets)
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            total += loss.detach() * len(targets)
            if step % STEPS_BETWEEN == 0 or step == 1:
                on_step(number, (number - 1) * steps + step, self.config.epochs * steps)
        sums = self._over_ranks(torch.stack([total, total.new_tensor(len(truth))]))
        return float(sums[0] / sums[1])

    def evaluate(self) -> tuple[float, float]:
        """Mean loss and accuracy over the test images, each seen by one rank."""
        images, labels = (part[self.rank :: self.world_size] for part in self._test)
        sums = torch.zeros(3, dtype=torch.float64, device=self.device)
        self.model.eval()
        with torch.inference_mode():
            for inputs, targets in zip(
                torch.split(images, 1024), torch.split(labels, 1024), strict=True
            ):
                logits = self.model(pixels(inputs))
                sums[0] += nn.functional.cross_entropy(logits, targets, reduction="sum")
                sums[1] += (logits.argmax(1) == targets).sum()
                sums[2] += len(targets)
        sums = self._over_ranks(sums)
        return float(sums[0] / sums[2]), float(sums[1] / sums[2])

    def _over_ranks(self, sums: Tensor) -> Tensor:
        if self.world_size > 1:
            dist.all_reduce(sums)
        return sums


def _tensors(images: Any, labels: Any, device: torch.device) -> tuple[Tensor, Tensor]:
    return (
        torch.tensor(images).reshape(len(images), -1).to(device),
        torch.tensor(labels, dtype=torch.int64).to(device),
    )
