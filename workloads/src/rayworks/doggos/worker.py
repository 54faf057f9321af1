"""One of Ray Train's workers: the loop, and a checkpoint an epoch."""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rayworks.doggos.config import Config

if TYPE_CHECKING:
    from rayworks.doggos.loop import Epoch

#: The one file of a checkpoint.
STATE = "state.pt"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What rank 0 brings back."""

    history: list[dict[str, Any]]
    """Each epoch's numbers, those of earlier attempts included."""
    best: dict[str, Any]
    """Weights of the best epoch, as numpy arrays."""
    moments: dict[str, float]
    """Unix times of what happened in this process."""
    device: str
    """Where it trained."""


def on_ray(job: dict[str, Any]) -> Outcome | None:
    """What every worker runs.

    Args:
        job: config, a reference to the arrays, the number of classes, and the ear for events.
    """
    moments = {"workers": time.time()}
    import ray
    import ray.train
    import torch
    from ray.train.collective import broadcast_from_rank_zero

    from rayworks.common import cluster
    from rayworks.common.distributed import Place, process_group
    from rayworks.doggos.loop import Training

    config: Config = job["config"]
    context = ray.train.get_context()
    place = Place(
        rank=context.get_world_rank(),
        world_size=context.get_world_size(),
        host=ray.util.get_node_ip_address(),  # type: ignore[no-untyped-call]
        device="cuda" if config.use_gpu else "cpu",
    )
    torch.set_num_threads(config.cpus_per_worker)

    def emit(event: dict[str, Any]) -> None:
        if place.rank == 0:
            cluster.tell(job["ear"], event)

    with process_group(place, broadcast_from_rank_zero):
        training = Training(config, ray.get(job["arrays"]), job["classes"], place)
        if (checkpoint := ray.train.get_checkpoint()) is not None:
            with checkpoint.as_directory() as folder:
                training.load(Path(folder, STATE).read_bytes())
            done = len(training.history)
            emit({"event": "resumed", "after_epoch": done, "epochs": config.epochs})
        moments["ready"] = time.time()

        def on_epoch(epoch: Epoch) -> None:
            numbers = asdict(epoch)
            if place.rank == 0:
                with tempfile.TemporaryDirectory() as folder:
                    Path(folder, STATE).write_bytes(training.state())
                    ray.train.report(numbers, ray.train.Checkpoint.from_directory(folder))
            else:
                ray.train.report({})
            rounded = {name: round(value, 5) for name, value in numbers.items()}
            emit({"event": "epoch", "epochs": config.epochs, **rounded})

        training.run(on_epoch)
        moments["trained"] = time.time()
        if place.rank != 0:
            return None
        history = [asdict(epoch) for epoch in training.history]
        best = {name: tensor.cpu().numpy() for name, tensor in training.best.items()}
        return Outcome(history, best, moments, str(place.device))
