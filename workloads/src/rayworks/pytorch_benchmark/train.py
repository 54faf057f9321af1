"""Training as of any classifier, and prediction."""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]

from rayworks.benchmark.run import DATA, Benchmark, Predictor, Trained
from rayworks.benchmark.run import run as measure
from rayworks.classifier import worker
from rayworks.classifier.train import PANELS
from rayworks.common.progress import Emit
from rayworks.common.storage import Store
from rayworks.common.table import Generated, share
from rayworks.common.training import fit
from rayworks.pytorch_benchmark.config import Config
from rayworks.pytorch_benchmark.data import arrays, generate, split


def run(config: Config, started: float) -> dict[str, Any]:
    """Measure, and return what result.json holds."""
    table = Generated(config.rows, config.seed, generate)
    benchmark = Benchmark(table, partial(train, config), Network, PANELS)
    return measure(config, benchmark, started)


def train(config: Config, store: Store, emit: Emit, moments: dict[str, float]) -> Trained:
    """Train on Ray Train's workers."""
    import ray

    images = ray.put(split(share(store, DATA, 0, 1), config.images))
    settings = {"config": config, "images": images}
    outcome, state = fit(config, store, on_ray, settings, emit, moments)
    moments |= outcome.moments
    return Trained(outcome.history, state)


def on_ray(job: dict[str, Any]) -> tuple[worker.Outcome, bytes | None]:
    """What every Ray Train worker runs: the training, and rank 0 brings the last state back."""
    import ray.train

    outcome = worker.on_ray(job)
    checkpoint = ray.train.get_checkpoint()
    if ray.train.get_context().get_world_rank() > 0 or checkpoint is None:
        return outcome, None
    with checkpoint.as_directory() as folder:
        return outcome, Path(folder, worker.STATE).read_bytes()


class Network(Predictor):
    """The network.

    Args:
        model: the state that a training ended with.
        threads: how many it predicts with.
    """

    def __init__(self, model: bytes, threads: int) -> None:
        import torch

        from rayworks.fashion_mnist.model import Classifier

        torch.set_num_threads(threads)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        saved = torch.load(io.BytesIO(model), map_location=self._device, weights_only=True)
        self._network = Classifier(dropout=0.0).to(self._device).eval()
        self._network.load_state_dict(saved["model"])

    def right(self, batch: pa.Table) -> int:
        """Images whose highest logit is their class's."""
        import torch

        images, labels = arrays(batch)
        with torch.inference_mode():
            pixels = torch.tensor(images, device=self._device).flatten(1).float()
            classes = self._network(pixels.div_(127.5).sub_(1.0)).argmax(1)
        return int((classes.cpu().numpy() == labels).sum())
