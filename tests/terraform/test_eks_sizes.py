"""Machines, and what pods ask for on them: terraform/sizes-aws.json and environments/eks."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from lib.paths import ROOT

SIZES: dict[str, dict[str, Any]] = json.loads((ROOT / "terraform/sizes-aws.json").read_text())
POOLS = yaml.safe_load((ROOT / "environments/eks/values.yaml").read_text())["global"]["ray"][
    "pools"
]

#: Machines of the pools by default.
MACHINES = {
    "head": "m5.2xlarge",
    "cpu": "m5.4xlarge",
    "memory": "r5.4xlarge",
    "gpu": "g4dn.4xlarge",
}

#: CPUs that EKS' images keep for the kubelet: of the first, the second, the next two, the rest.
KUBE_CPU = ((1, 0.06), (1, 0.01), (2, 0.005), (10**6, 0.0025))
#: Pods that a node may hold with prefixes of addresses; 11 MiB are kept back for each, and 255 MiB,
#: and 100 MiB before pods are evicted.
MAX_PODS = 110
#: What runs on each node asks for, estimated with some room: network, proxy, pod identity, three
#: CSI drivers, node monitor, Fluent Bit, node exporter, and on GPU nodes device plugin and
#: exporter.
DAEMONS_CPU, DAEMONS_GIB = 0.7, 0.8
#: Of the memory that a type has by name, the kernel and the hypervisor take this part.
KERNEL = 0.03


def allocatable(size: str) -> tuple[float, float]:
    """CPUs and GiB that pods of a node may ask for, daemons left out."""
    machine = SIZES[size]
    left, kept = machine["vcpus"], 0.0
    for cores, part in KUBE_CPU:
        kept += min(left, cores) * part
        left -= min(left, cores)
    memory = machine["memory_gib"] * (1 - KERNEL) - (255 + 11 * MAX_PODS + 100) / 2**10
    return machine["vcpus"] - kept - DAEMONS_CPU, memory - DAEMONS_GIB


def gib(text: str) -> float:
    match = re.fullmatch(r"(\d+)Gi", text)
    assert match, text
    return float(match[1])


@pytest.mark.parametrize("pool", POOLS)
def test_sizes_fit_their_machines(pool: str) -> None:
    cpu, memory = allocatable(MACHINES[pool.removeprefix("spot-")])
    for name, size in POOLS[pool]["sizes"].items():
        assert float(size["requests"]["cpu"]) <= cpu, name
        assert gib(size["limits"]["memory"]) <= memory, name
        assert size["requests"]["memory"] == size["limits"]["memory"]


@pytest.mark.parametrize(
    "size", [name for name, one in SIZES.items() if one["vcpus"] >= 4 and one["memory_gib"] >= 16]
)
def test_what_terraform_derives_fits_every_machine(size: str) -> None:
    """An eighth of the CPUs, one at least, and 15 % of the memory stay: terraform/eks/pools.tf."""
    machine = SIZES[size]
    cpu, memory = allocatable(size)
    assert machine["vcpus"] - max(1, -(-machine["vcpus"] // 8)) <= cpu
    assert int(machine["memory_gib"] * 0.85) <= memory


@pytest.mark.parametrize("size", SIZES)
def test_the_table_is_whole(size: str) -> None:
    machine = SIZES[size]
    assert re.fullmatch(r"[a-z]+\d+[a-z]*(-[a-z]+\d+)?\.\d*x?large", size)
    assert machine["memory_gib"] >= 2 * machine["vcpus"]
    assert (machine["gpus"] > 0) == bool(machine["gpu"]) == (machine["gpu_memory_gib"] > 0)
    if times := re.search(r"\.(\d+)xlarge$", size):
        assert machine["vcpus"] == 4 * int(times[1]), "an xlarge has four vCPUs"


#: Machines of the samples for AWS: vCPUs, GiB, GPUs.
SAMPLES = {"m5.12xlarge": (48, 192, 0), "g4dn.4xlarge": (16, 64, 1)}


@pytest.mark.parametrize("size", SAMPLES)
def test_machines_of_the_samples_are_there(size: str) -> None:
    machine = SIZES[size]
    assert (machine["vcpus"], machine["memory_gib"], machine["gpus"]) == SAMPLES[size]
