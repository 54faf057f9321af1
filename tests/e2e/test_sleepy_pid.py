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

#: What the processes of Serve call themselves.
REPLICA, PROXY = "ray::ServeReplica:", "ray::ProxyActor"

#: Prints the numbers of a pod's processes whose title begins so.
PROCESSES = """
import pathlib, sys
for folder in pathlib.Path("/proc").glob("[0-9]*"):
    try:
        title = (folder / "cmdline").read_text()
    except OSError:
        continue
    if title.startswith(sys.argv[1]):
        print(folder.name)
"""

KILL = "import os, sys; os.kill(int(sys.argv[1]), 9)"


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


def processes(served: Service, pod: str, title: str) -> set[str]:
    """Numbers of a pod's processes, which may be those of another pod's, too."""
    return set(served.kube.exec(pod, ["python", "-c", PROCESSES, title], NAME).split())


def kill_one(served: Service, pod: str, title: str) -> None:
    """End a process in a pod, and wait for another in its place."""
    before = processes(served, pod, title)
    lost = min(before)
    served.kube.exec(pod, ["python", "-c", KILL, lost], NAME)

    def replaced() -> bool:
        now = processes(served, pod, title)
        return lost not in now and len(now) == len(before)

    eventually(replaced, 100, f"another {title} than {lost}")
    eventually(lambda: whole(served), 100, f"the recovery from the loss of {title}")


def whole(served: Service) -> bool:
    """Whether all pods are ready, and Serve finds the application healthy."""
    ready = len(pods(served.kube, NAME, "worker")), len(pods(served.kube, NAME, "head"))
    return ready == (3, 1) and served.state(served.object() or {}) is not None


def lose(served: Service, pod: str) -> None:
    """Take a pod away at once, and wait for what comes in its place."""
    served.kube.run("delete", "pod", pod, "--grace-period=0", "--force", namespace=NAME)
    kind = "head" if "-head-" in pod else "worker"
    eventually(lambda: pod not in pods(served.kube, NAME, kind), 60, f"the end of {pod}")
    eventually(lambda: whole(served), 200, f"the recovery from the loss of {pod}")


def test_it_recovers_from_the_loss_of_each_part(served: Service) -> None:
    watch = ["rayworks", "sleepy-pid", "watch", URL, "--seconds", "240", "--interval", "0.2"]
    served.kube.apply(beside(served, "watch", watch))
    try:
        eventually(lambda: heard(served), 60, "an answer")
        workers = pods(served.kube, NAME, "worker")
        kill_one(served, workers[0], REPLICA)
        kill_one(served, workers[1], PROXY)
        lose(served, workers[2])
        replicas = [processes(served, pod, REPLICA) for pod in workers[:2]]
        lose(served, served.head())
        assert [processes(served, pod, REPLICA) for pod in workers[:2]] == replicas
        assert ended(served.kube, "watch", NAME) == "Succeeded"
        report = heard(served)[-1]
    finally:
        served.kube.run("delete", "pod", "watch", "--ignore-not-found", namespace=NAME)
    print(json.dumps(report))
    assert report["requests"] == 1200
    assert all(outage["recovered_s"] is not None for outage in report["outages"])
    # Replicas answer while there is no head.
    assert report["failures"] < report["requests"] / 10
