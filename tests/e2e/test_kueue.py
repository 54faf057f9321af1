"""Kueue on a real cluster: a team's second job waits for the quota, by the charts' values alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import kueue
import pytest
import yaml
from support import NO_STORAGE, Deployed, eventually, make, release, shared_claim

from charts.places import examples
from deploy.helm import Release
from deploy.platform import NAMESPACE as PLATFORM
from deploy.workloads import merge
from lib.kube import Kube, Object, condition

pytestmark = pytest.mark.full

TEAM = "queued"

#: Room for one of the jobs below, whether or not its submitter counts, and not for two.
QUEUE: dict[str, Any] = {
    "queue": {
        "name": "research",
        "clusterQueue": {
            "create": True,
            "flavors": {"default": {"create": True, "quota": {"cpu": "1350m", "memory": "8Gi"}}},
        },
    },
}

#: It ends once a file is there.
JOB: dict[str, Any] = {
    "queue": {"name": "research"},
    "head": {"resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": "2"}}},
    "workers": {
        "default": {
            "replicas": 1,
            # fields that Kueue's own idea of a RayJob does not have
            "rayLabels": {"kind": "test"},
            "rayResources": {"one": 1},
            "resources": {"requests": {"cpu": "200m", "memory": "1Gi"}, "limits": {"cpu": "1"}},
        }
    },
    "job": {
        "entrypoint": "bash -c 'until [ -e /tmp/go ]; do sleep 1; done'",
        "scaling": {"numWorkers": 1},
        "ttlSecondsAfterFinished": 0,
    },
}


#: The priority that the example names.
PRIORITY: Object = {
    "apiVersion": "kueue.x-k8s.io/v1beta1",
    "kind": "WorkloadPriorityClass",
    "metadata": {"name": "batch"},
    "value": 100,
}


@pytest.fixture(scope="module")
def kube(deployed: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kube]:
    """The cluster with Kueue, and a team that has a queue."""
    kube = deployed.kube
    assert make("remove", "WORKLOAD=fashion-mnist").returncode == 0
    with kueue.installed(kube):
        folder = tmp_path_factory.mktemp("team")
        team = replace(release("ray-team", PLATFORM, QUEUE, folder), name=TEAM)
        try:
            team.upgrade()
            kube.apply(PRIORITY, shared_claim(TEAM))
            yield kube
        finally:
            team.uninstall()
            kube.run("delete", "namespace", TEAM, "--ignore-not-found", timeout=180)


def submit(name: str, values: dict[str, Any], folder: Path) -> Object:
    """Install a job; what the chart wrote."""
    job: Release = replace(release("ray-job", TEAM, values, folder), name=name)
    job.upgrade()
    (written,) = [
        one for one in yaml.safe_load_all(job.template()) if one and one["kind"] == "RayJob"
    ]
    return dict(written)


def live(kube: Kube, job: Object) -> Object:
    """The job as it is now."""
    found = kube.find("rayjob", job["metadata"]["name"], TEAM)
    assert found
    return found


def workload(kube: Kube, job: Object) -> Object | None:
    """What Kueue has made of the job."""
    uid = live(kube, job)["metadata"]["uid"]
    found = kube.list("workloads.kueue.x-k8s.io", TEAM)
    return next((w for w in found if w["metadata"]["ownerReferences"][0]["uid"] == uid), None)


def runs(kube: Kube, job: Object) -> bool:
    """Whether its program runs."""
    return live(kube, job).get("status", {}).get("jobStatus") == "RUNNING"


def finish(kube: Kube, job: Object) -> None:
    """Let its program end, and wait until it has succeeded."""
    cluster = live(kube, job)["status"]["rayClusterName"]
    selector = f"ray.io/cluster={cluster},ray.io/node-type=head"
    (head,) = kube.list("pods", TEAM, selector)
    words = ("exec", head["metadata"]["name"], "-c", "ray-head", "--", "touch", "/tmp/go")  # noqa: S108
    kube.run(*words, namespace=TEAM)
    eventually(
        lambda: live(kube, job)["status"].get("jobStatus") == "SUCCEEDED", 90, "it has succeeded"
    )


def missing(written: Any, found: Any, path: str = "") -> list[str]:
    """Where what was written is not what is found."""
    if isinstance(written, dict) and isinstance(found, dict):
        return [
            w for key in written for w in missing(written[key], found.get(key), f"{path}.{key}")
        ]
    if isinstance(written, list) and isinstance(found, list) and len(written) == len(found):
        pairs = enumerate(zip(written, found, strict=True))
        return [w for index, pair in pairs for w in missing(*pair, f"{path}[{index}]")]
    same = written == found or (written in ({}, []) and not found)
    return [] if same else [f"{path}: {written} became {found}"]


def test_the_second_job_waits_until_the_quota_is_free(kube: Kube, tmp_path: Path) -> None:
    first = submit("first", merge(NO_STORAGE, JOB), tmp_path)
    eventually(lambda: runs(kube, first), 240, "the first job runs")

    second = submit("second", merge(NO_STORAGE, JOB), tmp_path)

    def waits() -> bool:
        found = workload(kube, second)
        states = (found or {}).get("status", {}).get("conditions", [])
        return any(
            state["type"] == "QuotaReserved" and state["status"] == "False" for state in states
        )

    eventually(waits, 60, "the second job waits for quota")
    waiting = live(kube, second)
    assert waiting["spec"]["suspend"] is True
    assert not waiting.get("status", {}).get("rayClusterName")
    assert runs(kube, first)
    clusters = kube.list("rayclusters", TEAM)
    assert [one["metadata"]["ownerReferences"][0]["name"] for one in clusters] == [
        first["metadata"]["name"]
    ]

    finish(kube, first)
    eventually(lambda: runs(kube, second), 240, "the second job runs")
    admitted = workload(kube, second)
    assert admitted
    assert condition(admitted, "Admitted")
    for job in (first, second):
        written = {key: value for key, value in job["spec"].items() if key != "suspend"}
        assert missing(written, live(kube, job)["spec"]) == []
    finish(kube, second)


def test_the_example_waits_in_the_queue_and_runs(kube: Kube, tmp_path: Path) -> None:
    example: dict[str, Any] = yaml.safe_load(examples("ray-job")["kueue"].read_text())
    job = submit("example", example, tmp_path)

    def succeeded() -> bool:
        state = live(kube, job).get("status", {}).get("jobStatus")
        assert state != "FAILED"
        return state == "SUCCEEDED"

    eventually(succeeded, 300, "the example has succeeded")
    admitted = workload(kube, job)
    assert admitted
    assert admitted["spec"]["priorityClassName"] == "batch"
    assert admitted["spec"]["priority"] == 100


def test_a_cluster_gets_its_quota_too(kube: Kube, tmp_path: Path) -> None:
    values = merge(NO_STORAGE, {"queue": {"name": "research"}, "workers": JOB["workers"]})
    cluster = replace(release("ray-cluster", TEAM, values, tmp_path), name="standing")
    try:
        cluster.upgrade()

        def ready() -> bool:
            own = kube.list("pods", TEAM, "ray.io/cluster=standing")
            return len([pod for pod in own if condition(pod, "Ready")]) == 2

        eventually(ready, 240, "a head and a worker")
        found = [
            one
            for one in kube.list("workloads.kueue.x-k8s.io", TEAM)
            if one["metadata"]["ownerReferences"][0]["kind"] == "RayCluster"
        ]
        (admitted,) = [one for one in found if condition(one, "Admitted")]
        assert admitted["metadata"]["ownerReferences"][0]["name"] == "standing"
    finally:
        cluster.uninstall()
