"""Images per second that ResNet-18 trains on: image-training against plain torch and a DataLoader.

The same network, optimizer, images and batch of 32, on all cores of the machine, in turns. Both
decode beside the training: Ray Data in its tasks, the DataLoader in a process of its own.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from bench import rounds
from bench.rounds import Peer, ratios

#: How often all are started anew, and the rounds of a start that count.
STARTS, ROUNDS = 3, 2

#: Ray Data decodes ahead until half of the object store is full. A small one is full before the
#: first turn ends; from then on each image that is trained on makes room to decode another.
SMALL_STORE = {"RAY_DEFAULT_OBJECT_STORE_MAX_MEMORY_BYTES": str(128 * 2**20)}

#: The workload, then what it is compared with.
PEERS = {
    "rayworks image-training": ("ray",),
    "loop over a DataLoader with 1 process": ("loop", "1"),
    "loop over a DataLoader without processes": ("loop", "0"),
}


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
    table = Table(title=f"{title} on {os.cpu_count()} cores")
    headings = ("", "images/s (median)", "least", "most", "of the best loop", "first step after")
    for heading in headings:
        table.add_column(heading, justify="right" if heading else "left")
    for peer, figures in found.items():
        values = statistics.median(figures.speeds), min(figures.speeds), max(figures.speeds)
        table.add_row(
            peer,
            *(f"{value:.2f}" for value in values),
            _spread(ratios(figures, best)),
            f"{statistics.median(figures.ready):.1f} s",
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
    }


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.3f} ({min(values):.3f} … {max(values):.3f})"
