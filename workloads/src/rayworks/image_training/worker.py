"""One of Ray Train's workers: batches from Ray Data, a checkpoint an epoch."""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rayworks.image_training.config import Config

if TYPE_CHECKING:
    from torch import Tensor

#: The one file of a checkpoint.
STATE = "state.pt"

#: Batches from which the next one is drawn, so that epochs differ in their order.
SHUFFLED_BATCHES = 4


@dataclass(frozen=True, slots=True)
class Outcome:
    """What rank 0 brings back."""

    history: list[dict[str, Any]]
    """Each epoch's numbers, those of earlier attempts included."""
    moments: dict[str, float]
    """Unix times of what happened in this process."""
    device: str
    """Where it trained."""
    state: bytes
    """The last state: `Training.load`'s."""


def on_ray(job: dict[str, Any]) -> Outcome | None:
    """What every worker runs.

    Args:
        job: config, a reference to the weights to begin with (or None), how many images an epoch
            has about, the ear for events, and whether steps are watched.
    """
    moments = {"workers": time.time()}
    import ray
    import ray.train
    import torch
    from ray.train.collective import broadcast_from_rank_zero

    from rayworks.common import cluster
    from rayworks.common.distributed import Place, process_group
    from rayworks.image_training.loop import Training

    config: Config = job["config"]
    context = ray.train.get_context()
    place = Place(
        rank=context.get_world_rank(),
        world_size=context.get_world_size(),
        host=ray.util.get_node_ip_address(),  # type: ignore[no-untyped-call]
        device="cuda" if config.use_gpu else "cpu",
    )
    torch.set_num_threads(config.cpus_per_worker)
    shard = ray.train.get_dataset_shard("train")

    def emit(event: dict[str, Any]) -> None:
        if place.rank == 0:
            cluster.tell(job["ear"], event)

    def batches(epoch: int) -> Any:
        size = config.batch_size // place.world_size

        def on_device(batch: dict[str, Any]) -> dict[str, Tensor]:
            tensors = {name: torch.as_tensor(batch[name]) for name in ("image", "label")}
            if place.device == "cpu":
                return tensors
            return {
                name: tensor.pin_memory().to(place.device, non_blocking=True)
                for name, tensor in tensors.items()
            }

        for batch in shard.iter_batches(
            batch_size=size,
            prefetch_batches=2,
            local_shuffle_buffer_size=SHUFFLED_BATCHES * size,
            local_shuffle_seed=config.seed * 100_003 + epoch,
        ):
            yield on_device(batch)

    with process_group(place, broadcast_from_rank_zero):
        weights = None if job["weights"] is None else ray.get(job["weights"])
        training = Training(config, place, weights)
        if (checkpoint := ray.train.get_checkpoint()) is not None:
            with checkpoint.as_directory() as folder:
                training.load(Path(folder, STATE).read_bytes())
            done = len(training.history)
            emit({"event": "resumed", "after_epoch": done, "epochs": config.num_epochs})
        moments["ready"] = time.time()
        told = 0.0

        for epoch in range(len(training.history) + 1, config.num_epochs + 1):

            def on_step(images: int, epoch: int = epoch) -> None:
                nonlocal told
                if "first_step" not in moments:
                    moments["first_step"] = time.time()
                    emit({"event": "first_step", "epoch": epoch, "world_size": place.world_size})
                if job["watched"] and time.monotonic() - told >= 0.5:
                    told = time.monotonic()
                    done = (epoch - 1) * job["images"] + images
                    of = config.num_epochs * job["images"]
                    emit(
                        {"event": "step", "epoch": epoch, "epochs": config.num_epochs,
                         "done": done, "of": of}
                    )  # fmt: skip

            numbers = asdict(training.epoch(batches(epoch), on_step))
            if place.rank == 0:
                with tempfile.TemporaryDirectory() as folder:
                    Path(folder, STATE).write_bytes(training.state())
                    ray.train.report(numbers, ray.train.Checkpoint.from_directory(folder))
            else:
                ray.train.report({})
            emit({"event": "epoch", "epochs": config.num_epochs,
                  **{k: round(v, 5) for k, v in numbers.items()}})  # fmt: skip
        moments["trained"] = time.time()
        if place.rank != 0:
            return None
        history = [asdict(epoch) for epoch in training.history]
        return Outcome(history, moments, str(training.device), training.state())
