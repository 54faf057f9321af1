"""The part of values.yaml that every chart of a Ray cluster has, from one file.

Helm reads no values of a library chart, so the text is written into each. A key that only some
charts have is marked `# @only CHART …` above its description.
"""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from charts.places import CHARTS, CLUSTERS
from lib.errors import UserError

SOURCE = CHARTS / "ray-common" / "cluster-values.yaml"
MARKER = "# What follows is the same in"

_ONLY = re.compile(r"^\s*# @only (.*)$")


def _dropped(node: yaml.MappingNode, lines: list[str], chart: str) -> set[int]:
    """Lines, counted from 0, of keys that are not this chart's, comments included."""
    gone: set[int] = set()
    for key, value in node.value:
        first = key.start_mark.line
        while first > 0 and lines[first - 1].lstrip().startswith("#"):
            first -= 1
        marks = [
            found for line in lines[first : key.start_mark.line] if (found := _ONLY.match(line))
        ]
        if marks and chart not in marks[0][1].split():
            last = value.end_mark.line if value.end_mark.column == 0 else value.end_mark.line + 1
            gone |= set(range(first, last))
        elif isinstance(value, yaml.MappingNode):
            gone |= _dropped(value, lines, chart)
    return gone


def shared(chart: str) -> str:
    """The shared part as this chart has it."""
    text = SOURCE.read_text()
    lines = text.splitlines()
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        raise UserError(f"{SOURCE.name} is not a map")
    gone = _dropped(root, lines, chart)
    kept = [line for at, line in enumerate(lines) if at not in gone and not _ONLY.match(line)]
    return "\n".join(kept).strip() + "\n"


def generated() -> dict[Path, str]:
    """values.yaml of every chart of a cluster, and what it should hold."""
    files = {}
    for chart in CLUSTERS:
        path = CHARTS / chart / "values.yaml"
        own, marker, rest = path.read_text().partition(MARKER)
        if not marker:
            raise UserError(
                f"charts/{chart}/values.yaml lacks its marker", f"add a line {MARKER!r}"
            )
        heading = rest.split("\n\n", 1)[0]
        files[path] = f"{own}{marker}{heading}\n\n{shared(chart)}"
    return files
