"""The workload with the sample's ReLU on its logits, in turns: on Ray, or under torchrun.

`python -m bench.ours ray FOLDER` is `rayworks fashion-mnist` on a Ray of its own, with the idx
files of FOLDER; `torchrun -m bench.ours torchrun|ddp FOLDER` is one process of the same loop
without Ray, the latter with DistributedDataParallel for the exchange of gradients.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from bench.turns import Turns
from rayworks.classifier import data, loop, train, worker
from rayworks.classifier.config import Config
from rayworks.common import isolated
from rayworks.common.factored import FactoredDataParallel
from rayworks.fashion_mnist.model import Classifier

_on_ray, _train_isolated = worker.on_ray, worker.train_isolated
OnStep = Callable[[int, int, int], None]


class Rectified(Classifier):
    """The model as the sample has it."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits, rectified."""
        return torch.relu(super().forward(images))


class TakingTurns(loop.Training):
    """Training in turns."""

    def run(self, on_step: OnStep, on_epoch: Callable[[], None]) -> None:
        """Train for ever; rank 0 sleeps between turns, and the others wait for it."""
        if self.rank > 0:
            super().run(on_step, on_epoch)
            return
        # Ray's processes make up for what they missed in the first second of a turn.
        turns = Turns(warm=8 * loop.STEPS_BETWEEN, timed=32 * loop.STEPS_BETWEEN)

        def on_step_in_turns(epoch: int, done: int, of: int) -> None:
            on_step(epoch, done, of)
            turns.step(done)

        super().run(on_step_in_turns, on_epoch)


def _config(folder: str, storage: str) -> Config:
    """The workload's defaults, without an end: the bench sets one."""
    return Config(
        workload="bench", model="bench.ours:Rectified", dataset="fashion-mnist", epochs=10_000,
        data_dir=Path(folder), storage_path=storage, run_name="bench", fresh=True,
    )  # fmt: skip


def _adapt() -> None:
    """Have this process train in turns."""
    loop.Training = TakingTurns  # type: ignore[misc]


def on_ray(job: dict[str, Any]) -> worker.Outcome:
    """A Ray Train worker of the workload."""
    worker.train_isolated = train_isolated  # type: ignore[assignment]
    return _on_ray(job)


def train_isolated(
    ask: isolated.Ask, config: Config, images: data.Images, *others: Any
) -> worker.Outcome:
    """A worker's training process."""
    _adapt()
    return _train_isolated(ask, config, images, *others)


def _with_ray(folder: str) -> None:
    worker.on_ray = on_ray
    with tempfile.TemporaryDirectory() as storage:
        train.run(_config(folder, storage), time.time())


def _rank(folder: str, *, exchange: str) -> None:
    """One process under torchrun."""
    if exchange == "ddp":
        FactoredDataParallel.pays = lambda *_: False  # type: ignore[method-assign]
    _adapt()
    settings = _config(folder, storage="unused")
    torch.set_num_threads(settings.cpus_per_worker)
    dist.init_process_group("gloo")
    images = data.from_idx("fashion-mnist", Path(folder))
    training = loop.Training(settings, images, dist.get_rank(), 2, torch.device("cpu"))
    training.run(lambda *_: None, lambda: None)
    dist.destroy_process_group()


if __name__ == "__main__":
    what, where = sys.argv[1:]
    # By their full names: Ray's workers import this module, and must find the same classes.
    from bench import ours

    if what == "ray":
        ours._with_ray(where)
    else:
        ours._rank(where, exchange=what)
