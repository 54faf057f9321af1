"""One process of a run: sets itself up, trains to the end, tells what happens.

Imported by every worker while it starts, and by the driver: torch and the loop are imported where
they are used. The loop runs in Ray's own worker: its steps are long enough not to notice.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rayworks.common.distributed import Place, process_group
from rayworks.common.storage import Store
from rayworks.fine_tune import model
from rayworks.fine_tune.config import Config

if TYPE_CHECKING:
    from rayworks.fine_tune.loop import Training

#: The folder, in the run's, of the trained model as transformers saves it.
MODEL = "model"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What rank 0 brings back."""

    history: list[dict[str, Any]]
    """Each epoch's numbers, those of earlier attempts included."""
    moments: dict[str, float]
    """Unix times of what happened in this process."""
    device: str
    """Where it trained."""
    world_size: int
    """How many ranks there were at the end."""


def on_ray(job: dict[str, Any]) -> Outcome:
    """What every Ray Train worker runs.

    Args:
        job: config, a reference to the blocks, place of the model's files (None: find them), URI
            of the run's folder, the ear for events, and whether steps are watched.
    """
    moments = {"workers": time.time()}
    import ray
    import ray.train
    import torch
    from ray.train.collective import broadcast_from_rank_zero

    from rayworks.fine_tune.loop import Training

    config: Config = job["config"]
    context = ray.train.get_context()
    place = Place(
        rank=context.get_world_rank(),
        world_size=context.get_world_size(),
        host=ray.util.get_node_ip_address(),  # type: ignore[no-untyped-call]
        device="cuda" if config.use_gpu else "cpu",
    )
    torch.set_num_threads(config.cpus_per_worker)
    torch.set_float32_matmul_precision("high")  # TF32 where bfloat16 is not used
    with process_group(place, broadcast_from_rank_zero):
        torch.manual_seed(config.seed)
        files = job["model"] or model.located(config.model, config.cache)
        network = model.network(files, config.dropout)
        training = Training(config, ray.get(job["blocks"]), network, place)
        if (checkpoint := ray.train.get_checkpoint()) is not None:
            with checkpoint.as_directory() as folder:
                training.load(folder)
        _follow(training, job, moments)
        weights = training.sharded.weights()
        if place.rank == 0:
            _export(network, weights, model.tokenizer(files), Store(job["folder"]))
    moments["exported"] = time.time()
    from rayworks.fine_tune.loop import numbers

    return Outcome(numbers(training), moments, place.device, place.world_size)


def _follow(training: Training, job: dict[str, Any], moments: dict[str, float]) -> None:
    """Train to the end; rank 0 tells of it."""
    import ray.train

    from rayworks.common import cluster
    from rayworks.fine_tune.loop import numbers

    moments["ready"] = time.time()
    epochs, rank = training.config.epochs, training.place.rank
    of = epochs * training.steps
    told = 0.0

    def tell(event: dict[str, Any]) -> None:
        if rank == 0:
            cluster.tell(job["ear"], event)

    if training.history:
        tell({"event": "resumed", "after_epoch": len(training.history), "epochs": epochs})

    def on_step(epoch: int, done: int) -> None:
        nonlocal told
        if "first_step" not in moments:
            moments["first_step"] = time.time()
            world_size = training.place.world_size
            tell({"event": "first_step", "epoch": epoch, "world_size": world_size})
        if job["watched"] and time.monotonic() - told >= 0.5:  # as often as someone can read
            told = time.monotonic()
            tell({"event": "step", "epoch": epoch, "epochs": epochs, "done": done, "of": of})

    def on_epoch() -> None:
        last = numbers(training)[-1]
        # Each rank's files go to the shared storage from its own node, into one folder.
        with tempfile.TemporaryDirectory() as folder:
            training.save(folder)
            ray.train.report(last, checkpoint=ray.train.Checkpoint.from_directory(folder))
        tell({"event": "epoch", "epochs": epochs, **{k: round(v, 5) for k, v in last.items()}})

    training.run(on_step, on_epoch)
    moments["trained"] = time.time()


def _export(network: Any, weights: dict[str, Any], tokenizer: Any, store: Store) -> None:
    """Leave the model as AutoModelForCausalLM.from_pretrained reads it."""
    store.delete(MODEL)
    with tempfile.TemporaryDirectory() as folder:
        network.save_pretrained(folder, state_dict=weights, max_shard_size="1GB")
        tokenizer.save_pretrained(folder)
        for file in sorted(Path(folder).iterdir()):
            store.write(f"{MODEL}/{file.name}", file.read_bytes())
