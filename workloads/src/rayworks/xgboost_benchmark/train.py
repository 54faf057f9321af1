"""Boosting on every worker's share of the table, and prediction."""

from __future__ import annotations

import json
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]

from rayworks.benchmark.run import DATA, Benchmark, Predictor, Trained
from rayworks.benchmark.run import run as measure
from rayworks.common import cluster
from rayworks.common.progress import Emit
from rayworks.common.storage import Store
from rayworks.common.table import Generated, share
from rayworks.common.training import fit
from rayworks.xgboost_benchmark.config import Config
from rayworks.xgboost_benchmark.data import arrays, generate

#: The one file of a checkpoint.
MODEL = "model.ubj"

#: The model's attribute that holds each round's numbers, as JSON.
HISTORY = "history"

#: The panels of the learning curve, and what each shows.
PANELS = {"log loss": {"logloss": "training"}, "error": {"error": "training"}}


def run(config: Config, started: float) -> dict[str, Any]:
    """Measure, and return what result.json holds."""
    table = Generated(config.rows, config.seed, generate)
    benchmark = Benchmark(table, partial(train, config), Trees, PANELS)
    return measure(config, benchmark, started)


def train(config: Config, store: Store, emit: Emit, moments: dict[str, float]) -> Trained:
    """Train on Ray Train's workers."""
    from ray.train.xgboost import XGBoostConfig

    settings = {"config": config}
    # XGBoostTrainer is a DataParallelTrainer with this backend, as is ours.
    backend = XGBoostConfig()
    trained, happened = fit(config, store, on_ray, settings, emit, moments, backend=backend)
    moments |= happened
    assert isinstance(trained, Trained)  # noqa: S101 - what rank 0 returns
    return trained


def on_ray(job: dict[str, Any]) -> tuple[Trained | None, dict[str, float]]:
    """What every Ray Train worker runs: the rounds that are left, on its share of the table.

    Returns:
        The model with its history (rank 0), and the Unix times of what happened.
    """
    moments = {"workers": time.time()}
    import ray.train
    import xgboost

    moments["imported"] = time.time()
    config: Config = job["config"]
    context = ray.train.get_context()
    rank = context.get_world_rank()
    booster = _restored(config)
    tables = share(Store(config.folder), DATA, rank, context.get_world_size())
    features, labels = arrays(tables)
    data = xgboost.QuantileDMatrix(features, labels, nthread=config.cpus_per_worker)
    del features, labels  # the matrix has bins of a byte each
    moments["ready"] = time.time()
    done = booster.num_boosted_rounds() if booster else 0
    history = json.loads(booster.attr(HISTORY)) if booster else []
    if done and rank == 0:
        cluster.tell(job["ear"], {"event": "resumed", "after_epoch": done, "epochs": config.rounds})

    class Report(xgboost.callback.TrainingCallback):
        """Saves and tells of each round."""

        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            numbers = {name: float(values[-1]) for name, values in evals_log["train"].items()}
            last = {"epoch": model.num_boosted_rounds(), **numbers}
            history.append(last)
            model.set_attr(**{HISTORY: json.dumps(history)})
            _report(model, last)
            if rank == 0:
                cluster.tell(job["ear"], {"event": "epoch", "epochs": config.rounds, **last})
            return False

    booster = xgboost.train(
        {
            "objective": "binary:logistic",
            "eval_metric": ["logloss", "error"],
            "max_depth": config.max_depth,
            "nthread": config.cpus_per_worker,
            "seed": config.seed,
        },
        data,
        num_boost_round=config.rounds - done,
        evals=[(data, "train")],
        verbose_eval=False,
        xgb_model=booster,
        callbacks=[Report()],
    )
    moments["boosted"] = time.time()
    trained = Trained(history, bytes(booster.save_raw("ubj"))) if rank == 0 else None
    return trained, moments


def _restored(config: Config) -> Any:
    """The last checkpoint's booster; None when there is none."""
    import ray.train
    import xgboost

    checkpoint = ray.train.get_checkpoint()
    if checkpoint is None:
        return None
    with checkpoint.as_directory() as folder:
        return xgboost.Booster({"nthread": config.cpus_per_worker}, model_file=f"{folder}/{MODEL}")


def _report(model: Any, numbers: dict[str, Any]) -> None:
    import ray.train

    if ray.train.get_context().get_world_rank() > 0:
        ray.train.report({})
        return
    with tempfile.TemporaryDirectory() as folder:
        model.save_model(Path(folder, MODEL))
        ray.train.report(numbers, ray.train.Checkpoint.from_directory(folder))


class Trees(Predictor):
    """A booster.

    Args:
        model: as saved, in UBJSON.
        threads: how many it predicts with.
    """

    def __init__(self, model: bytes, threads: int) -> None:
        import xgboost

        self._booster = xgboost.Booster({"nthread": threads}, model_file=bytearray(model))

    def right(self, batch: pa.Table) -> int:
        """Rows whose probability is on the label's side."""
        features, labels = arrays([batch])
        return int(((self._booster.inplace_predict(features) > 0.5) == labels).sum())
