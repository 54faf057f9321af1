"""What a plan or a state of Terraform says, as far as the stages ask."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

#: Where data of the user's lies, and what guards it: kept by `make destroy` unless DATA=delete.
#: FSx for Lustre is not among them: it costs by the hour, and its files are in the bucket.
DATA = {
    "aws_s3_bucket",
    "aws_s3_bucket_lifecycle_configuration",
    "aws_s3_bucket_ownership_controls",
    "aws_s3_bucket_public_access_block",
    "aws_s3_bucket_server_side_encryption_configuration",
    "aws_s3_bucket_versioning",
    "aws_efs_file_system",
    "azurerm_storage_account",
    "azurerm_storage_account_network_rules",
    "azurerm_storage_container",
    "azurerm_storage_data_lake_gen2_filesystem",
}


@dataclass(frozen=True, slots=True)
class Nodes:
    """Nodes of one kind.

    Args:
        pool: name of the pool.
        size: as the cloud calls it.
        least: how many there are at all times.
        most: how many there may be.
        spot: the cloud may take them away.
    """

    pool: str
    size: str
    least: int
    most: int
    spot: bool = False

    def __str__(self) -> str:
        count = f"{self.least}" if self.least == self.most else f"{self.least} to {self.most}"
        return f"{self.pool}: {count} of {self.size}{', spot' if self.spot else ''}"


@dataclass(frozen=True, slots=True)
class Change:
    """What a plan would do to one resource.

    Args:
        address: of the resource.
        kind: its type.
        actions: `create`, `update`, `delete`; both ends of a replacement.
        after: its attributes, as far as they are known.
    """

    address: str
    kind: str
    actions: tuple[str, ...]
    after: Mapping[str, Any]


def changes(plan: Mapping[str, Any]) -> list[Change]:
    """What a plan would do."""
    return [
        Change(
            one["address"],
            one["type"],
            tuple(one["change"]["actions"]),
            one["change"].get("after") or {},
        )
        for one in plan.get("resource_changes", ())
        if one.get("mode", "managed") == "managed"
        and one["change"]["actions"] not in (["no-op"], ["read"])
    ]


def summary(found: Iterable[Change]) -> str:
    """Changes in a line."""
    counts = Counter(action for one in found for action in one.actions)
    words = {"create": "create", "update": "change", "delete": "delete"}
    return ", ".join(f"{word} {counts[a]}" for a, word in words.items() if counts[a]) or "nothing"


def planned(plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The resources that there will be, each with `address`, `type` and `values`."""
    return list(_resources(plan.get("planned_values", {}).get("root_module", {})))


def recorded(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The resources that a state knows."""
    return list(_resources(state.get("values", {}).get("root_module", {})))


def _resources(module: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for one in module.get("resources", ()):
        if one.get("mode", "managed") == "managed":
            yield one
    for child in module.get("child_modules", ()):
        yield from _resources(child)


def output(plan: Mapping[str, Any], name: str) -> Any:
    """A root output's value, where it is known before anything is made."""
    found = plan.get("planned_values", {}).get("outputs", {}).get(name, {})
    return found.get("value")


def variable(plan: Mapping[str, Any], name: str) -> Any:
    """A root variable's value, its default included."""
    return plan.get("variables", {}).get(name, {}).get("value")


def pools(plan: Mapping[str, Any]) -> list[Nodes]:
    """Pools whose nodes something else than Terraform makes: those of the output `node_pools`."""
    found = output(plan, "node_pools") or {}
    return [
        Nodes(name, one["size"], one.get("min") or 0, one.get("max") or 0, bool(one.get("spot")))
        for name, one in found.items()
        if one.get("size")
    ]


def kept(resources: Iterable[Mapping[str, Any]], data: Iterable[str] = frozenset(DATA)) -> set[str]:
    """Addresses of what holds data, and of what that stands on: its key, its resource group.

    Args:
        resources: of a state.
        data: types of resources that hold data.
    """
    everything = list(resources)
    types = set(data)
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for one in everything:
        # what others depend on is named without its index
        by_name.setdefault(_bare(one["address"]), []).append(one)
    wanted = [one for one in everything if one["type"] in types]
    found: set[str] = set()
    while wanted:
        one = wanted.pop()
        if one["address"] in found:
            continue
        found.add(one["address"])
        for name in one.get("depends_on", ()):
            wanted += by_name.get(_bare(name), [])
    return found


def _bare(address: str) -> str:
    """An address without the indexes of instances: `module.a["x"].t.n[0]` is `module.a.t.n`."""
    return re.sub(r'\[(?:"(?:[^"\\]|\\.)*"|\d+)\]', "", address)
