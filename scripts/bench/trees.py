"""The boosted trees of `rayworks xgboost-benchmark` against xgboost alone, on the same cores.

The same Parquet files, rounds and parameters, and as many threads in all, each in processes of its
own, in turns. Timed is what both do: read the rows, bin them, boost. What Ray Train takes to start
and to end its workers, and all take to import xgboost, does not depend on the table, and is told
beside it.

`python -m bench.trees FOLDER` is one training alone.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from lib.errors import UserError
from lib.paths import ROOT

#: Turns of each that count. Another goes before them: it makes the table, and fills the caches.
TURNS = 3

#: The table, 1.3 million rows, and the trees.
GB, ROUNDS, MAX_DEPTH = 0.5, 30, 6
THREADS = 2

#: Contenders on Ray: their workers; they share the threads.
WORKERS = {"rayworks, 1 worker": 1, "rayworks, 2 workers": 2}
ALONE = "xgboost alone"

#: Seconds of one training, by part.
Parts = dict[str, float]


def measure() -> dict[str, float]:
    """Print the table; medians over the turns, of seconds and of their ratios in a turn."""
    turns: list[dict[str, Parts]] = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(TURNS + 1):
            on_ray = {name: _on_ray(folder, workers) for name, workers in WORKERS.items()}
            turns.append({ALONE: _alone(folder), **on_ray})
    del turns[0]

    table = Table(title=f"{GB} GB, {ROUNDS} rounds, {THREADS} threads: seconds (median)")
    for heading in ("", "start and end", "read, bin", "boost", "both", "least", "most", "of alone"):
        table.add_column(heading, justify="right" if heading else "left")
    ratios = {name: [_both(turn[ALONE]) / _both(turn[name]) for turn in turns] for name in turns[0]}
    for name in turns[0]:
        parts = {part: statistics.median(turn[name][part] for turn in turns) for part in PARTS}
        both = [_both(turn[name]) for turn in turns]
        figures = *parts.values(), statistics.median(both), min(both), max(both)
        ratio = statistics.median(ratios[name])
        table.add_row(name, *(f"{value:.2f}" for value in figures), f"{ratio:.2f}")
    Console().print(table)
    one, two = WORKERS
    return {
        "xgboost_alone_s": round(statistics.median(_both(turn[ALONE]) for turn in turns), 3),
        "xgboost_rayworks_s": round(statistics.median(_both(turn[one]) for turn in turns), 3),
        "xgboost_vs_alone": round(statistics.median(ratios[one]), 3),
        "xgboost_vs_alone_least": round(min(ratios[one]), 3),
        "xgboost_2_workers_vs_alone": round(statistics.median(ratios[two]), 3),
        "xgboost_start_and_end_s": round(
            statistics.median(turn[one]["start and end"] for turn in turns), 2
        ),
    }


#: In their order.
PARTS = ("start and end", "read, bin", "boost")


def _both(parts: Parts) -> float:
    """What both do."""
    return parts["read, bin"] + parts["boost"]


def _alone(folder: str) -> Parts:
    begin = time.perf_counter()
    parts: Parts = json.loads(_run("bench.trees", f"{folder}/trees/data"))
    return {"start and end": time.perf_counter() - begin - _both(parts), **parts}


def _on_ray(folder: str, workers: int) -> Parts:
    options = {
        "--data-size-gb": GB, "--rounds": ROUNDS, "--max-depth": MAX_DEPTH,
        "--num-workers": workers, "--cpus-per-worker": THREADS // workers,
        "--storage-path": folder, "--run-name": "trees",
    }  # fmt: skip
    words = (str(word) for option in options.items() for word in option)
    _run("rayworks", "xgboost-benchmark", "--fresh", *words)
    result = json.loads(Path(folder, "trees", "result.json").read_text())
    timings = result["timings"]
    parts = {
        "read, bin": timings["ready"] - timings["imported"],
        "boost": timings["boosted"] - timings["ready"],
    }
    return {"start and end": result["training_time"] - _both(parts), **parts}


def _run(module: str, *words: str) -> str:
    """What a module prints."""
    paths = os.pathsep.join(map(str, (ROOT / "scripts", ROOT / "workloads" / "src")))
    done = subprocess.run(
        [sys.executable, "-m", module, *words], env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise UserError(f"the trees' benchmark failed: {module}")
    return done.stdout


def main(folder: str) -> None:
    """Train in this process, and print the seconds of each part."""
    import xgboost
    from pyarrow import parquet  # type: ignore[import-untyped]

    begin = time.perf_counter()
    frame = parquet.read_table(folder).to_pandas()
    labels = frame.pop("labels")
    data = xgboost.QuantileDMatrix(frame, labels, nthread=THREADS)
    del frame, labels
    ready = time.perf_counter()
    parameters: dict[str, Any] = {
        "objective": "binary:logistic", "eval_metric": ["logloss", "error"],
        "max_depth": MAX_DEPTH, "nthread": THREADS, "seed": 0,
    }  # fmt: skip
    xgboost.train(parameters, data, ROUNDS, evals=[(data, "train")], verbose_eval=False)
    print(json.dumps({"read, bin": ready - begin, "boost": time.perf_counter() - ready}))


if __name__ == "__main__":
    main(*sys.argv[1:])
