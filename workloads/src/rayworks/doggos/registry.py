"""The trained classifier in MLflow: a model of the training's run, with a version of its own."""

from __future__ import annotations

import time
from importlib import metadata
from typing import Any

import numpy as np

from rayworks.common import tracking
from rayworks.common.storage import Store
from rayworks.doggos import saved


def register(store: Store, name: str, scores: dict[str, float]) -> dict[str, Any]:
    """Log the model with its signature and class map, and the scores; register a version of it.

    A server that is away has PATIENCE seconds to come back.

    Args:
        store: the run's folder, with model.pt.
        name: of the registered model.
        scores: on the test images.

    Returns:
        model and version, as the registry has them.

    Raises:
        Exception: whatever MLflow's client raises when its server stays away.
    """
    until = time.monotonic() + tracking.PATIENCE
    while True:
        try:
            return _register(store, name, scores)
        except Exception:
            if time.monotonic() >= until:
                raise
        time.sleep(tracking.RETRY)


def _register(store: Store, name: str, scores: dict[str, float]) -> dict[str, Any]:
    import mlflow
    import mlflow.pytorch
    from mlflow.models import infer_signature

    model, about = saved.load(store)
    # Two rows: MLflow exports the graph, and would take a single one for the only size there is.
    example = np.zeros((2, about.embedding), np.float32)
    signature = infer_signature(example, np.zeros((2, len(about.classes)), np.float32))
    with mlflow.start_run(run_id=_run(store)):
        class_map = {str(label): name for label, name in enumerate(about.classes)}
        mlflow.log_dict(class_map, "classes.json")
        mlflow.log_metrics({f"test_{key}": value for key, value in scores.items()})
        # Last: a version that is there is whole.
        info = mlflow.pytorch.log_model(
            model,
            name="model",
            signature=signature,
            input_example=example,
            registered_model_name=name,
            # Said, not found out: MLflow would import the model in a process of its own.
            pip_requirements=[f"torch=={metadata.version('torch').partition('+')[0]}"],
            metadata={"classes": about.classes, "clip": about.clip, "epoch": about.epoch},
        )
    return {"model": name, "version": int(info.registered_model_version)}


def _run(store: Store) -> str:
    """The training's run; the thread that begins it may be about to."""
    for _ in range(int(tracking.PATIENCE)):
        if run_id := (store.read_json(tracking.MLFLOW) or {}).get("run_id"):
            return str(run_id)
        time.sleep(1)
    raise TimeoutError("the training has no run in MLflow")
