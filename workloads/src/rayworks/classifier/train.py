"""One run: data, workers, training, result."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from rayworks.classifier import worker
from rayworks.classifier.config import Config
from rayworks.classifier.data import Images, load
from rayworks.common import report
from rayworks.common.distributed import Place
from rayworks.common.progress import Emit
from rayworks.common.storage import Store
from rayworks.common.training import CHECKPOINTS, begun, fit

#: The panels of the learning curve, and what each shows.
PANELS = {
    "cross entropy": {"train_loss": "training (with dropout)", "loss": "test"},
    "test accuracy": {"accuracy": "accuracy"},
}


def run(config: Config, started: float) -> dict[str, Any]:
    """Train, and return what result.json holds.

    Args:
        config: the run.
        started: Unix time at which the command began.

    Raises:
        UserError: the run cannot start, or failed for good.
    """
    moments = {"started": started}
    images = load(config.dataset, data_dir(config))
    moments["data"] = time.time()
    with begun(config) as (store, emit):
        train = _in_process if config.num_workers == 0 else _on_ray
        outcome = train(config, images, store, emit, moments)
        moments |= outcome.moments
        last = outcome.history[-1]
        result = report.result(
            config, outcome.history, outcome.device, moments, world_size=outcome.world_size,
            dataset=config.dataset, accuracy=last["accuracy"], loss=last["loss"],
        )  # fmt: skip
        title = f"{config.run_name}: {config.dataset}, accuracy {last['accuracy']:.3f}"
        store.write("learning-curve.png", report.curve(title, outcome.history, PANELS))
        store.write_json("result.json", result)
        emit(
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


def data_dir(config: Config) -> Path:
    """Where the idx files of the run's data set are, or go."""
    if config.data_dir is not None:
        return config.data_dir
    # One download for all runs where the storage is a folder.
    if "://" in config.storage_path:
        return Path("~/.cache/rayworks").expanduser()
    return Path(config.storage_path).expanduser() / "data"


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
    """Train on Ray's workers."""
    import ray

    from rayworks.common import cluster

    with cluster.connected(verbose=config.verbose):
        moments["connected"] = time.time()
        settings = {"config": config, "images": ray.put(images)}
        outcome = fit(config, store, worker.on_ray, settings, emit, moments)
    assert isinstance(outcome, worker.Outcome)  # noqa: S101 - what on_ray returns
    return outcome
