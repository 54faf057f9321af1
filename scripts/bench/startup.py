"""From submitting a job to its first training step, on the local cluster, and what that is made of.

The namespace and its volume are there, as they are for every job but the first; the pods are not.
"""

from __future__ import annotations

import statistics
import time
from datetime import datetime

from rich.console import Console
from rich.table import Table

from deploy.environments import environment
from deploy.platform import Monitoring, Platform
from deploy.stages import Progress, run_stages
from deploy.workloads import Job, workload
from lib.errors import UserError
from lib.kube import Kube, Object

RUNS = 3
NAMESPACE = "bench"

#: Parts in their order: what ends each.
PARTS = {
    "pods scheduled": "operator, Service, scheduler",
    "head listens": "containers start, `ray start` on the head",
    "cluster ready": "workers join, the operator sees it",
    "driver runs": "submitter, job agent, Python's start",
    "workers asked for": "imports of ray, connection, data",
    "workers run": "Train's controller, worker processes, import of torch",
    "first step": "process group, model, first batch",
}


def measure() -> dict[str, float]:
    """Run the job a few times on fresh pods; medians in seconds.

    Raises:
        UserError: no image or no cluster can be had.
    """
    place = environment("local")
    run_stages([*place.stages(), Platform(place), Monitoring(place)], Progress())
    kube = Kube(place.kubeconfig)
    job = workload(place, "fashion-mnist", NAMESPACE)
    if not isinstance(job, Job):
        raise UserError("fashion-mnist is not a job")
    try:
        runs = [_once(kube, job, number) for number in range(RUNS + 1)][1:]  # the first warms up
    finally:
        job.undo(lambda detail: None)
    medians = {part: statistics.median(run[part] for run in runs) for part in PARTS}
    total = statistics.median(sum(run.values()) for run in runs)
    table = Table("part", "seconds", "made of", title="job submitted → first training step")
    for part, made_of in PARTS.items():
        table.add_row(part, f"{medians[part]:.1f}", made_of)
    table.add_row("all", f"{total:.1f}", f"median of {RUNS} runs; source 0: 139")
    Console().print(table)
    return {"startup_s": round(total, 2)} | {
        f"startup_{part.replace(' ', '_')}_s": round(seconds, 2)
        for part, seconds in medians.items()
    }


def _once(kube: Kube, job: Job, number: int) -> dict[str, float]:
    if job.release.installed():
        job.release.uninstall()
        kube.run("wait", "--for=delete", "pods", "--all", "--timeout=120s", namespace=NAMESPACE)
    job.prepare()
    submitted = time.time()
    job.release.upgrade()
    job.wait(lambda detail: None)
    job.fetch()
    result = job.result()
    obj = job.object()
    if result is None or obj is None:
        raise UserError("the job left no result", "make logs")
    pods = kube.list("pods", NAMESPACE, "ray.io/node-type")
    head = [p for p in pods if p["metadata"]["labels"]["ray.io/node-type"] == "head"]
    started, timings = result["started"], result["timings"]
    moments = [
        submitted,
        max(_when(p, "PodScheduled") for p in pods),
        _when(head[0], "Ready"),
        _provisioned(obj),
        started,
        started + timings["placeable"],
        started + timings["workers"],
        started + timings["first_step"],
    ]
    # Kubernetes tells whole seconds: a part may seem to end before it began
    ends = [max(moments[: i + 1]) for i in range(len(moments))]
    return {part: ends[i + 1] - ends[i] for i, part in enumerate(PARTS)}


def _when(pod: Object, condition: str) -> float:
    (found,) = [c for c in pod["status"]["conditions"] if c["type"] == condition]
    return _seconds(found["lastTransitionTime"])


def _provisioned(job: Object) -> float:
    conditions = job["status"]["rayClusterStatus"]["conditions"]
    (found,) = [c for c in conditions if c["type"] == "RayClusterProvisioned"]
    return _seconds(found["lastTransitionTime"])


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
