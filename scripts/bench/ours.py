"""The workload's loop with the sample's ReLU on the logits, on Ray Train and under torchrun.

`torchrun -m bench.ours FOLDER [ddp]` is one process of the latter.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from bench.session import own_session
from lib.errors import UserError
from rayworks.common.factored import FactoredDataParallel
from rayworks.fashion_mnist import data, loop, worker
from rayworks.fashion_mnist.config import Config
from rayworks.fashion_mnist.model import Classifier

#: The last one is timed: beside the first, Ray still starts processes.
EPOCHS = 2


class Rectified(Classifier):
    """The model as the sample has it."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits, rectified."""
        return torch.relu(super().forward(images))


def config(storage: str) -> Config:
    """The workload's defaults, for EPOCHS of 1,875 steps."""
    return Config(
        dataset="fashion-mnist", epochs=EPOCHS, storage_path=storage, run_name="bench", fresh=True
    )


def on_ray(job: dict[str, Any]) -> worker.Outcome:
    """A Ray Train worker of the workload."""
    loop.Classifier = Rectified  # type: ignore[attr-defined]
    own_session()
    return worker.on_ray(job)


def ray_speed(root: str, storage: str) -> float:
    """Steps per second of an epoch, on Ray Train."""
    import ray
    from ray.train import RunConfig, ScalingConfig
    from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

    from rayworks.common import cluster

    settings = config(storage)
    with cluster.heard(lambda event: None) as queue:
        trainer = DataParallelTrainer(
            on_ray,
            train_loop_config={
                "config": settings,
                "images": ray.put(data.fashion_mnist(Path(root))),
                "queue": queue,
            },
            scaling_config=ScalingConfig(
                num_workers=settings.num_workers, resources_per_worker=settings.resources
            ),
            run_config=RunConfig(storage_path=storage),
        )
        result: Any = trainer.fit()
    return float(result.return_value.history[-1]["images_per_second"]) / settings.batch_size


def torchrun_speed(root: str, *, ddp: bool = False) -> float:
    """Steps per second of an epoch, under torchrun.

    Args:
        root: folder with the idx files.
        ddp: exchange gradients by DistributedDataParallel, as the sample does.
    """
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    done = subprocess.run(
        [*launcher, "--nproc-per-node", "2", "-m", "bench.ours", root, *["ddp"] * ddp],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise UserError(f"torchrun failed:\n{done.stderr[-2000:]}")
    return float(json.loads(done.stdout.splitlines()[-1]))


def main(root: str, exchange: str = "factored") -> None:
    """One process under torchrun; rank 0 prints the speed."""
    if exchange == "ddp":
        FactoredDataParallel.pays = lambda *_: False  # type: ignore[method-assign]
    loop.Classifier = Rectified  # type: ignore[attr-defined]
    settings = config(storage="unused")
    torch.set_num_threads(settings.cpus_per_worker)
    dist.init_process_group("gloo")
    images = data.fashion_mnist(Path(root))
    training = loop.Training(settings, images, dist.get_rank(), 2, torch.device("cpu"))
    training.run(lambda *_: None, lambda: None)
    if dist.get_rank() == 0:
        print(json.dumps(training.history[-1].images_per_second / settings.batch_size))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
