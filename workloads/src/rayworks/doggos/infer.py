"""Batch inference: the classifier in actors of Ray Data, over embeddings, to Parquet."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import ray.data

from rayworks.common import cluster
from rayworks.common.progress import Emit
from rayworks.common.storage import Store
from rayworks.doggos import saved
from rayworks.doggos.config import Config

if TYPE_CHECKING:
    from numpy.typing import NDArray

PREDICTIONS = "predictions.parquet"


class Predict:
    """One actor.

    Args:
        folder: the run's, with model.pt.
        device: cpu or cuda.
    """

    def __init__(self, folder: str, device: str) -> None:
        self._device = device
        self._model, _ = saved.load(Store(folder), device)

    def __call__(self, batch: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """path, label, prediction and its probability, a row an image."""
        import torch

        with torch.inference_mode():
            embeddings = torch.as_tensor(batch["embedding"]).to(self._device)
            best = self._model(embeddings).softmax(1).max(1)
        return {
            "path": batch["path"],
            "label": batch["label"],
            "prediction": best.indices.cpu().numpy(),
            "probability": best.values.cpu().numpy(),
        }


def infer(
    config: Config,
    paths: list[str],
    embeddings: NDArray[np.float32],
    labels: NDArray[np.int64],
    store: Store,
    emit: Emit,
) -> dict[str, Any]:
    """Predict, and write predictions.parquet in the run's folder, within `cluster.connected`.

    Raises:
        UserError: an actor does not fit.
    """
    cluster.check_placeable(
        1, config.resources, config.placement_timeout, emit, beside=[cluster.DATA_TASK]
    )
    rows = ray.data.from_items(
        [
            {"path": path, "embedding": embedding, "label": int(label)}
            for path, embedding, label in zip(paths, embeddings, labels, strict=True)
        ]
    )
    predicted = rows.map_batches(
        Predict,
        fn_constructor_args=(store.uri, "cuda" if config.use_gpu else "cpu"),
        batch_size=config.batch_size,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=config.num_workers),
        num_cpus=config.cpus_per_worker,
        num_gpus=1 if config.use_gpu else 0,
    )
    table = predicted.to_pandas().sort_values("path")
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    store.write(PREDICTIONS, buffer.getvalue())
    return {"images": len(table), "predictions": store.path(PREDICTIONS)}


def read(store: Store) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Labels and predictions of the images that were predicted."""
    table = pq.read_table(io.BytesIO(store.read(PREDICTIONS) or b""))
    return table["label"].to_numpy(), table["prediction"].to_numpy()
