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

from charts.check import Rendering
from charts.places import APPLICATIONS, scenarios
from lib.errors import UserError

#: The most that a Secret may hold, bytes.
LIMIT = 1 << 20


def default(chart: str) -> Rendering:
    """A chart as it comes."""
    return Rendering(chart, f"{chart}, scenario default", (scenarios(chart)["default"],))


def stored(one: Rendering) -> int:
    """Size of the Secret that Helm would keep of a release, bytes."""
    release = one.helm("install", "--dry-run=client", "--output", "json")
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
            default(chart).text()
            taken.append(time.perf_counter() - begun)
    sizes = {chart: stored(default(chart)) for chart in APPLICATIONS}
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
