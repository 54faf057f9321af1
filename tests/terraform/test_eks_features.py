"""Each feature of the samples for AWS, by what Terraform would make: eks-features.csv."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from eks_runs import plans

from lib.paths import ROOT

TABLE = Path(__file__).with_name("eks-features.csv")
ROWS = list(csv.DictReader(TABLE.read_text().splitlines()))

#: Folders of the sources that have a part on AWS; `beyond` is what none of them has.
SOURCES = {"2", "4", "beyond"}


def look(found: Any, path: str) -> Any:
    """What is at a dotted path; a number goes into a list, and a key may have dots itself."""
    parts = path.split(".") if path else []
    while parts:
        if isinstance(found, list):
            found = found[int(parts.pop(0))]
            continue
        for length in range(1, len(parts) + 1):
            key = ".".join(parts[:length])
            if key in found:
                found, parts = found[key], parts[length:]
                break
        else:
            raise AssertionError(f"nothing at {'.'.join(parts)}: there is {', '.join(found)}")
    return found


def place(scenario: str, where: str) -> Any:
    """What a row looks into: a resource, an output, or a file of the environment."""
    kind, _, name = where.partition(" ")
    if kind == "addon":
        return yaml.safe_load((ROOT / "environments/eks/addons.yaml").read_text())[name]
    if kind == "values":
        values = yaml.safe_load((ROOT / "environments/eks/values.yaml").read_text())
        return look(values, name)
    run = plans()[scenario]
    if kind == "output":
        return run.outputs[name]
    assert where in run.resources, f"{scenario} makes no {where}"
    return run.resources[where]


def test_every_source_is_there() -> None:
    assert {row["source"] for row in ROWS} == SOURCES


@pytest.mark.cloud
@pytest.mark.parametrize("row", ROWS, ids=[f"{row['source']}: {row['feature']}" for row in ROWS])
def test_feature(row: dict[str, str]) -> None:
    found = look(place(row["scenario"], row["where"]), row["attribute"])
    assert found == json.loads(row["value"])
