"""What a deployment would cost by the hour: an estimate from list prices.

A node's price is asked of the provider where that is possible; all else, and where it is not, comes
from prices.json, which says its date. What is billed by use (traffic, stored data, log lines,
requests) is not in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clouds.plan import Nodes
from clouds.provider import Provider
from lib.paths import ROOT

TABLE = Path(__file__).with_name("prices.json")

#: Hours of a month, as providers reckon.
MONTH = 730

#: Resources that are billed by the hour and have no price here.
UNPRICED = {
    "aws_grafana_workspace": "Amazon Managed Grafana",
    "aws_memorydb_cluster": "MemoryDB",
    "azurerm_bastion_host": "Bastion",
    "azurerm_dashboard_grafana": "Azure Managed Grafana",
    "azurerm_firewall": "Firewall",
    "azurerm_managed_redis": "Azure Managed Redis",
}


@dataclass(slots=True)
class Estimate:
    """Prices in USD an hour.

    Args:
        least: with the nodes that are there at all times.
        most: with all pools full.
        source: whose prices of which date.
        unknown: what is not in it though it costs by the hour.
    """

    least: float = 0.0
    most: float = 0.0
    source: str = ""
    unknown: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        text = (
            f"about {self.least:.2f} USD an hour, {self.least * 24:.0f} a day; with all pools "
            f"full {self.most:.2f} and {self.most * 24:.0f}"
        )
        lacks = f"; without {', '.join(self.unknown)}" if self.unknown else ""
        return f"{text} (an estimate: {self.source}; traffic and stored data come on top{lacks})"


def sizes(provider: str) -> dict[str, dict[str, Any]]:
    """What each size has: `vcpus`, `memory_gib`, `gpus`, `gpu`, `gpu_memory_gib`."""
    path = ROOT / "terraform" / f"sizes-{provider}.json"
    found: dict[str, dict[str, Any]] = json.loads(path.read_text()) if path.exists() else {}
    return found


def listed(provider: str, size: str) -> float | None:
    """Price of a size by the table; None where it has none."""
    table = json.loads(TABLE.read_text())[provider]
    if size in table["sizes"]:
        return float(table["sizes"][size])
    for family, price in table["per_vcpu"].items():
        pattern = re.escape(family).replace("\\#", "#").replace("#", r"\d+")
        if re.fullmatch(pattern if "#" in family else rf"{pattern}\..+", size):
            cores = sizes(provider).get(size, {}).get("vcpus")
            return None if cores is None else float(price) * float(cores)
    return None


def estimate(
    provider: Provider,
    region: str,
    nodes: Sequence[Nodes],
    resources: Iterable[Mapping[str, Any]],
) -> Estimate:
    """What nodes and other resources cost in a region.

    Args:
        provider: the cloud, asked for today's prices of nodes.
        region: where.
        nodes: all of them.
        resources: of a plan.
    """
    table = json.loads(TABLE.read_text())[provider.name]
    found = Estimate()
    asked = 0
    prices: dict[tuple[str, bool], float | None] = {}
    for size, spot in sorted({(one.size, one.spot) for one in nodes}):
        price = provider.price(region, size, spot)
        asked += price is not None
        # a spot price that cannot be asked is at most that on demand
        prices[size, spot] = listed(provider.name, size) if price is None else price
        if prices[size, spot] is None:
            found.unknown.append(size)
    for one in nodes:
        price = prices[one.size, one.spot] or 0.0
        found.least += price * one.least
        found.most += price * one.most
    everything = list(resources)
    fixed = sum(_fixed(one["type"], one["values"], table) for one in everything)
    found.least += fixed
    found.most += fixed
    found.unknown += sorted(
        {UNPRICED[one["type"]] for one in everything if one["type"] in UNPRICED}
    )
    dated = f"list prices of {table['region']}, {table['date']}"
    found.source = (
        f"today's prices of nodes in {region}, other {dated}"
        if prices and asked == len(prices)
        else dated
    )
    return found


def _fixed(kind: str, values: Mapping[str, Any], table: Mapping[str, Any]) -> float:
    """Price of a resource that is no node."""
    if kind in table["resources"]:
        return float(table["resources"][kind])
    if kind == "aws_vpc_endpoint" and values.get("vpc_endpoint_type") == "Interface":
        zones = len(values.get("subnet_ids") or []) or 3
        return float(table["endpoint_per_zone"]) * zones
    if kind == "aws_fsx_lustre_file_system":
        title = str(values.get("deployment_type") or "SCRATCH_2")
        if throughput := values.get("per_unit_storage_throughput"):
            title += f" {throughput:g}"
        monthly = float(table["lustre_per_gib_month"].get(title, 0))
        return monthly * float(values.get("storage_capacity") or 1200) / MONTH
    if kind == "azurerm_kubernetes_cluster":
        return float(table["cluster_tiers"].get(values.get("sku_tier") or "Free", 0))
    if kind == "azurerm_container_registry":
        return float(table["registry_tiers"].get(values.get("sku") or "Basic", 0))
    return 0.0
