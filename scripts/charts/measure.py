"""What the charts cost: the time to render each, and the size of its release.

Helm keeps a release in a Secret, as compressed JSON in base64: the chart, but not the charts in its
charts/ folder, and all that it has rendered. The API server takes no Secret beyond 1 MiB.
"""

from __future__ import annotations

import base64
import gzip
import json
import statistics
import time
from collections.abc import Iterable
from pathlib import Path

from charts.places import APPLICATIONS, CHARTS, namespace, scenarios
from lib.errors import UserError
from lib.paths import tool
from lib.shell import run

#: The most that a Secret may hold, bytes.
LIMIT = 1 << 20


def as_it_comes(chart: str) -> list[Path]:
    """Values with which a chart is useful at all."""
    return [scenarios(chart)["default"]]


def helm(verb: str, chart: str, *options: str | Path) -> str:
    """What a command of Helm makes of a chart as a release `demo`."""
    where: list[str | Path] = [CHARTS / chart, "--namespace", namespace(chart)]
    return run([tool("helm"), verb, "demo", *where, *options]).stdout


def stored(chart: str, files: Iterable[Path] = ()) -> int:
    """Size of the Secret that Helm would keep of a release, bytes; as it comes, or with files."""
    values = [word for path in files or as_it_comes(chart) for word in ("--values", path)]
    release = helm("install", chart, "--dry-run=client", "--output", "json", *values)
    # Helm writes it without spaces, and compresses as much as it can.
    text = json.dumps(json.loads(release), separators=(",", ":"), ensure_ascii=False)
    return len(base64.b64encode(gzip.compress(text.encode(), compresslevel=9)))


def main(rounds: int = 20) -> None:
    """Print a table, then one line of JSON.

    Args:
        rounds: how often each chart is rendered, in turns with the others.

    Raises:
        UserError: a release does not fit into a Secret.
    """
    seconds: dict[str, list[float]] = {chart: [] for chart in APPLICATIONS}
    for _ in range(rounds):
        for chart, taken in seconds.items():
            begun = time.perf_counter()
            helm("template", chart, "--values", *as_it_comes(chart))
            taken.append(time.perf_counter() - begun)
    sizes = {chart: stored(chart) for chart in APPLICATIONS}
    print(
        f"{'chart':<16} {'render, s':>10} {'(spread)':>16} {'release, bytes':>15} {'of 1 MiB':>9}"
    )
    for chart, taken in seconds.items():
        spread = f"({min(taken):.2f} to {max(taken):.2f})"
        print(
            f"{chart:<16} {statistics.median(taken):>10.2f} {spread:>16}"
            f" {sizes[chart]:>15,} {sizes[chart] / LIMIT:>9.1%}"
        )
    found = {
        chart: {
            "render_s": {
                "median": round(statistics.median(taken), 4),
                "min": round(min(taken), 4),
                "max": round(max(taken), 4),
            },
            "release_bytes": sizes[chart],
        }
        for chart, taken in seconds.items()
    }
    print(json.dumps({"rounds": rounds, "limit_bytes": LIMIT, "charts": found}))
    if large := [chart for chart, size in sizes.items() if size > LIMIT]:
        raise UserError(f"too large for Helm to keep: {', '.join(large)}")
