"""The charts' examples that need no cloud, installed as they are and tried by their own tests."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
import yaml
from support import Deployed, eventually, installed, make, pods, shared_claim

from charts.places import examples
from deploy.workloads import merge
from lib.kube import namespace_object
from lib.paths import tool

pytestmark = pytest.mark.full


def values(chart: str, name: str) -> dict[str, Any]:
    """The example's values."""
    found: dict[str, Any] = yaml.safe_load(examples(chart)[name].read_text())
    return found


@pytest.mark.parametrize(
    ("chart", "name", "workers"),
    [("ray-cluster", "try-out", 1), ("ray-service", "highly-available", 2)],
)
def test_it_comes_up_and_passes_its_test(
    deployed: Deployed, chart: str, name: str, workers: int
) -> None:
    assert make("remove", "WORKLOAD=fashion-mnist").returncode == 0
    with installed(deployed.kube, chart, name, values(chart, name)):

        def ready() -> bool:
            return len(pods(deployed.kube, name, "worker")) == workers

        eventually(ready, 300, f"{workers} workers")
        done = subprocess.run(
            [
                tool("helm"), "test", name, "--namespace", name, "--timeout", "5m",
                "--kubeconfig", str(deployed.kube.kubeconfig),
            ],
            capture_output=True, text=True, timeout=400, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_job_every_night_waits_for_it_and_runs_at_once_when_asked(deployed: Deployed) -> None:
    kube, name = deployed.kube, "nightly"
    claim = {"global": {"ray": {"storage": {"claim": "rayworks-storage"}}}}
    kube.apply(namespace_object(name), shared_claim(name))
    with installed(kube, "ray-job", name, merge(values("ray-job", name), claim)):
        found = kube.find("cronjob", name, name)
        assert found
        assert found["spec"]["timeZone"] == "Europe/Berlin"
        assert kube.list("rayjobs", name) == []

        # as the notes say
        kube.run("create", "job", f"--from=cronjob/{name}", f"{name}-now", namespace=name)

        def succeeded() -> bool:
            states = [one.get("status", {}).get("jobStatus") for one in kube.list("rayjobs", name)]
            assert "FAILED" not in states
            return states == ["SUCCEEDED"]

        eventually(succeeded, 300, "a run that has succeeded")
