"""docs/validation.md against the source of the operator, and what it says of the charts.

The table is whole when it holds every message of the operator's validation; each row of it names a
test, here or in a chart, that shows what the chart says instead.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import yaml

from charts import crds
from charts.places import CHARTS
from lib.paths import ROOT

TABLE = ROOT / "docs" / "validation.md"

_LITERAL = r'"(?:[^"\\]|\\.)*"'
_MADE = re.compile(
    rf"(?:fmt\.Errorf|errstd\.New|fmt\.Sprintf)\(\s*({_LITERAL}(?:\s*\+\s*{_LITERAL})*)"
)


def messages(path: Path) -> set[str]:
    """What a file of the operator says when it refuses something."""
    return {
        "".join(ast.literal_eval(part) for part in re.findall(_LITERAL, found[1]))
        for found in _MADE.finditer(path.read_text())
    }


def rows() -> list[list[str]]:
    """The cells of every row of every table, the first without its ticks."""
    lines = [line for line in TABLE.read_text().splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]
    return [[row[0].strip("`"), *row[1:]] for row in cells]


def named() -> set[str]:
    """The tests that the table names."""
    tests = [test for row in rows() if ": " in row[-1] for test in row[-1].split("; ")]
    return {test for test in tests if re.match(r"^ray-\w+: ", test)}


def test_the_table_holds_what_the_operator_refuses_and_nothing_else() -> None:
    folder = crds.module()[1] / "controllers" / "ray"
    said = messages(folder / "utils" / "validation.go")
    assert len(said) > 80
    for path in (folder / "batchscheduler").glob("*/*.go"):
        if not path.name.endswith("_test.go"):
            said |= {m for m in messages(path) if "support" in m}
    table = [row[0] for row in rows()]
    assert sorted(table) == sorted(said)


def test_the_tests_that_the_table_names_are_there() -> None:
    refused = yaml.safe_load(Path(__file__).with_name("refused.yaml").read_text())
    there = {f"{chart}: {title}" for chart, cases in refused.items() for title in cases}
    for chart in ("ray-cluster", "ray-job", "ray-service"):
        for path in (CHARTS / chart / "tests").glob("*_test.yaml"):
            for suite in yaml.safe_load_all(path.read_text()):
                there |= {f"{chart}: {test['it']}" for test in suite["tests"]}
    assert named() - there == set()
    # and each row names one at least, but those of the last tables
    assert [row[0] for row in rows() if len(row) > 2 and not set(row[-1].split("; ")) & there] == []
