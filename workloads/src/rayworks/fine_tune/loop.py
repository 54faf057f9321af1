"""The training loop: torch alone, the same on any number of ranks.

A step sees the same blocks whatever the world size, and an epoch depends on the seed and its own
number only: without dropout, which each rank draws for itself, a run that goes on with other ranks
ends with the numbers of one that was never interrupted, up to the rounding of sums.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from rayworks.common import seeds
from rayworks.common.distributed import Place
from rayworks.fine_tune.config import Config
from rayworks.fine_tune.sharding import Fsdp, Sharded
from rayworks.fine_tune.text import Blocks

#: Beside the shards in a checkpoint: what is not a tensor.
METADATA = "metadata.json"

#: In the place of the token that follows a block's last one.
NO_TOKEN = -100


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch's numbers, over all ranks."""

    epoch: int
    """Counted from 1."""
    train_loss: float
    """Mean cross entropy of a training token in nats, as the weights change."""
    loss: float
    """Mean cross entropy of a held-out token after the epoch."""
    perplexity: float
    """Its exponential: between how many tokens, alike in chance, the model wavers."""
    seconds: float
    """Training time, without the measuring."""
    tokens_per_second: float
    """Training throughput of all ranks together."""


class Training:
    """Model, optimizer and history of a run on one rank.

    Args:
        config: the run.
        blocks: the whole corpus; each rank takes its share by index.
        model: with the weights to begin with, the same on all ranks; trained in place.
        place: this process; more than one need a process group.
    """

    def __init__(self, config: Config, blocks: Blocks, model: nn.Module, place: Place) -> None:
        self.config = config
        self.place = place
        self.history: list[Epoch] = []
        self._train = torch.tensor(blocks.train)
        self._held_out = torch.tensor(blocks.held_out)
        self.sharded: Sharded
        if config.strategy == "deepspeed":
            from rayworks.fine_tune.zero import Zero

            self.sharded = Zero(model, config, place)
        else:
            self.sharded = Fsdp(model, place)

    @property
    def steps(self) -> int:
        """Those of an epoch; the blocks of the order that do not make up a step are left out."""
        return len(self._train) // self.config.batch_size

    def save(self, folder: str) -> None:
        """Write this rank's part of a checkpoint."""
        self.sharded.save(folder)
        if self.place.rank == 0:
            about = {
                "settings": self.config.settings,
                "world_size": self.place.world_size,
                "history": [asdict(epoch) for epoch in self.history],
            }
            Path(folder, METADATA).write_text(json.dumps(about, indent=2))

    def load(self, folder: str) -> None:
        """Go on from a checkpoint of all ranks.

        Raises:
            ValueError: DeepSpeed is to go on with another number of ranks.
        """
        about = json.loads(Path(folder, METADATA).read_text())
        if self.config.strategy == "deepspeed" and about["world_size"] != self.place.world_size:
            raise ValueError(
                f"DeepSpeed's checkpoint is of {about['world_size']} workers and cannot go on with "
                f"{self.place.world_size}; --strategy fsdp can"
            )
        self.sharded.load(folder)
        self.history = [Epoch(**epoch) for epoch in about["history"]]

    def run(self, on_step: Callable[[int, int], None], on_epoch: Callable[[], None]) -> None:
        """Train the epochs that are left.

        Args:
            on_step: called with the epoch and the steps done (of the run) after each step.
            on_epoch: called after each epoch, when history and state are those of its end.
        """
        for number in range(len(self.history) + 1, self.config.epochs + 1):
            start = time.perf_counter()
            train_loss = self._train_epoch(number, on_step)
            seconds = time.perf_counter() - start
            loss = self.evaluate()
            tokens = self.steps * self.config.batch_size * self.config.block_size
            perplexity = math.exp(min(loss, 700.0))  # above, a float has no room for it
            self.history.append(
                Epoch(number, train_loss, loss, perplexity, seconds, tokens / seconds)
            )
            on_epoch()

    def evaluate(self) -> float:
        """Mean cross entropy over the held-out tokens."""
        count, ranks = len(self._held_out), self.place.world_size
        # Ranks gather each other's weights, so that all must compute equally often: the last ones
        # may do so for blocks that have been measured already, and do not count.
        mine = torch.arange(self.place.rank, -(-count // ranks) * ranks, ranks)
        total = torch.zeros((), dtype=torch.float64)
        self.sharded.module.eval()
        with torch.no_grad():  # FSDP2 cannot gather under inference_mode
            for part in torch.split(mine, self.config.micro_batch_size):
                losses = self._losses(self._held_out[part % count]).double().cpu()
                total += losses[part < count].sum()
        return self._over_ranks(total) / count

    def _train_epoch(self, number: int, on_step: Callable[[int, int], None]) -> float:
        config, place = self.config, self.place
        torch.manual_seed(seeds.seed(config.seed, number, place.rank))
        generator = torch.Generator().manual_seed(seeds.seed(config.seed, number))
        order = torch.randperm(len(self._train), generator=generator)
        share = config.batch_size // place.world_size
        total = torch.zeros((), dtype=torch.float64, device=place.device)
        self.sharded.module.train()
        for step in range(self.steps):
            batch = order[step * config.batch_size : (step + 1) * config.batch_size]
            mine = batch[place.rank :: place.world_size]
            parts = torch.split(mine, config.micro_batch_size)
            for at, part in enumerate(parts, start=1):
                loss = self._losses(self._train[part]).sum() / share
                self.sharded.backward(loss, last=at == len(parts))
                total += loss.detach()
            done = (number - 1) * self.steps + step
            self.sharded.step(config.lr * (1 - done / (config.epochs * self.steps)))
            on_step(number, done + 1)
        return self._over_ranks(total) / (self.steps * place.world_size)

    def _losses(self, tokens: Tensor) -> Tensor:
        """Mean cross entropy of each block of (n, block size) when told from those before, (n,)."""
        if self.place.device == "cuda":
            tokens = tokens.pin_memory().to("cuda", non_blocking=True)
        tokens = tokens.long()
        with self.sharded.precision():
            logits = self.sharded.module(input_ids=tokens, use_cache=False).logits
        # Left where they lie: without the last ones, the logits would be copied once more.
        told = nn.functional.pad(tokens[:, 1:], (0, 1), value=NO_TOKEN)
        found = nn.functional.cross_entropy(
            logits.flatten(0, 1).float(), told.flatten(), ignore_index=NO_TOKEN, reduction="none"
        )
        return found.view(told.shape).sum(dim=1) / (tokens.shape[1] - 1)

    def _over_ranks(self, total: Tensor) -> float:
        if self.place.world_size > 1:
            total = total.to(self.place.device)
            dist.all_reduce(total)
        return float(total)


def numbers(training: Training) -> list[dict[str, Any]]:
    """The history as JSON has it."""
    return [asdict(epoch) for epoch in training.history]
