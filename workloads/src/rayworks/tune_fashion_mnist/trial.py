"""One trial: the classifier's training loop in a process of Ray Tune's."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from rayworks.classifier.data import Images
from rayworks.classifier.worker import STATE
from rayworks.tune_fashion_mnist.config import Search


def train(hyper: dict[str, Any], *, search: Search, images: Images, ear: str) -> None:
    """Train to the end, or until the scheduler stops it; goes on from the trial's checkpoint.

    Args:
        hyper: the settings to try.
        search: the search.
        images: to train on, and in place of the test images those that trials are compared by.
        ear: the name for `cluster.tell`.
    """
    import torch
    from ray import tune

    from rayworks.classifier.loop import Training
    from rayworks.common import cluster

    torch.set_num_threads(search.cpus_per_worker)
    device = torch.device("cuda" if search.use_gpu else "cpu")
    training = Training(search.trial(**hyper), images, 0, 1, device)
    if (checkpoint := tune.get_checkpoint()) is not None:
        with checkpoint.as_directory() as folder:
            training.load(Path(folder, STATE).read_bytes())
    name = tune.get_context().get_trial_id()

    def on_epoch() -> None:
        history = training.metadata()["history"]
        last = history[-1]
        told = {key: last[key] for key in ("epoch", "loss", "accuracy")}
        cluster.tell(ear, {"event": "trial", "trial": name, **told})
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, STATE).write_bytes(training.state())
            tune.report(
                {**told, "history": history}, checkpoint=tune.Checkpoint.from_directory(folder)
            )

    training.run(lambda *_: None, on_epoch)
