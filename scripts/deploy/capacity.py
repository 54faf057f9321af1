"""How much a workload asks for, read from what its chart renders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
DECIMAL = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


def quantity(text: str | int | float) -> float:
    """A Kubernetes quantity as a number: cores or bytes."""
    word = str(text)
    if word.endswith("m"):
        return float(word[:-1]) / 1000
    for unit, factor in {**BINARY, **DECIMAL}.items():
        if word.endswith(unit):
            return float(word.removesuffix(unit)) * factor
    return float(word)


@dataclass(frozen=True, slots=True)
class Needs:
    """Sum of the requests of all pods of a workload: CPU in cores, memory in bytes."""

    cpu: float = 0.0
    memory: float = 0.0
    gpus: float = 0.0

    def __add__(self, other: Needs) -> Needs:
        return Needs(self.cpu + other.cpu, self.memory + other.memory, self.gpus + other.gpus)

    def __mul__(self, times: int) -> Needs:
        return Needs(self.cpu * times, self.memory * times, self.gpus * times)


def _pod(template: dict[str, Any]) -> Needs:
    total = Needs()
    for container in template["spec"]["containers"]:
        requests = container.get("resources", {}).get("requests", {})
        total += Needs(
            quantity(requests.get("cpu", 0)),
            quantity(requests.get("memory", 0)),
            sum(quantity(v) for k, v in requests.items() if k.endswith("/gpu")),
        )
    return total


def needed(manifests: str) -> Needs:
    """What the Ray clusters in these manifests (YAML documents) request at their start."""
    total = Needs()
    for document in yaml.safe_load_all(manifests):
        if not document or document.get("apiVersion") != "ray.io/v1":
            continue
        spec = document["spec"]
        spec = spec.get("rayClusterSpec") or spec.get("rayClusterConfig") or spec
        if "headGroupSpec" not in spec:
            continue  # a job on a cluster that is already there
        total += _pod(spec["headGroupSpec"]["template"])
        for group in spec.get("workerGroupSpecs", []):
            pods = int(group.get("replicas", 0)) * int(group.get("numOfHosts", 1))
            total += _pod(group["template"]) * pods
    return total
