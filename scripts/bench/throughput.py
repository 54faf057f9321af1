"""Training throughput: the workload against source 0's own loop, and against torchrun.

The same model, global batch 32 over 2 workers, the same machine, in turns. The images are noise in
the shape of Fashion-MNIST (60,000 + 10,000 of 28 x 28): speed does not depend on what they show.
"""

from __future__ import annotations

import logging
import os
import statistics
import struct
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from lib.paths import ROOT

ROUNDS = 3
STEPS_OF_SOURCE0 = 150


def measure() -> dict[str, float]:
    """Print the table; medians over the rounds, of speeds and of their ratios in a round."""
    # What Ray's workers and torchrun import.
    paths = [str(ROOT / "scripts"), str(ROOT / "workloads" / "src")]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    sys.path[:0] = paths[1:]
    os.environ["RAY_TRAIN_HEALTH_CHECK_INTERVAL_S"] = "0.2"

    from bench import ours, source0

    with tempfile.TemporaryDirectory() as folder:
        root = str(_data(Path(folder)))
        storage = f"{folder}/storage"
        contenders: dict[str, Callable[[], float]] = {
            "source 0 as it stands (2 threads a worker)": _with_ray(
                lambda: source0.speed(root, storage, STEPS_OF_SOURCE0, 2)
            ),
            "source 0 with 1 thread a worker": _with_ray(
                lambda: source0.speed(root, storage, STEPS_OF_SOURCE0, 1)
            ),
            "rayworks on Ray Train": _with_ray(lambda: ours.ray_speed(root, storage)),
            "the same under torchrun": lambda: ours.torchrun_speed(root),
            "the same with DistributedDataParallel": lambda: ours.torchrun_speed(root, ddp=True),
        }
        speeds: dict[str, list[float]] = {name: [] for name in contenders}
        for number in range(ROUNDS):
            for name, contender in contenders.items():
                speeds[name].append(contender())
                said = f"round {number + 1} of {ROUNDS}: {name}: {speeds[name][-1]:.1f} steps/s"
                print(said, file=sys.stderr, flush=True)

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


def _ratio(ones: list[float], others: list[float]) -> float:
    """Median over the rounds: the machine's pace changes more between rounds than within one."""
    return statistics.median(one / other for one, other in zip(ones, others, strict=True))


def _with_ray(contender: Callable[[], float]) -> Callable[[], float]:
    """A contender on a Ray of its own, so that nothing of it runs beside the others."""

    def run() -> float:
        import ray

        # 2 workers with 2 CPUs each, as the sample asks for: Ray counts, the machine shares.
        ray.init(
            num_cpus=4, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR
        )
        logging.getLogger("ray.train").setLevel(logging.ERROR)
        try:
            return contender()
        finally:
            ray.shutdown()

    return run


def _data(folder: Path) -> Path:
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
    return folder
