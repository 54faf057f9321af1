"""Batch inference: the trained network in actors of Ray Data, over all images, to Parquet."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import ray.data

from rayworks.common import cluster
from rayworks.common.images import Corrupt
from rayworks.common.progress import Emit
from rayworks.common.storage import Store
from rayworks.image_training.config import Config
from rayworks.image_training.data import Source, images

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: In the run's folder: the network as the training left it, and what it makes of each image.
MODEL, PREDICTIONS = "model.pt", "predictions"


class Predict:
    """One actor.

    Args:
        folder: the run's, with the model that the training left. Read by each actor for itself:
            one that is replaced could not have it from an object store that lost it.
        device: cpu or cuda.
        threads: torch's, on a CPU.
    """

    def __init__(self, folder: str, device: str, threads: int) -> None:
        import io

        import torch

        from rayworks.image_training.model import Network

        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision("high")
        state = Store(folder).read(MODEL) or b""
        saved = torch.load(io.BytesIO(state), map_location=device, weights_only=True)
        self._device = device
        self._network = Network()
        self._network.load_state_dict(saved["model"])
        self._network.to(device).to(memory_format=torch.channels_last).eval()

    def __call__(self, batch: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """path, label, prediction and its probability, a row an image."""
        import torch

        pixels = torch.as_tensor(batch["image"]).to(self._device)
        with (
            torch.inference_mode(),
            torch.autocast(self._device, torch.bfloat16, self._device == "cuda"),
        ):
            probabilities = self._network(pixels).float().softmax(1)
            best = probabilities.max(1)
        return {
            "path": batch["path"],
            "label": batch["label"],
            "prediction": best.indices.cpu().numpy(),
            "probability": best.values.cpu().numpy().astype(np.float32),
        }


def predict(
    config: Config, source: Source, store: Store, corrupt: Corrupt, emit: Emit
) -> dict[str, Any]:
    """Write predictions/*.parquet in the run's folder, within `cluster.connected`.

    Returns:
        images, accuracy (against the labels), images_per_second, and where the predictions are.

    Raises:
        UserError: an actor does not fit.
    """
    cluster.check_placeable(
        1, config.resources, config.placement_timeout, emit, beside=[cluster.DATA_TASK]
    )
    store.delete(PREDICTIONS)  # what an attempt that was cut off has left
    started = time.perf_counter()
    images(config, source, corrupt).map_batches(
        Predict,
        fn_constructor_args=(
            store.uri, "cuda" if config.use_gpu else "cpu", config.cpus_per_worker,
        ),
        batch_size=max(1, config.batch_size // config.num_workers),
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=config.num_workers),
        num_cpus=config.cpus_per_worker,
        num_gpus=1 if config.use_gpu else 0,
    ).write_parquet(store.path(PREDICTIONS))  # fmt: skip
    seconds = time.perf_counter() - started
    written = pq.read_table(store.path(PREDICTIONS), columns=["label", "prediction"]).to_pandas()
    return {
        "images": len(written),
        "accuracy": round(float((written["label"] == written["prediction"]).mean()), 5),
        "images_per_second": round(len(written) / seconds, 2),
        "predictions": store.path(PREDICTIONS),
    }
