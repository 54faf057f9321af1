"""The training loop of the AKS sample (source 0), as it stands there.

2 workers with 2 CPUs each, 16 images a worker and step. torchvision's data set opens and
normalises one image at a time through PIL; a DataLoader without worker processes makes the
batches. The logits pass through a ReLU, a fault of the sample that is kept here.

What differs: the data lie on disk already, it trains in turns and without an end, it does not test
between epochs, and there is no tqdm around the loader.

`python -m bench.source0 FOLDER CPUS` runs it, with the idx files in FOLDER/FashionMNIST/raw and the
sample's 2, or another number of CPUs a worker.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from typing import Any

import ray
import ray.train
import ray.train.torch
import torch
from ray.train import RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms  # type: ignore[import-untyped]

from bench.turns import Turns, own_session


class NeuralNetwork(nn.Module):
    """The sample's model."""

    def __init__(self) -> None:
        super().__init__()
        self.flatten = nn.Flatten()
        self.linear_relu_stack = nn.Sequential(
            nn.Linear(28 * 28, 512),
            nn.ReLU(),
            nn.Dropout(0.25),
            nn.Linear(512, 512),
            nn.ReLU(),
            nn.Dropout(0.25),
            nn.Linear(512, 10),
            nn.ReLU(),
        )

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Logits, rectified."""
        logits: torch.Tensor = self.linear_relu_stack(self.flatten(inputs))
        return logits


def train_func_per_worker(config: dict[str, Any]) -> None:
    """The sample's worker."""
    own_session()
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
    data = datasets.FashionMNIST(config["root"], train=True, transform=transform)
    loader = DataLoader(data, batch_size=config["batch_size_per_worker"], shuffle=True)
    loader = ray.train.torch.prepare_data_loader(loader)
    model = ray.train.torch.prepare_model(NeuralNetwork())
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=config["lr"], momentum=0.9)
    sampler: Any = loader.sampler
    turns = Turns(warm=10, timed=40) if ray.train.get_context().get_world_rank() == 0 else None
    step = 0
    for epoch in itertools.count():
        sampler.set_epoch(epoch)
        model.train()
        for inputs, labels in loader:
            loss = loss_fn(model(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            if turns is not None:
                turns.step(step)


def main(folder: str, cpus_per_worker: int) -> None:
    """Train in turns, on a Ray of its own."""
    # Ray counts 2 workers with 2 CPUs each, as the sample asks for; the machine shares.
    ray.init("local", num_cpus=2 * cpus_per_worker, include_dashboard=False)
    with tempfile.TemporaryDirectory() as storage:
        TorchTrainer(
            train_func_per_worker,
            train_loop_config={"lr": 1e-3, "batch_size_per_worker": 16, "root": folder},
            scaling_config=ScalingConfig(
                num_workers=2, resources_per_worker={"CPU": cpus_per_worker}
            ),
            run_config=RunConfig(storage_path=storage),
        ).fit()


if __name__ == "__main__":
    # By its full name: Ray's workers import this module.
    from bench import source0

    source0.main(sys.argv[1], int(sys.argv[2]))
