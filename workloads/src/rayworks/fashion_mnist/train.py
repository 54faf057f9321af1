"""One run: data, workers, training, result.

What a run leaves under its storage path, in a folder of its name:

run.json            the settings that it was begun with
checkpoints/        the newest states; gone on from when the same run is started again
result.json         written last: accuracy, loss per epoch, timings, versions
learning-curve.png
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from rayworks.common.distributed import Place
from rayworks.common.errors import UserError
from rayworks.common.progress import Emit, reporter
from rayworks.common.storage import Store
from rayworks.fashion_mnist import report, worker
from rayworks.fashion_mnist.config import Config
from rayworks.fashion_mnist.data import Images, load

CHECKPOINTS = "checkpoints"


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
) -> worker.Outcome:
    """Train in this process, without Ray."""
    state = f"{CHECKPOINTS}/{worker.STATE}"

    def save(_: dict[str, Any], data: bytes | None) -> None:
        assert data is not None  # noqa: S101 - from rank 0, which this process is
        store.write(state, data)

    place = Place()
    return worker.train(config, images, store.read(state), place, emit, save, lambda value: value)


def _on_ray(
    config: Config, images: Images, store: Store, emit: Emit, moments: dict[str, float]
) -> worker.Outcome:
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

    from rayworks.common import cluster
    from rayworks.common.trainer import Trainer

    with cluster.connected(verbose=config.verbose):
        moments["connected"] = time.time()
        cluster.check_placeable(
            config.num_workers, config.resources, config.placement_timeout, emit
        )
        moments["placeable"] = time.time()
        with cluster.heard(emit) as ear:
            trainer = Trainer(
                worker.on_ray,
                train_loop_config={"config": config, "images": ray.put(images), "ear": ear},
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
                result: Any = trainer.fit()
            except TrainingFailedError as error:
                raise UserError(
                    f"training failed: {_reason(error)}", "--verbose shows what Ray logs"
                ) from error
            except RayActorError as error:
                raise UserError(
                    "the run was stopped before its end", "the same command goes on from there"
                ) from error
    outcome = result.return_value
    assert isinstance(outcome, worker.Outcome)  # noqa: S101 - what on_ray returns
    return outcome


def _reason(error: Exception) -> str:
    """The first worker's exception, or the controller's, in a line."""
    failures = getattr(error, "worker_failures", None) or {0: error}
    rank, cause = next(iter(sorted(failures.items())))
    inner = getattr(cause, "cause", None) or cause
    lines = [line for line in str(inner).strip().splitlines() if line.strip()] or [repr(inner)]
    return f"rank {rank}: {lines[-1].strip()}"
