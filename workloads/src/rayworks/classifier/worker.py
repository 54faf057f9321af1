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
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rayworks.classifier.config import Config
from rayworks.classifier.data import Images
from rayworks.common import isolated
from rayworks.common.distributed import Place, process_group

if TYPE_CHECKING:
    from rayworks.classifier.loop import Training
    from rayworks.common.progress import Emit, Event

#: The one file of a checkpoint.
STATE = "state.pt"

#: Keeps an epoch's numbers, and the state at its end (from rank 0).
Save = Callable[[dict[str, Any], bytes | None], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What rank 0 brings back."""

    history: list[dict[str, Any]]
    """Each epoch's numbers, those of earlier attempts included."""
    moments: dict[str, float]
    """Unix times of what happened in this process."""
    device: str
    """Where it trained."""
    world_size: int
    """With how many processes, at its end."""


def train(
    config: Config,
    images: Images,
    state: bytes | None,
    place: Place,
    emit: Emit,
    save: Save,
    share: Callable[[Any], Any],
) -> Outcome:
    """Train in this process.

    Args:
        config: the run.
        images: the data set.
        state: what an earlier attempt saved last.
        place: this process among those of the run.
        emit: hears every event, from rank 0.
        save: called after each epoch.
        share: brings what rank 0 gives to all; not called when there is one process.
    """
    import torch

    from rayworks.classifier.loop import Training

    with _threads(config.cpus_per_worker), process_group(place, share):
        device = torch.device(place.device)
        training = Training(config, images, place.rank, place.world_size, device)
        if state is not None:
            training.load(state)
        return _follow(training, emit if place.rank == 0 else _silence, save)


def on_ray(job: dict[str, Any]) -> Outcome:
    """What every Ray Train worker runs: the training, in a process of its own.

    Args:
        job: config, a reference to the images, the ear for events, and whether steps are watched.
    """
    moments = {"workers": time.time()}
    import ray
    import ray.train
    from ray.train.collective import broadcast_from_rank_zero

    from rayworks.common import cluster

    config: Config = job["config"]
    context = ray.train.get_context()
    place = Place(
        rank=context.get_world_rank(),
        world_size=context.get_world_size(),
        host=ray.util.get_node_ip_address(),  # type: ignore[no-untyped-call]
        device="cuda" if config.use_gpu else "cpu",
    )
    state = None
    if (checkpoint := ray.train.get_checkpoint()) is not None:
        with checkpoint.as_directory() as folder:
            state = Path(folder, STATE).read_bytes()
    outcome: Outcome = isolated.run(
        train_isolated, config, ray.get(job["images"]), state, place, job["watched"],
        answers={
            "emit": partial(cluster.tell, job["ear"]),
            "save": _report,
            "share": broadcast_from_rank_zero,
        },
    )  # fmt: skip
    outcome.moments.update(moments)
    return outcome


def train_isolated(
    ask: isolated.Ask,
    config: Config,
    images: Images,
    state: bytes | None,
    place: Place,
    watched: bool,
) -> Outcome:
    """Train where there is no Ray."""

    def emit(event: Event) -> None:
        if watched or event["event"] != "step":
            ask.tell("emit", event)

    return train(config, images, state, place, emit, partial(ask, "save"), partial(ask, "share"))


def _report(numbers: dict[str, Any], state: bytes | None) -> None:
    import ray.train

    if state is None:
        ray.train.report({})
        return
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, STATE).write_bytes(state)
        ray.train.report(numbers, ray.train.Checkpoint.from_directory(folder))


def _follow(training: Training, emit: Emit, save: Save) -> Outcome:
    """Train to the end."""
    moments = {"ready": time.time()}
    epochs = training.config.epochs
    told = 0.0
    if training.history:
        emit({"event": "resumed", "after_epoch": len(training.history), "epochs": epochs})

    def on_step(epoch: int, done: int, of: int) -> None:
        nonlocal told
        if "first_step" not in moments:
            moments["first_step"] = time.time()
            emit({"event": "first_step", "epoch": epoch, "world_size": training.world_size})
        if time.monotonic() - told >= 0.5:  # as often as someone can read
            told = time.monotonic()
            emit({"event": "step", "epoch": epoch, "epochs": epochs, "done": done, "of": of})

    def on_epoch() -> None:
        last = training.metadata()["history"][-1]
        save(last, training.state() if training.rank == 0 else None)
        emit({"event": "epoch", "epochs": epochs, **{k: round(v, 5) for k, v in last.items()}})

    training.run(on_step, on_epoch)
    moments["trained"] = time.time()
    history = training.metadata()["history"]
    return Outcome(history, moments, str(training.device), training.world_size)


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
