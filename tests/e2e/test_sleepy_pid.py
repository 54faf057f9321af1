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
        eventually(lambda: len(heard(served)) >= 6, 60, "an answer of each replica")
        workers = pods(served.kube, NAME, "worker")
        known = len(heard(served))
        kill(served, workers[0], "ray::ServeReplica:")
        eventually(lambda: len(heard(served)) > known, 60, "a replica in its place")
        kill(served, workers[1], "ray::ProxyActor")
        eventually(lambda: whole(served), 60, "the recovery from the loss of a proxy")
        lose(served, workers[2])
        lose(served, served.head())
        assert ended(served.kube, "watch", NAME) == "Succeeded"
        report = heard(served)[-1]
    finally:
        served.kube.run("delete", "pod", "watch", "--ignore-not-found", namespace=NAME)
    print(json.dumps(report))
    assert report["requests"] == 1200
    assert all(outage["recovered_s"] is not None for outage in report["outages"])
    # One in the place of that which was killed, two on the new worker. The others outlive the head,
    # and answer meanwhile.
    assert len(report["pids"]) == 6 + 1 + 2
    assert report["failures"] < report["requests"] / 10
