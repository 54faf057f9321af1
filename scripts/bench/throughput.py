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
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.turns import TURNS, Contender
from lib.paths import ROOT

TORCHRUN = ("torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "bench.ours")

#: What each contender is called, and the module that starts it with its arguments.
CONTENDERS = {
    "source 0 as it stands (2 threads a worker)": ("bench.source0", "{folder}", "2"),
    "source 0 with 1 thread a worker": ("bench.source0", "{folder}", "1"),
    "rayworks on Ray Train": ("bench.ours", "ray", "{folder}"),
    "the same under torchrun": (*TORCHRUN, "torchrun", "{folder}"),
    "the same with DistributedDataParallel": (*TORCHRUN, "ddp", "{folder}"),
}


def measure() -> dict[str, float]:
    """Print the table; medians over the rounds, of speeds and of their ratios in a round."""
    # What Ray's workers and torchrun's processes import.
    paths = os.pathsep.join(map(str, (ROOT / "scripts", ROOT / "workloads" / "src")))
    env = {"PYTHONPATH": paths}
    speeds: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        _data(Path(folder))
        contenders = {}
        for name, words in CONTENDERS.items():
            _say(f"starting {name}")
            command = [sys.executable, "-m", *(word.format(folder=folder) for word in words)]
            contenders[name] = stack.enter_context(Contender(command, env))
        for number in range(TURNS):
            for name, contender in contenders.items():
                speed = contender.turn()
                if number > 0:
                    speeds[name].append(speed)
                _say(f"turn {number} of {TURNS - 1}: {name}: {speed:.1f} steps/s")

    stands, one_thread, on_ray, torchrun, ddp = speeds.values()
    table = Table(title="training throughput, 2 workers, global batch 32")
    for heading in ("", "steps/s (median)", "least", "most", "of source 0"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, turns in speeds.items():
        figures = statistics.median(turns), min(turns), max(turns)
        table.add_row(name, *(f"{value:.1f}" for value in figures), f"{_ratio(turns, stands):.2f}")
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
