"""Tables of the samples' features, and what a row of one finds in Terraform's plans."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import yaml

from lib.paths import ROOT


class Plan(Protocol):
    """What a scenario would make."""

    @property
    def resources(self) -> Mapping[str, Any]:
        """By address."""

    @property
    def outputs(self) -> Mapping[str, Any]:
        """By name."""


def rows(cloud: str) -> list[dict[str, str]]:
    """The table of a cloud: terraform/<cloud>-features.csv."""
    table = Path(__file__).parent / "terraform" / f"{cloud}-features.csv"
    return list(csv.DictReader(table.read_text().splitlines()))


def names(table: list[dict[str, str]]) -> list[str]:
    """What tests of the rows are called."""
    return [f"{row['source']}: {row['feature']}" for row in table]


def found(cloud: str, plans: Callable[[], Mapping[str, Plan]], row: dict[str, str]) -> Any:
    """The value of a row's attribute, in a resource, an output, or a file of the environment.

    Plans take minutes to make: they are asked for where a row is about one.
    """
    return _look(_place(cloud, plans, row["scenario"], row["where"]), row["attribute"])


def _place(cloud: str, plans: Callable[[], Mapping[str, Plan]], scenario: str, where: str) -> Any:
    kind, _, name = where.partition(" ")
    if kind in ("addon", "values"):
        file = {"addon": "addons.yaml", "values": "values.yaml"}[kind]
        content = yaml.safe_load((ROOT / "environments" / cloud / file).read_text())
        return content[name] if kind == "addon" else _look(content, name)
    plan = plans()[scenario]
    if kind == "output":
        return plan.outputs[name]
    assert where in plan.resources, f"{scenario} makes no {where}"
    return plan.resources[where]


def _look(found: Any, path: str) -> Any:
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
