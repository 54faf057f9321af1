"""A service on a real cluster: it answers, changes in place, and is replaced under load."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import Deployed, beside, eventually, make, pods

from deploy.environments import environment
from deploy.workloads import Service, workload
from lib.paths import tool

pytestmark = pytest.mark.full

NAME = "hello-service"

#: Asks ten times a second, each time on a connection of its own, and says what came back so far.
LOAD = """
import collections, json, sys, time, urllib.request
said, failures = collections.Counter(), []
while True:
    try:
        with urllib.request.urlopen(sys.argv[1], timeout=10) as answer:
            said[json.load(answer)["message"]] += 1
    except Exception as error:
        failures.append(repr(error))
    print(json.dumps({"said": said, "failures": failures}), flush=True)
    time.sleep(0.1)
"""


def service(*values: Path) -> Service:
    """The workload, with further values files."""
    found = workload(environment("local"), NAME, None, values)
    assert isinstance(found, Service)
    return found


@pytest.fixture(scope="module")
def served(deployed: Deployed) -> Iterator[Service]:
    """The service, deployed as a user would."""
    # room for two clusters beside each other on a small machine
    assert make("remove", "WORKLOAD=fashion-mnist").returncode == 0
    try:
        done = make("run", f"WORKLOAD={NAME}", timeout=300)
        assert done.returncode == 0
        assert "ready: " in done.stdout
        yield service()
    finally:
        assert make("remove", f"WORKLOAD={NAME}").returncode == 0


@pytest.fixture
def load(served: Service) -> Iterator[str]:
    """A pod of the namespace that asks all the time; its name."""
    ask = f"http://{NAME}-serve-svc:8000/?name=Ada"
    served.kube.apply(beside(served, "load", ["python", "-c", LOAD, ask]))
    try:
        yield "load"
    finally:
        served.kube.run("delete", "pod", "load", "--wait=true", namespace=NAME)


def heard(served: Service) -> dict[str, Any]:
    """What the load has got so far."""
    lines = served.kube.run("logs", "load", "--tail=1", namespace=NAME, check=False).splitlines()
    found: dict[str, Any] = {"said": {}, "failures": []}
    return json.loads(lines[-1]) if lines and lines[-1].startswith("{") else found


def active(served: Service) -> str:
    """The Ray cluster that the endpoint leads to."""
    obj = served.object()
    assert obj
    return str(obj["status"]["activeServiceStatus"]["rayClusterName"])


def clusters(served: Service) -> set[str]:
    """The Ray clusters that are there."""
    return {str(c["metadata"]["name"]) for c in served.kube.list("rayclusters", NAME)}


def test_both_replicas_answer(served: Service) -> None:
    replicas = set()
    with served.kube.forwarded(f"svc/{NAME}-serve-svc", 8000, NAME) as forwarded:
        for _ in range(100):
            with urllib.request.urlopen(f"{forwarded.url}/?name=Ada", timeout=20) as answer:  # noqa: S310
                said = json.load(answer)
            assert said["message"] == "Hello, Ada"
            replicas.add(said["replica"])
    assert len(replicas) == 2


def test_helm_test_passes(served: Service) -> None:
    command = [
        tool("helm"), "test", NAME, "--namespace", NAME,
        "--kubeconfig", str(served.place.kubeconfig),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def workers(served: Service, number: int) -> None:
    """Ask for so many workers, as the chart's notes say, and wait until Ray has them."""
    group = "/spec/workerGroupSpecs/0"
    patch = [
        {"op": "replace", "path": f"{group}/{key}", "value": number}
        for key in ("replicas", "minReplicas", "maxReplicas")
    ]
    words = ("patch", "raycluster", active(served), "--type=json", "-p", json.dumps(patch))
    served.kube.run(*words, namespace=NAME)
    count = "import ray; ray.init(); print(sum(node['Alive'] for node in ray.nodes()))"
    head = served.head()

    def joined() -> bool:
        said = served.kube.exec(head, ["python", "-c", count], NAME)
        return int(said.split()[-1]) == number + 1

    eventually(joined, 180, f"a head and {number} workers")


def test_a_worker_that_is_told_to_stop_loses_no_request(served: Service, load: str) -> None:
    eventually(lambda: sum(heard(served)["said"].values()), 60, "an answer")
    (first,) = pods(served.kube, NAME, "worker")
    workers(served, 2)
    found = served.kube.find("pod", first, NAME)
    assert found
    begun = time.monotonic()
    served.kube.run("delete", "pod", first, namespace=NAME, timeout=120)
    # its replicas have gone elsewhere, and nobody had to kill it
    assert time.monotonic() - begun < found["spec"]["terminationGracePeriodSeconds"]
    before = sum(heard(served)["said"].values())
    eventually(lambda: sum(heard(served)["said"].values()) > before + 50, 60, "further answers")
    workers(served, 1)
    before = sum(heard(served)["said"].values())
    eventually(lambda: sum(heard(served)["said"].values()) > before + 50, 60, "further answers")
    assert heard(served)["failures"] == []


def test_it_changes_and_is_replaced_without_a_failed_request(
    served: Service, load: str, tmp_path: Path
) -> None:
    eventually(lambda: heard(served)["said"].get("Hello, Ada"), 60, "an answer")
    first = active(served)

    config = tmp_path / "config.yaml"
    hello = {"deployments": {"Hello": {"user_config": {"greeting": "Good morning"}}}}
    config.write_text(json.dumps({"serveConfig": {"applications": {"hello": hello}}}))
    service(config).release.upgrade()
    eventually(lambda: heard(served)["said"].get("Good morning, Ada"), 120, "the new greeting")
    assert clusters(served) == {first}

    cluster = tmp_path / "cluster.yaml"
    cluster.write_text("env: {CHANGED: 'yes'}\nclusterDeletionDelaySeconds: 20\n")
    changed = service(config, cluster)
    changed.release.upgrade()
    eventually(lambda: len(clusters(served)) == 2, 60, "a second cluster")
    eventually(lambda: first not in clusters(served), 300, "the end of the first cluster")
    second = active(served)
    assert clusters(served) == {second}
    assert changed.wait(lambda detail: None).startswith("ready")

    before = sum(heard(served)["said"].values())
    eventually(lambda: sum(heard(served)["said"].values()) > before + 50, 60, "further answers")
    assert heard(served)["failures"] == []


def test_a_bad_version_never_takes_over(served: Service, load: str, tmp_path: Path) -> None:
    eventually(lambda: sum(heard(served)["said"].values()), 60, "an answer")
    good = active(served)
    values = tmp_path / "bad.yaml"
    bad = {"import_path": "rayworks.nothing:app"}
    values.write_text(
        json.dumps({"serveConfig": {"applications": {"hello": bad}}, "env": {"BAD": "yes"}})
    )
    service(values).release.upgrade()

    def failed() -> bool:
        status = (served.object() or {}).get("status", {}).get("pendingServiceStatus", {})
        states = status.get("applicationStatuses", {})
        return any(one.get("status") == "DEPLOY_FAILED" for one in states.values())

    eventually(failed, 300, "the application of the new cluster to fail")
    assert active(served) == good
    before = sum(heard(served)["said"].values())
    eventually(lambda: sum(heard(served)["said"].values()) > before + 50, 60, "further answers")
    assert heard(served)["failures"] == []

    service().release.upgrade()
    eventually(lambda: clusters(served) == {active(served)}, 300, "one good cluster")
