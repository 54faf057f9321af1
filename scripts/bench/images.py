"""Images per second that ResNet-18 trains on: image-training against plain torch and a DataLoader.

The same network, optimizer, images and batch, in turns: of 32 on all cores of the machine, or of
256 in bfloat16 on its GPU. Both decode beside the training: Ray Data in its tasks, the DataLoader
in processes of its own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping

from bench import rounds
from bench.compare import compared
from bench.device import CORES, GPU
from bench.rounds import Peer

#: How often all are started anew, and the rounds of a start that count.
STARTS, ROUNDS = 3, 2

#: Ray Data decodes ahead until half of the object store is full. A small one is full before the
#: first turn ends; from then on each image that is trained on makes room to decode another.
SMALL_STORE = {"RAY_DEFAULT_OBJECT_STORE_MAX_MEMORY_BYTES": str((2048 if GPU else 128) * 2**20)}

#: Processes of the DataLoaders that are compared with: those on a CPU take it from the training.
PROCESSES = [CORES, CORES // 2] if GPU else [1, 0]

#: What a workload is compared with.
LOOPS = {
    f"loop over a DataLoader with {number} processes": ("loop", str(number)) for number in PROCESSES
}

#: The workload, then what it is compared with.
PEERS = {"rayworks image-training": ("ray",), **LOOPS}


def measure() -> dict[str, float]:
    """Print the table, and return its figures."""
    return over_images("images", "ResNet-18, trained", "bench.resnet", PEERS)


def over_images(
    name: str, title: str, module: str, peers: Mapping[str, tuple[str, ...]]
) -> dict[str, float]:
    """Print a table of images per second, and return its figures.

    Args:
        name: what the figures' names begin with.
        title: of the table.
        module: `make FOLDER` makes what the contenders need; `FOLDER WORD …` is one of them.
        peers: words of the workload, then of what it is compared with.
    """
    with tempfile.TemporaryDirectory() as folder:
        rounds.prepare(module, folder, "make")
        commands = {peer: Peer((module, folder, *words)) for peer, words in peers.items()}
        return compared(
            name, title, "images", commands, starts=STARTS, turns=ROUNDS, env=SMALL_STORE
        )
