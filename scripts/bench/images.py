"""Images per second that ResNet-18 trains on: image-training against plain torch and a DataLoader.

The same network, optimizer, images and batch, in turns: of 32 on all cores of the machine, or of
256 in bfloat16 on its GPU. Both decode beside the training: Ray Data in its tasks, the DataLoader
in processes of its own.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from bench import rounds
from bench.device import GPU, NAME
from bench.rounds import Peer, ratios

#: How often all are started anew, and the rounds of a start that count.
STARTS, ROUNDS = 3, 2

#: Ray Data decodes ahead until half of the object store is full. A small one is full before the
#: first turn ends; from then on each image that is trained on makes room to decode another.
SMALL_STORE = {"RAY_DEFAULT_OBJECT_STORE_MAX_MEMORY_BYTES": str((2048 if GPU else 128) * 2**20)}

#: Processes of the DataLoaders that are compared with: those on a CPU take it from the training.
PROCESSES = [os.cpu_count() or 1, (os.cpu_count() or 1) // 2] if GPU else [1, 0]

#: What a workload is compared with.
LOOPS = {
    f"loop over a DataLoader with {number} processes": ("loop", str(number)) for number in PROCESSES
}

#: The workload, then what it is compared with.
PEERS = {"rayworks image-training": ("ray",), **LOOPS}


def measure() -> dict[str, float]:
    """Print the table; medians over the rounds, of speeds and of their ratios in a round."""
    return compared("images", "ResNet-18, trained", "bench.resnet", PEERS)


def compared(
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
        found = rounds.run(commands, starts=STARTS, rounds=ROUNDS, env=SMALL_STORE)
    ours, *others = found.values()
    best = max(others, key=lambda figures: statistics.median(figures.speeds))
    table = Table(title=f"{title} on {NAME}")
    headings = (
        *("", "images/s (median)", "least", "most", "of the best loop", "first step after"),
        *(("GPU busy",) if GPU else ()),
    )
    for heading in headings:
        table.add_column(heading, justify="right" if heading else "left")
    for peer, figures in found.items():
        values = statistics.median(figures.speeds), min(figures.speeds), max(figures.speeds)
        table.add_row(
            peer,
            *(f"{value:.2f}" for value in values),
            _spread(ratios(figures, best)),
            f"{statistics.median(figures.ready):.1f} s",
            *(f"{statistics.median(busy):.0%}" for busy in [figures.busy] if busy),
        )
    Console().print(table)
    of_best = ratios(ours, best)
    return {
        f"{name}_rayworks_per_second": round(statistics.median(ours.speeds), 2),
        f"{name}_loop_per_second": round(statistics.median(best.speeds), 2),
        f"{name}_vs_loop": round(statistics.median(of_best), 3),
        f"{name}_vs_loop_least": round(min(of_best), 3),
        f"{name}_rayworks_start_s": round(statistics.median(ours.ready), 1),
        f"{name}_loop_start_s": round(statistics.median(best.ready), 1),
        **({f"{name}_gpu_busy": round(statistics.median(ours.busy), 3)} if ours.busy else {}),
    }


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.3f} ({min(values):.3f} … {max(values):.3f})"
