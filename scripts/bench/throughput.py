"""Training throughput: the workload against source 0's own loop, and against torchrun.

The same model, global batch 32 over 2 workers, the same machine, in turns. The images are noise in
the shape of Fashion-MNIST (60,000 + 10,000 of 28 x 28): speed does not depend on what they show.
"""

from __future__ import annotations

import os
import statistics
import struct
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.turns import Contender
from lib.paths import ROOT

TORCHRUN = ("torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "bench.ours")

#: How often all are started anew. Two starts of the same program differ by 3 to 5 % for as long as
#: they run (torchrun against torchrun: 0.98 to 1.06), by where their memory came to lie.
STARTS = 5

#: How many rounds of a start are counted. Another goes before them, in which Ray still starts
#: processes.
ROUNDS = 3

#: What each contender is called, its turns in a round, and the module that starts it with its
#: arguments. Turns differ on a shared machine: those two that differ least need most of them.
CONTENDERS = {
    "source 0 as it stands (2 threads a worker)": (1, ("bench.source0", "{folder}", "2")),
    "source 0 with 1 thread a worker": (1, ("bench.source0", "{folder}", "1")),
    "rayworks on Ray Train": (2, ("bench.ours", "ray", "{folder}")),
    "the same under torchrun": (2, (*TORCHRUN, "torchrun", "{folder}")),
    "the same with DistributedDataParallel": (1, (*TORCHRUN, "ddp", "{folder}")),
}


def measure() -> dict[str, float]:
    """Print the table; medians over the rounds, of speeds and of their ratios in a round."""
    speeds: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    with tempfile.TemporaryDirectory() as folder:
        _data(Path(folder))
        for number in range(STARTS):
            for pace in _rounds(folder):
                for name, speed in pace.items():
                    speeds[name].append(speed)
                said = ", ".join(f"{speed:.0f}" for speed in pace.values())
                _say(f"start {number + 1} of {STARTS}: {said} steps/s")

    stands, one_thread, on_ray, torchrun, ddp = speeds.values()
    table = Table(title="training throughput, 2 workers, global batch 32")
    for heading in ("", "steps/s (median)", "least", "most", "of source 0"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, rounds in speeds.items():
        figures = statistics.median(rounds), min(rounds), max(rounds)
        table.add_row(name, *(f"{value:.1f}" for value in figures), f"{_ratio(rounds, stands):.2f}")
    Console().print(table)
    return {
        "source0_steps_per_second": round(statistics.median(stands), 2),
        "rayworks_steps_per_second": round(statistics.median(on_ray), 2),
        "torchrun_steps_per_second": round(statistics.median(torchrun), 2),
        "speedup_vs_source0": round(_ratio(on_ray, stands), 3),
        "speedup_vs_source0_one_thread": round(_ratio(on_ray, one_thread), 3),
        "vs_torchrun": round(_ratio(on_ray, torchrun), 3),
        "torchrun_vs_ddp": round(_ratio(torchrun, ddp), 3),
    }


def _rounds(folder: str) -> Iterator[dict[str, float]]:
    """Start all contenders; the steps per second of each in every round that counts."""
    # What Ray's workers and torchrun's processes import.
    paths = os.pathsep.join(map(str, (ROOT / "scripts", ROOT / "workloads" / "src")))
    with ExitStack() as stack:
        contenders = {}
        for name, (_, words) in CONTENDERS.items():
            command = [sys.executable, "-m", *(word.format(folder=folder) for word in words)]
            contenders[name] = stack.enter_context(Contender(command, {"PYTHONPATH": paths}))
        _round(contenders)
        for _ in range(ROUNDS):
            yield _round(contenders)


def _round(contenders: dict[str, Contender]) -> dict[str, float]:
    """Each contender's steps per second over all of its turns, which alternate with the others'."""
    turns: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(max(count for count, _ in CONTENDERS.values())):
        for name, (count, _) in CONTENDERS.items():
            if number < count:
                turns[name].append(contenders[name].turn())
    return {name: statistics.harmonic_mean(speeds) for name, speeds in turns.items()}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _ratio(ones: list[float], others: list[float]) -> float:
    """Median over the rounds: the machine's pace changes between rounds more than within one."""
    return statistics.median(one / other for one, other in zip(ones, others, strict=True))


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
