"""The values that only this machine knows: sizes that fit it, image tags, the API server.

The local counterpart of ``terraform output helm_values``: ``environments/local/values.yaml`` comes
before it, the workload's values after.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lib.errors import UserError
from local import box, components, images, kube, layout

GI = 2**30
MI = 2**20

#: Requests of the head, in millicores and bytes; the Ray head runs no tasks of its own.
HEAD_CPU, HEAD_MEMORY = 150, GI
#: Kept for the cluster's own pods, the operator and Prometheus, in millicores and bytes.
PLATFORM_CPU, PLATFORM_MEMORY = 300, 896 * MI

#: Images that charts name; not all of them are built for every deployment.
CHART_IMAGES = ("ray", "operator", "prometheus", "redis", "mlflow")
#: What runs hooks and tests of the platform's charts, which need Python and none of our code: a
#: changed line of a workload leaves the platform as it is.
PLATFORM_RAY = "ray-deps"


@dataclass(frozen=True)
class Allocatable:
    """What the node can give to pods.

    Attributes:
        cpu: millicores.
        memory: bytes.
        cores: of the machine, whole.
    """

    cpu: int
    memory: int
    cores: int

    @property
    def free(self) -> tuple[int, int]:
        """Millicores and bytes for workloads, the platform's own pods taken off."""
        return max(0, self.cpu - PLATFORM_CPU), max(0, self.memory - PLATFORM_MEMORY)


def allocatable() -> Allocatable:
    """What this cluster's node can give to pods.

    Raises:
        UserError: no cluster runs, or its API server does not answer.
    """
    node = box.running()
    if node is None:
        raise UserError("no local cluster of this checkout runs", "make cluster")
    try:
        found = kube.get_object(node.address, f"/api/v1/nodes/{layout.NAME}")["status"]
    except kube.UnreachableError as error:
        raise UserError(f"the API server does not answer: {error}", "make cluster") from error
    return Allocatable(
        cpu=_millicores(found["allocatable"]["cpu"]),
        memory=_bytes(found["allocatable"]["memory"]),
        cores=_millicores(found["capacity"]["cpu"]) // 1000,
    )


def _millicores(quantity: str) -> int:
    return int(quantity[:-1]) if quantity.endswith("m") else int(quantity) * 1000


def _bytes(quantity: str) -> int:
    """The kubelet gives memory as Ki, or as bare bytes."""
    return int(quantity[:-2]) * 1024 if quantity.endswith("Ki") else int(quantity)


def pools(machine: Allocatable) -> dict[str, Any]:
    """Sizes of each pool such that a head and two small workers fit any machine that passes.

    A request is what the scheduler counts, so it is small: on few cores the pods of two workloads
    share them. There is a limit on memory, which cannot be shared, and none on CPU.
    """
    cpu, memory = machine.free
    small_cpu = _step(min(1000, (cpu - 2 * HEAD_CPU) // 4), 100)
    small_memory = _step(min(3 * GI // 2, (memory - HEAD_MEMORY) // 2), 128 * MI)
    half_cpu = _step(cpu // 2, 100)
    quarter_memory = _step(memory // 4, 128 * MI)
    half_memory = _step(memory // 2, 128 * MI)

    def size(cpu: int, request: int, limit: int, num_cpus: int) -> dict[str, Any]:
        return {
            "requests": {"cpu": f"{cpu}m", "memory": _quantity(request)},
            "limits": {"memory": _quantity(max(request, limit))},
            "numCpus": num_cpus,
        }

    small = size(small_cpu, small_memory, min(4 * GI, half_memory), 1)
    half_cores = max(1, machine.cores // 2)
    return {
        "head": {
            "sizes": {
                "small": size(HEAD_CPU, HEAD_MEMORY, min(3 * GI, half_memory), 0),
                "large": size(HEAD_CPU * 2, HEAD_MEMORY * 2, half_memory, 0),
            }
        },
        "cpu": {
            "sizes": {
                "small": small,
                "large": size(half_cpu, quarter_memory, half_memory, half_cores),
            }
        },
        "memory": {
            "sizes": {
                "small": size(small_cpu, quarter_memory, half_memory, 1),
                "large": size(half_cpu, half_memory, half_memory, half_cores),
            }
        },
        "gpu": {"accelerator": {"resource": "none"}, "fallback": "cpu"},
    }


def _step(value: int, unit: int) -> int:
    """Round down to a unit, but not to nothing."""
    return max(unit, value // unit * unit)


def _quantity(size: int) -> str:
    """Bytes in the form that the API server would write, so that nothing ever differs by form."""
    return f"{size // GI}Gi" if size % GI == 0 else f"{size // MI}Mi"


def content(machine: Allocatable, address: str) -> dict[str, Any]:
    """The values, for a machine and the node's address."""
    named: dict[str, Any] = {"registry": images.REGISTRY, "pullPolicy": "IfNotPresent"}
    named |= {name: _image(name) for name in CHART_IMAGES}
    return {
        "global": {
            "ray": {
                "images": named,
                "pools": pools(machine),
                "network": {"apiServer": {"cidrs": [f"{address}/32"], "port": layout.API_PORT}},
            }
        }
    }


def _image(name: str) -> dict[str, str]:
    ref = images.reference(name)
    return {"repository": ref.repository, "tag": ref.tag, "digest": ""}


def write() -> None:
    """Write .local/values.yaml, and the platform's, for the cluster that runs.

    Raises:
        UserError: no cluster runs.
    """
    for path, text in _texts().items():
        components.write_private(path, text)


def current() -> bool:
    """Whether the files are as they would be written now.

    They are not where images are there already, but those of other sources than on this disk, such
    as after an edit that was taken back.

    Raises:
        UserError: no cluster runs.
    """
    return all(path.exists() and path.read_text() == text for path, text in _texts().items())


def _texts() -> dict[Path, str]:
    machine = allocatable()
    node = box.running()
    address = node.address if node else ""
    found = content(machine, address)
    workload = yaml.safe_dump(found, sort_keys=False)
    found["global"]["ray"]["images"]["ray"] = _image(PLATFORM_RAY)
    platform = yaml.safe_dump(found, sort_keys=False)
    return {
        path: f"# Written by `python -m local up`: what only this machine knows.\n{text}"
        for path, text in {layout.VALUES: workload, layout.PLATFORM_VALUES: platform}.items()
    }


def check_fits(workload: str, *, cpu: float, memory: float, gpus: float = 0) -> None:
    """Check that a workload can ever run on this machine.

    Args:
        workload: its name, for the message.
        cpu: the sum of its pods' requests, cores.
        memory: the same, bytes.
        gpus: the same, devices.

    Raises:
        UserError: it asks for more than the node has; the message names both.
    """
    free_cpu, free_memory = allocatable().free
    short = []
    if cpu * 1000 > free_cpu:
        short.append(f"{cpu:.1f} cores, and {free_cpu / 1000:.1f} are to be had")
    if memory > free_memory:
        short.append(
            f"{memory / GI:.1f} GiB of memory, and {free_memory / GI:.1f} GiB are to be had"
        )
    if gpus:
        short.append(f"{gpus:.0f} GPUs, and the local cluster has none")
    if short:
        raise UserError(
            f"{workload} does not fit this machine: it asks for {'; for '.join(short)}",
            "lower its number of workers or their size in the workload's values, or take a "
            "larger machine",
        )


def summary(names: Iterable[str]) -> str:
    """Images in a line."""
    return ", ".join(f"{name}:{images.reference(name).tag}" for name in names)
