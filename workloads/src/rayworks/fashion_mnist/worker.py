"""One process of a run: sets itself up, trains to the end, tells what happens.

Imported by every worker while it starts, and by the driver: torch and the loop are imported where
they are used.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rayworks.fashion_mnist.config import Config
from rayworks.fashion_mnist.data import Images

if TYPE_CHECKING:
    from rayworks.common.progress import Emit
    from rayworks.fashion_mnist.loop import Training

#: The one file of a checkpoint.
STATE = "state.pt"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What rank 0 brings back."""

    history: list[dict[str, Any]]
    """Each epoch's numbers, those of earlier attempts included."""
    moments: dict[str, float]
    """Unix times of what happened in this process."""
    device: str
    """Where it trained."""


def in_process(
    config: Config,
    images: Images,
    state: bytes | None,
    emit: Emit,
    save: Callable[[bytes], None],
) -> Outcome:
    """Train here, without Ray.

    Args:
        config: the run.
        images: the data set.
        state: what an earlier attempt saved last.
        emit: hears every event.
        save: keeps the state of each epoch.
    """
    from torch import device

    from rayworks.fashion_mnist.loop import Training

    with _threads(config.cpus_per_worker):
        training = Training(config, images, 0, 1, device("cpu"))
        if state is not None:
            training.load(state)
        return _follow(training, emit, lambda: save(training.state()))


def on_ray(job: dict[str, Any]) -> Outcome:
    """What every Ray Train worker runs.

    Args:
        job: config, a reference to the images, and the queue for events.
    """
    moments = {"workers": time.time()}
    import ray
    import ray.train
    import torch

    from rayworks.common.distributed import process_group
    from rayworks.fashion_mnist.loop import Training

    config: Config = job["config"]
    context = ray.train.get_context()
    rank, world_size = context.get_world_rank(), context.get_world_size()
    device = torch.device("cuda" if config.use_gpu else "cpu")
    emit = _sender(job["queue"]) if rank == 0 else _silence

    def save() -> None:
        if rank != 0:
            ray.train.report({})
            return
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, STATE).write_bytes(training.state())
            checkpoint = ray.train.Checkpoint.from_directory(folder)
            ray.train.report(dict(training.metadata()["history"][-1]), checkpoint)

    with _threads(config.cpus_per_worker), process_group(rank, world_size, device):
        training = Training(config, ray.get(job["images"]), rank, world_size, device)
        if (checkpoint := ray.train.get_checkpoint()) is not None:
            with checkpoint.as_directory() as folder:
                training.load(Path(folder, STATE).read_bytes())
        outcome = _follow(training, emit, save)
    outcome.moments.update(moments)
    return outcome


def _follow(training: Training, emit: Emit, save: Callable[[], None]) -> Outcome:
    """Train to the end; save is called after each epoch."""
    moments = {"ready": time.time()}
    epochs = training.config.epochs
    if training.history:
        emit({"event": "resumed", "after_epoch": len(training.history), "epochs": epochs})

    def on_step(epoch: int, done: int, of: int) -> None:
        if "first_step" not in moments:
            moments["first_step"] = time.time()
            emit({"event": "first_step", "epoch": epoch, "world_size": training.world_size})
        emit({"event": "step", "epoch": epoch, "epochs": epochs, "done": done, "of": of})

    def on_epoch() -> None:
        save()
        last = training.metadata()["history"][-1]
        emit({"event": "epoch", "epochs": epochs, **{k: round(v, 5) for k, v in last.items()}})

    training.run(on_step, on_epoch)
    moments["trained"] = time.time()
    return Outcome(training.metadata()["history"], moments, str(training.device))


def _sender(queue: Any) -> Emit:
    """Events to the driver; a call does not wait, and steps go at most twice a second."""
    last = 0.0

    def emit(event: dict[str, Any]) -> None:
        nonlocal last
        if event["event"] == "step":
            if time.monotonic() - last < 0.5:
                return
            last = time.monotonic()
        queue.actor.put_nowait.remote(event)

    return emit


def _silence(event: dict[str, Any]) -> None:
    """Rank 0 speaks for all."""


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Torch's threads set to what this process owns, and back afterwards."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
