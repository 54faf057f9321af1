"""One run: find the images, train, predict, and say how long it took."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from rayworks.common import report
from rayworks.common.errors import UserError
from rayworks.common.progress import Emit
from rayworks.common.steps import Steps
from rayworks.common.storage import Store
from rayworks.common.training import begun, fit
from rayworks.image_training.config import Config

#: The panels of the learning curve, and what each shows.
PANELS = {
    "cross entropy": {"train_loss": "training"},
    "images a second": {"images_per_second": "all workers"},
}


def run(config: Config, started: float, test_output_json: Path | None = None) -> dict[str, Any]:
    """Train, predict if asked to, and return what result.json holds.

    Args:
        config: the run.
        started: Unix time at which the command began.
        test_output_json: another file for the numbers that the sample writes.

    Raises:
        UserError: the run cannot start, or failed for good.
    """
    # Late: Ray comes with it.
    import ray.data

    from rayworks.common import cluster
    from rayworks.common.images import listening
    from rayworks.common.table import failing
    from rayworks.image_training import data, predict

    moments = {"started": started}
    found = data.source(config)
    moments["data"] = time.time()
    ray.data.DataContext.get_current().execution_options.preserve_order = True
    ray.data.DataContext.get_current().enable_progress_bars = False

    def lacks_predictions(result: dict[str, Any]) -> bool:
        return config.pipeline and "pipeline" not in result

    with begun(config, wants_more=lacks_predictions) as (store, emit):
        gigabytes = f"{found.gigabytes:.4g}GB data from {found.uri}"
        emit(_said(f"Running Pytorch image model training with {gigabytes}"))
        emit(_said(f"Training for {config.num_epochs} epochs with {config.num_workers} workers."))
        emit(_said(f"Running {'GPU' if config.use_gpu else 'CPU'} training with {gigabytes}"))
        steps = Steps(store, emit)
        with cluster.connected(verbose=config.verbose, beside=1):
            moments["connected"] = time.time()

            def train() -> dict[str, Any]:
                return _train(config, found, store, emit, moments, started)

            outcome = steps.run("train", train)
            numbers: dict[str, Any] = {"images": outcome["history"][-1]["images"]}
            corrupt = outcome["corrupt_images"]
            if config.pipeline:

                def infer() -> dict[str, Any]:
                    with listening(emit) as bad, failing("the prediction failed"):
                        brought = predict.predict(config, found, store, bad, emit)
                    return {**brought, "corrupt_images": len(bad.paths)}

                predicted = steps.run("predict", infer)
                numbers["accuracy"] = predicted["accuracy"]
                corrupt = max(corrupt, predicted["corrupt_images"])
        perf = _perf(config, found.gigabytes, outcome["total_time_s"])
        last = outcome["history"][-1]
        result = {
            **report.result(
                config, outcome["history"], outcome["device"], moments,
                loss=last["train_loss"],
                images_per_second=round(last["images_per_second"], 2),
                **numbers,
                corrupt_images=corrupt,
            ),
            **perf,
            **({"pipeline": predicted} if config.pipeline else {}),
        }  # fmt: skip
        title = f"{config.run_name}: ResNet-18, {last['images_per_second']:.1f} images a second"
        store.write("learning-curve.png", report.curve(title, outcome["history"], PANELS))
        if test_output_json is not None:
            _write(test_output_json, perf)
        store.write_json("result.json", result)
        emit({"event": "result", **perf, **numbers, "path": store.path("result.json")})
    return result


def _train(
    config: Config,
    found: Any,
    store: Store,
    emit: Emit,
    moments: dict[str, float],
    started: float,
) -> dict[str, Any]:
    import ray

    from rayworks.common.images import listening
    from rayworks.common.table import failing
    from rayworks.image_training import data, predict, worker

    weights = None
    if config.weights == "pretrained":
        from rayworks.image_training.model import pretrained

        weights = ray.put(pretrained(config.storage_path))
    with listening(emit) as corrupt:
        images = data.images(config, found, corrupt)
        with failing("the images cannot be read"):
            count = images.count() if found.files.parquet else len(found.files.paths)
        settings = {"config": config, "weights": weights, "images": count}
        outcome = fit(
            config, store, worker.on_ray, settings, emit, moments, datasets={"train": images}
        )
    assert isinstance(outcome, worker.Outcome)  # noqa: S101 - what on_ray returns
    moments |= outcome.moments
    store.write(predict.MODEL, outcome.state)
    return {
        "history": outcome.history,
        "device": outcome.device,
        "corrupt_images": len(corrupt.paths),
        "total_time_s": round(time.time() - started, 2),
    }


def _perf(config: Config, gigabytes: float, seconds: float) -> dict[str, Any]:
    """The sample's own result: its keys, its figures, and the misspelt name as it stands."""
    rate = round(config.num_epochs * gigabytes * 1024 / seconds, 2)

    def metric(name: str, value: float, kind: str) -> dict[str, Any]:
        return {
            "perf_metric_name": name, "perf_metric_value": value, "perf_metric_type": kind,
        }  # fmt: skip

    return {
        "data_size_gb": round(gigabytes, 6),
        "num_epochs": config.num_epochs,
        "perf_metrics": [
            metric("total_time_s", seconds, "LATENCY"),
            metric("throughout_MB_s", rate, "THROUGHPUT"),
            metric("throughput_MB_s", rate, "THROUGHPUT"),
        ],
    }


def _said(text: str) -> dict[str, str]:
    return {"event": "note", "text": text}


def _write(path: Path, value: dict[str, Any]) -> None:
    try:
        path.write_text(json.dumps(value))
    except OSError as error:
        raise UserError(
            f"--test-output-json {path} cannot be written: {error}", "a path that can be written"
        ) from error
