"""One run: data, workers, training, result.

What a run leaves under its storage path, in a folder of its name:

run.json            the settings that it was begun with
checkpoints/        the newest states; gone on from when the same run is started again
result.json         written last: accuracy, loss per epoch, timings, versions
learning-curve.png
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rayworks.common.errors import UserError
from rayworks.common.progress import Emit, reporter
from rayworks.common.storage import Store
from rayworks.fashion_mnist import report
from rayworks.fashion_mnist.config import Config
from rayworks.fashion_mnist.data import Images, load

if TYPE_CHECKING:
    from rayworks.fashion_mnist.loop import Training

CHECKPOINTS = "checkpoints"
STATE = "state.pt"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What rank 0 brings back."""

    history: list[dict[str, Any]]
    """Each epoch's numbers, those of earlier attempts included."""
    moments: dict[str, float]
    """Unix times of what happened in the worker."""
    device: str
    """Where it trained."""


def run(config: Config, started: float) -> dict[str, Any]:
    """Train, and return what result.json holds.

    Args:
        config: the run.
        started: Unix time at which the command began.

    Raises:
        UserError: the run cannot start, or failed for good.
    """
    store = Store(f"{config.storage_path.rstrip('/')}/{config.run_name}")
    with reporter() as screen:
        moments = {"started": started}
        images = load(config.dataset, _data_dir(config, store))
        moments["data"] = time.time()
        _begin(config, store)
        train = _in_process if config.num_workers == 0 else _on_ray
        outcome = train(config, images, store, screen.emit, moments)
        moments |= outcome.moments
        result = report.result(config, outcome.history, outcome.device, moments)
        store.write("learning-curve.png", report.curve(result))
        store.write_json("result.json", result)
        screen.emit(
            {
                "event": "result",
                "accuracy": result["accuracy"],
                "loss": result["loss"],
                "epochs": len(result["history"]),
                "seconds": result["timings"]["total"],
                "path": store.path("result.json"),
            }
        )
    return result


def _data_dir(config: Config, store: Store) -> Path:
    if config.data_dir is not None:
        return config.data_dir
    # One download for all runs where the storage is a folder.
    near = Path(config.storage_path).expanduser() / "data"
    return Path("~/.cache/rayworks").expanduser() if "://" in store.uri else near


def _begin(config: Config, store: Store) -> None:
    """Leave what an unfinished run of the same settings has reached; else clear the folder."""
    same = store.read_json("run.json") == {"settings": config.settings}
    if config.fresh or not same or store.read("result.json") is not None:
        for name in (CHECKPOINTS, "result.json", "learning-curve.png"):
            store.delete(name)
    store.write_json("run.json", {"settings": config.settings})


def _in_process(
    config: Config, images: Images, store: Store, emit: Emit, moments: dict[str, float]
) -> Outcome:
    """Train here, without Ray."""
    from torch import device

    from rayworks.fashion_mnist.loop import Training

    with _threads(config.cpus_per_worker):
        training = Training(config, images, 0, 1, device("cpu"))
        if (state := store.read(f"{CHECKPOINTS}/{STATE}")) is not None:
            training.load(state)
        return _follow(
            training, emit, lambda: store.write(f"{CHECKPOINTS}/{STATE}", training.state())
        )


def _on_ray(
    config: Config, images: Images, store: Store, emit: Emit, moments: dict[str, float]
) -> Outcome:
    """Train on Ray's workers; lost ones are replaced, and go on from the last checkpoint."""
    import ray
    from ray.exceptions import RayActorError
    from ray.train import (
        CheckpointConfig,
        FailureConfig,
        RunConfig,
        ScalingConfig,
        TrainingFailedError,
    )
    from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

    from rayworks.common import cluster

    with cluster.connected(verbose=config.verbose):
        moments["connected"] = time.time()
        cluster.check_placeable(
            config.num_workers, config.resources, config.placement_timeout, emit
        )
        moments["placeable"] = time.time()
        with cluster.heard(emit) as queue:
            # Not TorchTrainer: it would have the driver and the controller import torch, one
            # after the other, before the first worker starts; only the workers need it.
            trainer = DataParallelTrainer(
                _worker,
                train_loop_config={"config": config, "images": ray.put(images), "queue": queue},
                scaling_config=ScalingConfig(
                    num_workers=config.num_workers,
                    use_gpu=config.use_gpu,
                    resources_per_worker=config.resources,
                ),
                run_config=RunConfig(
                    name=CHECKPOINTS,
                    storage_path=store.uri,
                    failure_config=FailureConfig(max_failures=config.max_failures),
                    checkpoint_config=CheckpointConfig(num_to_keep=2),
                ),
            )
            try:
                outcome = trainer.fit().return_value
            except TrainingFailedError as error:
                raise UserError(
                    f"training failed: {_reason(error)}", "--verbose shows what Ray logs"
                ) from error
            except RayActorError as error:
                raise UserError(
                    "the run was stopped before its end", "the same command goes on from there"
                ) from error
    assert isinstance(outcome, Outcome)  # noqa: S101 - what _worker returns
    return outcome


def _worker(job: dict[str, Any]) -> Outcome:
    """What every Ray Train worker runs."""
    entered = time.time()
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

    def report_epoch() -> None:
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
        outcome = _follow(training, emit, report_epoch)
    outcome.moments["workers"] = entered
    return outcome


def _follow(training: Training, emit: Emit, save: Callable[[], None]) -> Outcome:
    """Train to the end, telling what happens; save is called after each epoch."""
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
        emit({"event": "epoch", "epochs": epochs, **training.metadata()["history"][-1]})

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


def _reason(error: Exception) -> str:
    """The first worker's exception, or the controller's, in a line."""
    failures = getattr(error, "worker_failures", None) or {0: error}
    rank, cause = next(iter(sorted(failures.items())))
    inner = getattr(cause, "cause", None) or cause
    lines = [line for line in str(inner).strip().splitlines() if line.strip()] or [repr(inner)]
    return f"rank {rank}: {lines[-1].strip()}"
