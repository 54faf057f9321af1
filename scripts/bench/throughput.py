"""Training throughput: the workload against source 0's own loop, and against torchrun.

The same model, global batch 32 over 2 workers, the same machine, in turns. The images are noise in
the shape of Fashion-MNIST (60,000 + 10,000 of 28 x 28): speed does not depend on what they show.
"""

from __future__ import annotations

import statistics
import struct
import tempfile
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bench import rounds
from bench.rounds import Figures, Peer, ratios

TORCHRUN = ("torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "bench.ours")

#: How often all are started anew. Two starts of the same program differ by 3 to 5 % for as long as
#: they run (torchrun against torchrun: 0.98 to 1.06), by where their memory came to lie.
STARTS = 3

#: How many rounds of a start are counted.
ROUNDS = 2

#: Those two that differ least have most turns.
PEERS = {
    "source 0 as it stands (2 threads a worker)": Peer(("bench.source0", "{folder}", "2")),
    "source 0 with 1 thread a worker": Peer(("bench.source0", "{folder}", "1")),
    "rayworks on Ray Train": Peer(("bench.ours", "ray", "{folder}"), turns=4),
    "the same under torchrun": Peer((*TORCHRUN, "torchrun", "{folder}"), turns=4),
    "the same with DistributedDataParallel": Peer((*TORCHRUN, "ddp", "{folder}")),
}


def measure() -> dict[str, float]:
    """Print the table; medians over the rounds, of speeds and of their ratios in a round."""
    with tempfile.TemporaryDirectory() as folder:
        _data(Path(folder))
        peers = {
            name: Peer([word.format(folder=folder) for word in peer.words], peer.turns)
            for name, peer in PEERS.items()
        }
        found = rounds.run(peers, starts=STARTS, rounds=ROUNDS)

    stands, one_thread, on_ray, torchrun, ddp = found.values()
    table = Table(title="training throughput, 2 workers, global batch 32")
    for heading in ("", "steps/s (median)", "least", "most", "of source 0"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, figures in found.items():
        values = statistics.median(figures.speeds), min(figures.speeds), max(figures.speeds)
        table.add_row(name, *(f"{value:.1f}" for value in values), f"{_ratio(figures, stands):.2f}")
    Console().print(table)
    return {
        "source0_steps_per_second": round(statistics.median(stands.speeds), 2),
        "rayworks_steps_per_second": round(statistics.median(on_ray.speeds), 2),
        "torchrun_steps_per_second": round(statistics.median(torchrun.speeds), 2),
        "speedup_vs_source0": round(_ratio(on_ray, stands), 3),
        "speedup_vs_source0_one_thread": round(_ratio(on_ray, one_thread), 3),
        "vs_torchrun": round(_ratio(on_ray, torchrun), 3),
        "torchrun_vs_ddp": round(_ratio(torchrun, ddp), 3),
    }


def _ratio(ones: Figures, others: Figures) -> float:
    return statistics.median(ratios(ones, others))


def _data(folder: Path) -> None:
    """Fashion-MNIST's four idx files with noise in them, where torchvision looks."""
    raw = folder / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    noise = np.random.default_rng(0)
    for part, count in (("train", 60_000), ("t10k", 10_000)):
        pixels = noise.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = noise.integers(0, 10, count, dtype=np.uint8)
        for name, values in ((f"{part}-images-idx3", pixels), (f"{part}-labels-idx1", labels)):
            head = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
            (raw / f"{name}-ubyte").write_bytes(head + values.tobytes())
