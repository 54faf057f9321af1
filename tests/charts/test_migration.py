"""docs/migration.md: what it says that upstream values become is there."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from charts import schema
from charts.places import CHARTS
from lib.paths import ROOT

TEXT = (ROOT / "docs" / "migration.md").read_text()
SECTIONS = {"Values of the operator": "ray-operator", "Values of a cluster": "ray-cluster"}


def named(section: str) -> list[str]:
    """Values of ours that the table of a section names."""
    _, _, rest = TEXT.partition(f"## {section}\n")
    tables, _, _ = rest.partition("\n## ")
    rows = [line for line in tables.splitlines() if line.startswith("| ")]
    ours = [line.strip("| ").rpartition(" | ")[2] for line in rows]
    words = [word for cell in ours for word in re.findall(r"`([^`]+)`", cell)]
    return [word for word in words if re.fullmatch(r"[A-Za-z.<>]+", word)]


def there(path: str, chart: str) -> bool:
    """Whether a chart, or the contract, has a value."""
    known = schema.definitions()
    if path.startswith("global.ray."):
        node, path = known["global"], path.removeprefix("global.ray.")
    else:
        node = json.loads((CHARTS / chart / "values.schema.json").read_text())
    for word in path.split("."):
        if ref := node.get("$ref"):
            node = known[ref.removeprefix("#/$defs/")]
        inner: dict[str, Any] = node.get("properties", {})
        further = node.get("additionalProperties")
        if word in inner:
            node = inner[word]
        elif isinstance(further, dict):
            node = further
        else:
            return False
    return True


@pytest.mark.slow
@pytest.mark.parametrize(("section", "chart"), SECTIONS.items())
def test_what_values_become_is_there(section: str, chart: str) -> None:
    values = named(section)
    assert len(values) > 15
    assert [path for path in values if not there(path, chart)] == []
