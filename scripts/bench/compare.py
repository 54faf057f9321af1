"""A table of speeds, and the figures of it: a workload against plain loops, in rounds of turns."""

from __future__ import annotations

import statistics
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from bench import rounds
from bench.device import GPU, NAME
from bench.rounds import Peer, ratios


def compared(
    name: str,
    title: str,
    unit: str,
    peers: Mapping[str, Peer],
    *,
    starts: int,
    turns: int,
    env: Mapping[str, str] | None = None,
) -> dict[str, float]:
    """Print a table; medians over the rounds, of speeds and of their ratios in a round.

    Args:
        name: what the figures' names begin with.
        title: of the table.
        unit: what is counted.
        peers: the workload, then what it is compared with, of which the fastest counts.
        starts: how often all are started anew.
        turns: the rounds of a start that count.
        env: of all, beside this process's.
    """
    found = rounds.run(peers, starts=starts, rounds=turns, env=env)
    ours, *others = found.values()
    best = max(others, key=lambda figures: statistics.median(figures.speeds))
    table = Table(title=f"{title} on {NAME}")
    headings = (
        *("", f"{unit}/s (median)", "least", "most", "of the best loop", "first step after"),
        *(("GPU busy",) if GPU else ()),
    )
    for heading in headings:
        table.add_column(heading, justify="right" if heading else "left")
    for peer, figures in found.items():
        table.add_row(
            peer,
            *(f"{value(figures.speeds):,.2f}" for value in (statistics.median, min, max)),
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
