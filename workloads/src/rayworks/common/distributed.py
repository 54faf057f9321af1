"""torch's process group inside a Ray Train worker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
import torch
import torch.distributed as dist
from ray.train.collective import broadcast_from_rank_zero
from torch.distributed import TCPStore  # type: ignore[attr-defined]


@contextmanager
def process_group(rank: int, world_size: int, device: torch.device) -> Iterator[None]:
    """All workers joined in one group: gloo on CPUs, NCCL on GPUs. A single worker needs none.

    Rank 0 opens a store on a port that the system picks, and tells the others where, so that no
    two runs on a node meet on a port.
    """
    if world_size == 1:
        yield
        return
    host = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
    store = TCPStore(host, 0, world_size, True, wait_for_workers=False) if rank == 0 else None
    address: Any = broadcast_from_rank_zero((host, store.port) if store else None)
    if store is None:
        store = TCPStore(address[0], address[1], world_size, False)
    backend = "nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=world_size)
    try:
        yield
    finally:
        dist.destroy_process_group()
