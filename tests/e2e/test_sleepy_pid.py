"""The service of source 4 under constant requests, while its parts are killed one after another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from support import Deployed, beside, ended, eventually, make, pods

from deploy.environments import environment
from deploy.workloads import Service, workload

pytestmark = pytest.mark.full

NAME = "sleepy-pid"
URL = f"http://{NAME}-serve-svc:8000/{NAME}/serve"

#: Ends the first process of a pod whose title begins so.
KILL = """
import os, pathlib, sys
for folder in pathlib.Path("/proc").glob("[0-9]*"):
    try:
        title = (folder / "cmdline").read_text()
    except OSError:
        continue
    if title.startswith(sys.argv[1]):
        os.kill(int(folder.name), 9)
        sys.exit()
sys.exit(f"no process {sys.argv[1]}")
"""


@pytest.fixture(scope="module")
def served(deployed: Deployed) -> Iterator[Service]:
    """The service, deployed as a user would."""
    # room for five pods on a small machine
    assert make("remove", "WORKLOAD=fashion-mnist").returncode == 0
    try:
        assert make("run", f"WORKLOAD={NAME}", timeout=600).returncode == 0
        found = workload(environment("local"), NAME)
        assert isinstance(found, Service)
        yield found
    finally:
        assert make("remove", f"WORKLOAD={NAME}").returncode == 0


def heard(served: Service) -> list[dict[str, Any]]:
    """What the watch has told up to now."""
    said = served.kube.run("logs", "watch", namespace=NAME, check=False)
    return [json.loads(line) for line in said.splitlines() if line.startswith("{")]


def kill(served: Service, pod: str, title: str) -> None:
    """End a process in a pod."""
    served.kube.exec(pod, ["python", "-c", KILL, title], NAME)


def answering(served: Service) -> int:
    """How many replicas run, as Serve tells the operator."""
    (one,) = (served.object() or {})["status"]["activeServiceStatus"][
        "applicationStatuses"
    ].values()
    deployments = one.get("serveDeploymentStatuses", {}).values()
    return sum(deployment["status"] == "HEALTHY" for deployment in deployments)


def test_it_recovers_from_the_loss_of_each_part(served: Service) -> None:
    watch = ["rayworks", "sleepy-pid", "watch", URL, "--seconds", "240", "--interval", "0.2"]
    served.kube.apply(beside(served, "watch", watch))
    try:
        eventually(lambda: len(heard(served)) >= 6, 60, "an answer of each replica")

        def survives(what: str) -> None:
            """Serve finds the application healthy, with all pods."""

            def whole() -> bool:
                ready = len(pods(served.kube, NAME, "worker")) == 3
                return ready and len(pods(served.kube, NAME, "head")) == 1 and healthy()

            eventually(whole, 200, f"the recovery from the loss of {what}")

        def healthy() -> bool:
            obj = served.object() or {}
            return served.state(obj) is not None

        worker = pods(served.kube, NAME, "worker")
        kill(served, worker[0], "ray::ServeReplica:")
        known = len(heard(served))
        eventually(lambda: len(heard(served)) > known, 60, "a replica in its place")
        kill(served, worker[1], "ray::ProxyActor")
        survives("a proxy")
        force = ("--grace-period=0", "--force")
        served.kube.run("delete", "pod", worker[2], *force, namespace=NAME)
        eventually(lambda: worker[2] not in pods(served.kube, NAME, "worker"), 60, "its end")
        survives("a worker")
        head = served.head()
        served.kube.run("delete", "pod", head, *force, namespace=NAME)
        eventually(lambda: [head] != pods(served.kube, NAME, "head"), 60, "its end")
        survives("the head")
        assert ended(served.kube, "watch", NAME) == "Succeeded"
        report = heard(served)[-1]
    finally:
        served.kube.run("delete", "pod", "watch", "--ignore-not-found", namespace=NAME)
    print(json.dumps(report))
    assert report["requests"] == 1200
    assert all(outage["recovered_s"] is not None for outage in report["outages"])
    # Six replicas at first, one instead of that which was killed, two on the new worker.
    assert len(report["pids"]) >= 9
    assert report["failures"] < report["requests"] / 10
