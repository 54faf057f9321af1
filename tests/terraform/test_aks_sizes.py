"""Machines, and what pods ask for on them: terraform/sizes-azure.json and environments/aks."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from lib.paths import ROOT

SIZES: dict[str, dict[str, Any]] = json.loads((ROOT / "terraform/sizes-azure.json").read_text())
POOLS = yaml.safe_load((ROOT / "environments/aks/values.yaml").read_text())["global"]["ray"][
    "pools"
]

#: Machines of the pools by default; heads are on the CPU pool's.
MACHINES = {
    "head": "Standard_D16s_v5",
    "cpu": "Standard_D16s_v5",
    "memory": "Standard_E16s_v5",
    "gpu": "Standard_NC24ads_A100_v4",
}

#: CPUs that AKS keeps back, by those of the machine (its page on node resource reservations).
KUBE_CPU = {1: 0.06, 2: 0.1, 4: 0.14, 8: 0.18, 16: 0.26, 32: 0.42, 64: 0.74}
#: Pods that a node of ours may hold; AKS keeps back 20 MB for each and 50 MB, and 100 MiB.
MAX_PODS = 50
#: What runs on each node asks for, estimated with some room: Cilium, its IPAM, three CSI drivers,
#: the agents for metrics and for logs, and on GPU nodes device plugin and exporter.
DAEMONS_CPU, DAEMONS_GIB = 0.7, 1.3
#: Of the memory that a size has by name, the kernel takes this part before Kubernetes sees it.
KERNEL = 0.02


def allocatable(size: str) -> tuple[float, float]:
    """CPUs and GiB that pods of a node may ask for, daemons left out."""
    machine = SIZES[size]
    kube = next(kept for cores, kept in reversed(KUBE_CPU.items()) if cores <= machine["vcpus"])
    kept = (20 * MAX_PODS + 50) * 10**6 / 2**30 + 100 / 2**10
    memory = machine["memory_gib"] * (1 - KERNEL) - kept
    return machine["vcpus"] - kube - DAEMONS_CPU, memory - DAEMONS_GIB


def gib(text: str) -> float:
    match = re.fullmatch(r"(\d+)Gi", text)
    assert match, text
    return float(match[1])


@pytest.mark.parametrize("pool", POOLS)
def test_sizes_fit_their_machines(pool: str) -> None:
    """Beside what AKS keeps back and what runs on every node."""
    size = MACHINES[pool.removeprefix("spot-")]
    cpu, memory = allocatable(size)
    for name, one in POOLS[pool]["sizes"].items():
        assert float(one["requests"]["cpu"]) <= cpu, f"{pool}.{name} on {size}"
        assert gib(one["requests"]["memory"]) <= memory, f"{pool}.{name} on {size}"
        assert one["requests"]["memory"] == one["limits"]["memory"]
        assert one["numCpus"] <= float(one["requests"]["cpu"])


@pytest.mark.parametrize("size", [name for name, one in SIZES.items() if one["vcpus"] >= 4])
def test_what_terraform_derives_fits_every_machine(size: str) -> None:
    """An eighth of the CPUs, one at least, and 15 % of the memory stay: see aks-node-pools."""
    machine = SIZES[size]
    cpu, memory = allocatable(size)
    assert machine["vcpus"] - max(1, -(-machine["vcpus"] // 8)) <= cpu
    assert int(machine["memory_gib"] * 0.85) <= memory


@pytest.mark.parametrize("size", SIZES)
def test_the_table_is_whole(size: str) -> None:
    machine = SIZES[size]
    match = re.fullmatch(r"Standard_[A-Z]+(\d+)[a-z]*(_[A-Z]+\d+)?_v\d", size)
    assert match, size
    assert int(match[1]) == machine["vcpus"]
    assert machine["memory_gib"] >= 2 * machine["vcpus"]
    assert (machine["gpus"] > 0) == bool(machine["gpu"]) == (machine["gpu_memory_gib"] > 0)
    if match[2]:
        # Standard_NC24ads_A100_v4 has A100s.
        assert match[2] == f"_{machine['gpu']}"
    assert "family" in machine, "which quota counts it"


#: Source 3's table of sizes, brought up to date: GPUs a node, and what became of the size.
SIZING = {
    "Standard_NC6s_v3": (1, "V100", "2025-09-30"),
    "Standard_NC24ads_A100_v4": (1, "A100", ""),
    "Standard_ND96asr_v4": (8, "A100", ""),
}


@pytest.mark.parametrize("size", SIZING)
def test_sizing_table_of_the_training_sample(size: str) -> None:
    machine = SIZES[size]
    assert (machine["gpus"], machine["gpu"], machine.get("retired", "")) == SIZING[size]
