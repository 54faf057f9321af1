"""The training loop of the AKS sample (source 0), as it stands there.

2 workers with 2 CPUs each, 16 images a worker and step. torchvision's data set opens and
normalises one image at a time through PIL; a DataLoader without worker processes makes the
batches. The logits pass through a ReLU, a fault of the sample that is kept here.

What differs: the data lie on disk already; it stops after a number of steps and returns its speed;
and there is no tqdm around the loader.
"""

from __future__ import annotations

import time
from typing import Any

import ray.train
import ray.train.torch
import torch
from ray.train import RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms  # type: ignore[import-untyped]

from bench.session import own_session

#: Steps before the clock starts.
WARM_UP = 10


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


def train_func_per_worker(config: dict[str, Any]) -> float:
    """The sample's worker; its steps per second."""
    own_session()
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
    data = datasets.FashionMNIST(config["root"], train=True, transform=transform)
    loader = DataLoader(data, batch_size=config["batch_size_per_worker"], shuffle=True)
    loader = ray.train.torch.prepare_data_loader(loader)
    model = ray.train.torch.prepare_model(NeuralNetwork())
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=config["lr"], momentum=0.9)
    sampler: Any = loader.sampler
    sampler.set_epoch(0)
    model.train()
    begun = 0.0
    for step, (inputs, labels) in enumerate(loader):
        if step == WARM_UP:
            begun = time.perf_counter()
        if step == WARM_UP + config["steps"]:
            break
        loss = loss_fn(model(inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return float(config["steps"] / (time.perf_counter() - begun))


def speed(root: str, storage: str, steps: int, cpus_per_worker: int) -> float:
    """Steps per second of the sample.

    Args:
        root: folder with FashionMNIST/raw, as torchvision wants it.
        storage: a folder for what Ray Train writes.
        steps: how many to time.
        cpus_per_worker: the sample's 2, or another number.
    """
    loop: Any = train_func_per_worker
    trainer = TorchTrainer(
        loop,
        train_loop_config={
            "lr": 1e-3,
            "batch_size_per_worker": 16,
            "root": root,
            "steps": steps,
        },
        scaling_config=ScalingConfig(num_workers=2, resources_per_worker={"CPU": cpus_per_worker}),
        run_config=RunConfig(storage_path=storage),
    )
    result: Any = trainer.fit()
    return float(result.return_value)
