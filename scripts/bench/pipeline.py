"""The data pipeline against source 1's job: 50,000 x 100 values made, normalised and written.

Both on one Ray of this machine, in turns; the first round, in which Ray starts processes, does not
count. Ours also normalises over columns, which takes a pass more, and counts what it has written.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial

from rich.console import Console
from rich.table import Table

from lib.errors import UserError
from lib.paths import ROOT

ROUNDS = 5
ROWS, COLUMNS = 50_000, 100


def measure() -> dict[str, float]:
    """Print the table; medians over the rounds, of seconds and of their ratios in a round."""
    paths = os.pathsep.join(map(str, (ROOT / "scripts", ROOT / "workloads" / "src")))
    done = subprocess.run(
        [sys.executable, "-m", "bench.pipeline"],
        env={**os.environ, "PYTHONPATH": paths}, stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise UserError("the pipeline's benchmark failed")
    rounds = [tuple(map(float, line.split())) for line in done.stdout.splitlines()]
    theirs, ours = ([one[i] for one in rounds] for i in (0, 1))
    ratios = [a / b for a, b in rounds]
    table = Table("", "seconds (median)", "least", "most", title="50,000 x 100 values to Parquet")
    for name, figures in (("source 1 as it stands", theirs), ("rayworks data-pipeline", ours)):
        values = statistics.median(figures), min(figures), max(figures)
        table.add_row(name, *(f"{value:.2f}" for value in values))
    Console().print(table)
    return {
        "pipeline_source1_s": round(statistics.median(theirs), 3),
        "pipeline_rayworks_s": round(statistics.median(ours), 3),
        "pipeline_speedup_vs_source1": round(statistics.median(ratios), 3),
        "pipeline_speedup_least": round(min(ratios), 3),
    }


def main() -> None:
    """Print the seconds of both, a line a round."""
    from ray.data import DataContext

    from bench import source1
    from rayworks.common.cluster import connected
    from rayworks.common.storage import Store
    from rayworks.common.table import Generated, blocks_for, written
    from rayworks.data_pipeline.pipeline import DATA, generate, process

    lines = []
    with tempfile.TemporaryDirectory() as folder, connected(verbose=False):
        DataContext.get_current().enable_progress_bars = False
        table = Generated(ROWS, 0, partial(generate, COLUMNS))
        for number in range(ROUNDS + 1):
            theirs = source1.seconds(f"{folder}/source1-{number}")
            begin = time.perf_counter()
            store = Store(f"{folder}/rayworks-{number}")
            process(table, COLUMNS, blocks_for(table), store, lambda event: None)
            if written(store, DATA)["rows"] != ROWS:
                raise UserError("rows are missing")
            lines.append(f"{theirs} {time.perf_counter() - begin}")
    print("\n".join(lines[1:]))


if __name__ == "__main__":
    main()
