"""What becomes of a job: on a cluster that stays, let go, given up, tried again, and cleared away.

Each runs on a head alone, where it can: some six minutes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support import (
    NO_STORAGE,
    TMP,
    Deployed,
    ended,
    eventually,
    installed,
    make,
    pods,
    release,
    restricted_pod,
    shared_claim,
)

from deploy.helm import Release
from deploy.workloads import merge
from lib.kube import Kube, Object, namespace_object
from local import images

pytestmark = pytest.mark.full

Values = dict[str, Any]

#: A head that runs the job itself.
ALONE: Values = {
    "head": {"rayStartParams": {"num-cpus": 1}},
    "workers": {"default": {"enabled": False}},
}
#: Until somebody puts a file there.
WAITS = "bash -c 'until [ -e /tmp/go ]; do sleep 1; done'"


def job(entrypoint: str, **more: Any) -> Values:
    """Values of a job on a head alone."""
    return merge(ALONE, {"job": {"entrypoint": entrypoint, "scaling": {"numWorkers": 1}, **more}})


@pytest.fixture(scope="module")
def kube(deployed: Deployed) -> Kube:
    """The cluster, with room on a small machine."""
    assert make("remove", "WORKLOAD=fashion-mnist").returncode == 0
    return deployed.kube


def jobs(kube: Kube, space: str) -> dict[str, Object]:
    """The RayJobs of a namespace, by their names."""
    return {str(one["metadata"]["name"]): one for one in kube.list("rayjobs", space)}


def status(kube: Kube, space: str) -> dict[str, Any]:
    """What the operator says of the only job."""
    (found,) = jobs(kube, space).values()
    said: dict[str, Any] = found.get("status", {})
    return said


def reaches(kube: Kube, space: str, deployment: str, seconds: float = 240) -> dict[str, Any]:
    """The only job's status, once its deployment has come to a state."""
    what = f"{space}: {deployment}"
    state = "jobDeploymentStatus"
    eventually(lambda: status(kube, space).get(state) == deployment, seconds, what)
    return status(kube, space)


def clusters(kube: Kube, space: str) -> set[str]:
    """The Ray clusters of a namespace."""
    return {str(one["metadata"]["name"]) for one in kube.list("rayclusters", space)}


def printed(kube: Kube, space: str) -> str:
    """What the last submitter of the namespace has printed: the job's output."""
    found = kube.list("pods", space, "app.kubernetes.io/component=submitter")
    last = max(found, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
    return kube.run("logs", last["metadata"]["name"], namespace=space)


@contextmanager
def beside(name: str, space: str, values: Values) -> Iterator[Release]:
    """A job in a namespace that has something already; it is gone after the block."""
    with tempfile.TemporaryDirectory() as folder:
        made = release("ray-job", space, merge(NO_STORAGE, values), Path(folder))
        named = replace(made, name=name)
        try:
            named.upgrade()
            yield named
        finally:
            named.uninstall()


def test_it_runs_on_a_cluster_that_others_have_made(kube: Kube) -> None:
    space = "standing"
    program = "import os, ray; ray.init(); print('MODE', os.environ['MODE'])"
    values = {
        "env": {"MODE": "fast"},
        "job": {
            "entrypoint": f'python -c "{program}"',
            "clusterSelector": {"ray.io/cluster": space},
            "ttlSecondsAfterFinished": 0,
        },
    }
    with installed(kube, "ray-cluster", space, ALONE):
        eventually(lambda: pods(kube, space, "head"), 240, "a head")
        (before,) = kube.list("pods", space, "ray.io/node-type=head")
        with beside("job", space, values):
            assert reaches(kube, space, "Complete")["jobStatus"] == "SUCCEEDED"
            assert "MODE fast" in printed(kube, space)
            assert status(kube, space)["rayClusterName"] == space
            assert clusters(kube, space) == {space}
        # and neither the end of the job nor that of its release has touched the cluster
        (after,) = kube.list("pods", space, "ray.io/node-type=head")
        assert after["metadata"]["uid"] == before["metadata"]["uid"]
        assert "deletionTimestamp" not in after["metadata"]
        assert clusters(kube, space) == {space}


def test_rules_take_the_workers_then_the_cluster_then_the_job(kube: Kube) -> None:
    space = "ruled"
    after = {"DeleteWorkers": 0, "DeleteCluster": 15, "DeleteSelf": 30}
    values = {
        "workers": {"default": {"replicas": 1}},
        "job": {
            "entrypoint": "true",
            "submissionMode": "HTTPMode",
            "rerunOnUpgrade": True,
            "shutdownAfterJobFinishes": False,
            "ttlSecondsAfterFinished": 0,
            "deletionRules": [
                {"policy": policy, "condition": {"jobStatus": "SUCCEEDED", "ttlSeconds": seconds}}
                for policy, seconds in after.items()
            ],
        },
    }

    def left(kind: str) -> list[Object]:
        found = kube.list("pods", space, f"ray.io/node-type={kind}")
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    with installed(kube, "ray-job", space, values) as made:
        (first,) = jobs(kube, space)
        reaches(kube, space, "Complete")
        eventually(lambda: not left("worker"), 60, "no worker")
        assert left("head")
        eventually(lambda: not clusters(kube, space), 60, "no cluster")
        assert first in jobs(kube, space)
        eventually(lambda: not jobs(kube, space), 60, "no job")
        # asked for: each upgrade runs it again
        made.upgrade()
        eventually(lambda: jobs(kube, space), 30, "another job")
        assert first not in jobs(kube, space)


def test_a_job_that_fails_is_tried_again_on_another_cluster(kube: Kube) -> None:
    space = "retried"
    values = job("false", backoffLimit=1, ttlSecondsAfterFinished=5)
    seen: set[str] = set()

    def given_up() -> bool:
        said = status(kube, space)
        seen.update({said.get("rayClusterName", "")} - {""})
        return said.get("jobDeploymentStatus") == "Failed"

    with installed(kube, "ray-job", space, values):
        eventually(given_up, 360, "the second failure")
        assert len(seen) == 2
        last = status(kube, space)
        assert (last["failed"], last["succeeded"], last["reason"]) == (2, 0, "AppFailed")
        # the first attempt's cluster went before the second, which goes by its time to live
        eventually(lambda: not clusters(kube, space), 60, "no cluster")
        assert status(kube, space)["jobDeploymentStatus"] == "Failed"


def test_a_suspended_job_waits_is_let_go_is_stopped_and_goes_on(kube: Kube) -> None:
    space = "held"
    values = job(WAITS, suspend=True, ttlSecondsAfterFinished=10)
    with installed(kube, "ray-job", space, values) as made, tempfile.TemporaryDirectory() as folder:

        def suspended(answer: bool) -> None:
            said = merge(NO_STORAGE, merge(values, {"job": {"suspend": answer}}))
            release("ray-job", space, said, Path(folder)).upgrade()

        reaches(kube, space, "Suspended", 60)
        assert clusters(kube, space) == set()
        (name,) = jobs(kube, space)

        suspended(False)
        first = reaches(kube, space, "Running")["rayClusterName"]
        suspended(True)
        reaches(kube, space, "Suspended", 120)
        eventually(lambda: not kube.list("pods", space, "ray.io/is-ray-node=yes"), 60, "no pod")

        suspended(False)
        running = reaches(kube, space, "Running")
        assert running["rayClusterName"] != first
        eventually(lambda: status(kube, space).get("jobStatus") == "RUNNING", 60, "it runs")
        (head,) = pods(kube, space, "head")
        kube.exec(head, ["touch", "/tmp/go"], space)  # noqa: S108 - in the pod
        reaches(kube, space, "Complete", 90)
        # the cluster stays for its time to live, and the job's record for good
        assert clusters(kube, space) == {running["rayClusterName"]}
        eventually(lambda: not clusters(kube, space), 60, "no cluster")
        assert list(jobs(kube, space)) == [name]
        assert made.installed()


def test_a_job_that_takes_too_long_is_given_up(kube: Kube) -> None:
    space = "late"
    values = job(WAITS, activeDeadlineSeconds=45, backoffLimit=1, ttlSecondsAfterFinished=0)
    with installed(kube, "ray-job", space, values):
        said = reaches(kube, space, "Failed", 120)
        # a deadline holds for all attempts together
        assert (said["reason"], said["failed"]) == ("DeadlineExceeded", 1)
        eventually(lambda: not clusters(kube, space), 60, "no cluster")


def test_a_job_that_does_not_get_to_run_is_given_up(kube: Kube) -> None:
    space = "stuck-early"
    nowhere = {"pods": {"nodeSelector": {"rayworks.io/none": "none"}}}
    values = merge(job("true", preRunningDeadlineSeconds=5, ttlSecondsAfterFinished=0), nowhere)
    with installed(kube, "ray-job", space, values):
        assert reaches(kube, space, "Failed", 60)["reason"] == "PreRunningDeadlineExceeded"
        eventually(lambda: not clusters(kube, space), 60, "no cluster")


def test_logs_outlive_the_cluster(kube: Kube) -> None:
    space = "logged"
    kube.apply(namespace_object(space), shared_claim(space))
    values = {
        "storage": {"claim": "rayworks-storage"},
        "keepLogs": True,
        "job": {"entrypoint": "echo said by the job", "ttlSecondsAfterFinished": 0},
    }
    reader = restricted_pod(
        "reader",
        space,
        {
            "image": str(images.reference("ray")),
            "command": ["grep", "-rl", "", f"{TMP}/storage/{space}/logs"],
            "volumeMounts": [{"name": "storage", "mountPath": f"{TMP}/storage"}],
        },
    )
    claim = {"claimName": "rayworks-storage"}
    reader["spec"]["volumes"] = [{"name": "storage", "persistentVolumeClaim": claim}]
    with installed(kube, "ray-job", space, values):
        reaches(kube, space, "Complete")
        eventually(lambda: not clusters(kube, space), 60, "no cluster")
        eventually(lambda: not kube.list("pods", space, "ray.io/is-ray-node=yes"), 90, "no pod")
        kube.apply(reader)
        assert ended(kube, "reader", space) == "Succeeded"
        kept = kube.run("logs", "reader", namespace=space).split()
    by_pod: dict[str, set[str]] = {}
    for path in kept:
        pod, _, name = path.removeprefix(f"{TMP}/storage/{space}/logs/").partition("/")
        by_pod.setdefault(pod, set()).add(name)
    head, worker = sorted(by_pod, key=lambda pod: "-head-" not in pod)
    assert "raylet.out" in by_pod[head] & by_pod[worker]
    assert [name for name in by_pod[head] if name.startswith("job-driver-")]
