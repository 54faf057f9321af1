"""How many of what is made: the table in docs/clouds/aks.md."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from aks_runs import runs

from lib.paths import ROOT

PAGE = ROOT / "docs" / "clouds" / "aks.md"
SCENARIOS = ("defaults", "auto", "everything")


def table() -> str:
    """A row a type of resource, with how many of it each scenario plans."""
    counts = {
        name: Counter(
            found[1]
            for address in runs()[name].resources
            if (found := re.search(r"\b(azurerm_\w+)\.", address))
        )
        for name in SCENARIOS
    }
    rows = [f"| resources planned | {' | '.join(SCENARIOS)} |", "|---|" + "--:|" * len(SCENARIOS)]
    for kind in sorted(set().union(*counts.values())):
        rows.append(f"| {kind} | {' | '.join(str(counts[name][kind]) for name in SCENARIOS)} |")
    totals = " | ".join(f"**{counts[name].total()}**" for name in SCENARIOS)
    return "\n".join([*rows, f"| **together** | {totals} |"])


@pytest.mark.cloud
def test_the_page_tells_how_many_are_planned() -> None:
    assert table() in PAGE.read_text(), f"put into {PAGE.relative_to(ROOT)}:\n{table()}"
