"""A batch that ranks share: who gets what of it, and layers that act on it as a whole.

Ranks take turns: the samples of a batch are those of rank 0, 1, …, 0, 1, … in their order. Dropout
and batch norm depend on all samples of a batch; with the layers here, and the same seed on all
ranks, a step computes the same however many ranks share it, up to the rounding of sums.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from rayworks.common import seeds


def share(count: int, batch_size: int, seed: int, epoch: int, rank: int, world_size: int) -> Tensor:
    """A rank's samples of an epoch in their order, as indices.

    Every step takes a whole batch, batch_size / world_size from each rank: where the last one lacks
    samples, the first of the epoch come again.

    Args:
        count: samples that there are.
        batch_size: those of a step, over all ranks; a multiple of world_size.
        seed: the run's.
        epoch: its number.
        rank: this process among world_size.
        world_size: number of processes.
    """
    generator = torch.Generator().manual_seed(seeds.seed(seed, epoch))
    order = torch.randperm(count, generator=generator)
    whole = -(-count // batch_size) * batch_size
    return order[torch.arange(rank, whole, world_size) % count]


def over_ranks(module: nn.Module, rank: int, world_size: int) -> None:
    """Have a module's nn.Dropout and nn.BatchNorm1d act on the whole batch, not its share of it.

    Names and values of its state stay as they are.

    Args:
        module: the network, on the CPU, before anything refers to its parameters.
        rank: this process among world_size.
        world_size: number of ranks in the default process group.
    """
    for parent in list(module.modules()):
        for name, layer in parent.named_children():
            if type(layer) is nn.Dropout:
                setattr(parent, name, _Dropout(layer, rank, world_size))
            elif type(layer) is nn.BatchNorm1d and world_size > 1:
                setattr(parent, name, _BatchNorm(layer, rank, world_size))


class _Dropout(nn.Module):
    """Draws for the samples of all ranks, and takes its own."""

    def __init__(self, layer: nn.Dropout, rank: int, world_size: int) -> None:
        super().__init__()
        self._kept, self._rank, self._world_size = 1 - layer.p, rank, world_size

    def forward(self, inputs: Tensor) -> Tensor:
        if not self.training or self._kept == 1:
            return inputs
        drawn = inputs.new_empty(len(inputs) * self._world_size, *inputs.shape[1:])
        drawn.bernoulli_(self._kept)
        return inputs * drawn[self._rank :: self._world_size].div_(self._kept)


class _BatchNorm(nn.BatchNorm1d):
    """Gathers the samples of all ranks. torch.nn.SyncBatchNorm would do, but not on CPUs."""

    def __init__(self, layer: nn.BatchNorm1d, rank: int, world_size: int) -> None:
        super().__init__(layer.num_features, layer.eps, layer.momentum)
        self.load_state_dict(layer.state_dict())
        self._rank, self._world_size = rank, world_size

    def forward(self, inputs: Tensor) -> Tensor:
        if not self.training:
            return super().forward(inputs)
        batch = _Batch.apply(inputs, self._rank, self._world_size)
        return super().forward(batch)[self._rank :: self._world_size]


class _Batch(torch.autograd.Function):
    """The samples of all ranks, from those of each."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, rank: int, world_size: int) -> Tensor:
        ctx.mine = slice(rank, None, world_size)
        shares = [torch.empty_like(inputs) for _ in range(world_size)]
        dist.all_gather(shares, inputs)
        return torch.stack(shares, dim=1).flatten(0, 1)

    @staticmethod
    def backward(ctx: Any, gradients: Tensor) -> tuple[Tensor, None, None]:
        dist.all_reduce(gradients)
        return gradients[ctx.mine], None, None
