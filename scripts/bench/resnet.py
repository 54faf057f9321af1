"""The contenders of bench.images: ResNet-18 trained in turns, on Ray or by a loop of its own.

`python -m bench.resnet FOLDER make` makes the images; `… FOLDER ray` is `rayworks image-training`
over them, on a Ray of its own; `… FOLDER loop PROCESSES` the loop, with so many processes of its
DataLoader. On the GPU where there is one, else on all cores.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from bench.device import DEVICE, GPU, WORKER_CORES, settle
from bench.images import ROUNDS
from bench.turns import FromFirstStep
from rayworks.common import shapes
from rayworks.common.images import Files, decode, find
from rayworks.image_training import loop, worker
from rayworks.image_training.config import Config
from rayworks.image_training.data import CROP, READ
from rayworks.image_training.model import Network
from rayworks.image_training.run import run

BATCH, LR, MOMENTUM = 256 if GPU else 32, 1e-3, 0.9

#: Steps of a turn that do not count, in which Ray's processes make up for what they missed, and
#: those that do. What was decoded ahead while the other peers had their turns is used up in the
#: former: see bench.images.
WARM, TIMED = (50, 60) if GPU else (1, 2)

#: One epoch suffices for all turns, with some to spare.
IMAGES = BATCH * (1 + (1 + ROUNDS) * (WARM + TIMED) + 8)

#: Images that differ; the others are these once more, under other names.
DIFFERENT = 4096


def _make(folder: str) -> None:
    """Write the images."""
    made = Path(shapes.generated(folder, min(IMAGES, DIFFERENT), READ))
    files = sorted(made.glob("*/*.jpg"))
    for number in range(len(files), IMAGES):
        file = files[number % len(files)]
        file.with_name(f"{number:06}.jpg").hardlink_to(file)


class TakingTurns(loop.Training):
    """Training in turns."""

    def epoch(
        self, batches: Iterable[dict[str, Tensor]], on_step: Callable[[int], None]
    ) -> loop.Epoch:
        """Train one epoch, and sleep between turns."""
        turns = FromFirstStep(WARM, TIMED, BATCH, settle)

        def on_step_in_turns(images: int) -> None:
            on_step(images)
            turns.step()

        return super().epoch(batches, on_step_in_turns)


_on_ray = worker.on_ray


def on_ray(job: dict[str, Any]) -> worker.Outcome | None:
    """A Ray Train worker of the workload."""
    loop.Training = TakingTurns  # type: ignore[misc]
    return _on_ray(job)


def _with_ray(folder: str) -> None:
    worker.on_ray = on_ray
    with tempfile.TemporaryDirectory() as storage:
        config = Config(
            workload="bench", data_uri=folder, data_size_gb=1, weights="none", num_epochs=1,
            batch_size=BATCH, lr=LR, momentum=MOMENTUM, num_workers=1, use_gpu=GPU,
            cpus_per_worker=WORKER_CORES, storage_path=storage, run_name="bench",
        )  # fmt: skip
        run(config, time.time())


class Folder(Dataset[tuple[Tensor, int]]):
    """Images and the numbers of their folders."""

    def __init__(self, files: Files) -> None:
        self._paths = files.paths
        classes = sorted({files.folder(path) for path in files.paths})
        self._labels = [classes.index(files.folder(path)) for path in files.paths]

    def __len__(self) -> int:
        """How many."""
        return len(self._paths)

    def __getitem__(self, number: int) -> tuple[Tensor, int]:
        """Bytes (224, 224, 3), and the label."""
        pixels = decode(Path(self._paths[number]).read_bytes(), READ, CROP)
        return torch.tensor(pixels), self._labels[number]


def _loop(folder: str, processes: int) -> None:
    """The training as one writes it without Ray."""
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True
    network = Network().to(DEVICE).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(network.parameters(), lr=LR, momentum=MOMENTUM, fused=True)
    loader = DataLoader(
        Folder(find(folder, "")), BATCH, shuffle=True, num_workers=processes, drop_last=True,
        pin_memory=GPU,
    )  # fmt: skip
    turns = FromFirstStep(WARM, TIMED, BATCH, settle)
    for images, labels in loader:
        images, labels = (part.to(DEVICE, non_blocking=True) for part in (images, labels))
        with torch.autocast(DEVICE, torch.bfloat16, enabled=GPU):
            loss = nn.functional.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        turns.step()


if __name__ == "__main__":
    # By its full name: Ray's workers import this module, and must find the same functions.
    from bench import resnet

    match sys.argv[1:]:
        case where, "make":
            _make(where)
        case where, "ray":
            resnet._with_ray(where)
        case where, _, processes:
            resnet._loop(where, int(processes))
