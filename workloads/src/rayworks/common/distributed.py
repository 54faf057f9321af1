"""torch's process group, where each process is told its rank."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Place:
    """One process of a run among the others."""

    rank: int = 0
    """Its number."""
    world_size: int = 1
    """How many there are."""
    host: str = "127.0.0.1"
    """The address of the machine that it is on."""
    device: str = "cpu"
    """What it computes on: cpu or cuda."""


@contextmanager
def process_group(place: Place, share: Callable[[Any], Any]) -> Iterator[None]:
    """All processes joined in one group: gloo on CPUs, NCCL on GPUs. A single one needs none.

    Rank 0 opens a store on a port that the system picks, and tells the others where, so that no
    two runs on a node meet on a port.

    Args:
        place: this process.
        share: called by every process, returns to all what rank 0 gave.
    """
    if place.world_size == 1:
        yield
        return
    import torch.distributed as dist  # late: a Ray worker has only use for Place
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    rank, world_size = place.rank, place.world_size
    if rank == 0:
        store = TCPStore(place.host, 0, world_size, True, wait_for_workers=False)
        share((place.host, store.port))
    else:
        host, port = share(None)
        store = TCPStore(host, port, world_size, False)
    backend = "nccl" if place.device == "cuda" else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=world_size)
    try:
        yield
    finally:
        dist.destroy_process_group()
