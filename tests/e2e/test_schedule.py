"""A schedule on a real cluster: on time, once each, also while the operator is down."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from support import Deployed, eventually, installed, make

from deploy.platform import NAMESPACE, OPERATOR
from lib.kube import Kube

pytestmark = pytest.mark.full

SPACE = "scheduled"

VALUES: dict[str, Any] = {
    "head": {"rayStartParams": {"num-cpus": 1}},
    # the head alone
    "workers": {"default": {"enabled": False}},
    "job": {
        "entrypoint": "python -c \"print('ran')\"",
        "scaling": {"numWorkers": 1},
        "ttlSecondsAfterFinished": 5,
        "schedule": {"cron": "* * * * *", "concurrencyPolicy": "Allow", "historyLimit": 20},
    },
}


def runs(kube: Kube) -> dict[str, str]:
    """State of each run by its name, empty for one that nobody has looked at."""
    found = kube.list("rayjobs", SPACE)
    return {
        str(run["metadata"]["name"]): str(run.get("status", {}).get("jobDeploymentStatus", ""))
        for run in found
    }


def operators(kube: Kube, number: int) -> None:
    """Have so many operators, and wait until it is so."""
    kube.run("scale", f"deployment/{OPERATOR}", f"--replicas={number}", namespace=NAMESPACE)

    def settled() -> bool:
        pods = kube.list("pods", NAMESPACE, "app.kubernetes.io/component=operator")
        return len(pods) == number

    eventually(settled, 90, f"{number} operators")


def test_runs_are_on_time_and_never_twice(deployed: Deployed) -> None:
    kube = deployed.kube
    assert make("remove", "WORKLOAD=fashion-mnist").returncode == 0
    with installed(kube, "ray-job", SPACE, VALUES):
        eventually(lambda: "Complete" in runs(kube).values(), 300, "a run that is complete")
        before = set(runs(kube))
        operators(kube, 0)
        try:
            missed = eventually(lambda: set(runs(kube)) - before, 90, "a run without an operator")
            assert all(runs(kube)[name] == "" for name in missed)
        finally:
            operators(kube, 1)
        patch = '{"spec": {"suspend": true}}'
        kube.run("patch", "cronjob", SPACE, "-p", patch, namespace=SPACE)
        eventually(lambda: set(runs(kube).values()) == {"Complete"}, 400, "the end of all runs")
        assert missed <= set(runs(kube))

        minutes = []
        for run in kube.list("rayjobs", SPACE):
            minute = int(str(run["metadata"]["name"]).rsplit("-", 1)[1]) * 60
            made = datetime.datetime.fromisoformat(run["metadata"]["creationTimestamp"])
            assert 0 <= made.timestamp() - minute < 60
            minutes.append(minute)
            assert run["status"].get("failed", 0) == 0
            assert run["status"]["succeeded"] == 1
        assert len(minutes) == len(set(minutes)) >= 2
        for submitter in kube.list("pods", SPACE, "app.kubernetes.io/component=submitter"):
            log = kube.run("logs", submitter["metadata"]["name"], namespace=SPACE)
            assert log.split().count("ran") == 1
