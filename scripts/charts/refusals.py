"""Values that the charts refuse, and how that is known: the table tests/charts/refused.yaml."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from charts.places import CHARTS, scenarios
from charts.proof import Prover
from lib.paths import ROOT

TABLE = ROOT / "tests" / "charts" / "refused.yaml"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Values that a chart refuses.

    Args:
        chart: whose values.
        title: what it is called in the table.
        texts: of values files, merged in this order.
        release: name of the release.
        place: its namespace; empty for the chart's usual one.
        says: what the message must hold.
    """

    chart: str
    title: str
    texts: tuple[str, ...]
    release: str
    place: str
    says: tuple[str, ...]

    def fault(self, prover: Prover, charts: Path = CHARTS) -> str:
        """What is wrong with the way in which the charts of a folder refuse it; empty: nothing."""
        said = prover.prove(
            self.chart, self.texts, release=self.release, place=self.place, charts=charts
        ).error
        if not refused(said):
            return said or "it renders"
        missing = [words for words in self.says if words not in said]
        return f"{missing} is not in:\n{said}" if missing else ""


def refusals() -> Iterator[Refusal]:
    """Every case of the table."""
    table: dict[str, dict[str, dict[str, Any]]] = yaml.safe_load(TABLE.read_text())
    for chart, cases in table.items():
        files = scenarios(chart)
        for title, case in cases.items():
            base = [files[case["scenario"]].read_text()] if "scenario" in case else []
            yield Refusal(
                chart,
                title,
                (*base, json.dumps(case.get("values", {}))),
                case.get("release", "demo"),
                case.get("namespace", ""),
                tuple(case["says"]),
            )


def refused(error: str) -> str:
    """Who refused, in words that are meant to be read; empty when nobody did."""
    if "values don't meet the specifications of the schema" in error:
        return "schema"
    if re.search(r"\n\n  \S[^\n]*: [^\n]+\n  -> [^\n]+\n", error):
        return "chart"
    # A part of the umbrella must be a map: said before any schema is looked at.
    mismatch = r"chart dependencies processing failed: type mismatch on [a-z-]+: "
    if error.startswith("release name ") or re.match(mismatch, error):
        return "Helm"
    return ""
