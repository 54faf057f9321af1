"""Faults and scenarios that take long: `make test-full`, some 8 minutes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support import Deployed, eventually, make, reached, result

from lib.paths import ROOT, tool

pytestmark = pytest.mark.full


RELEASES = {
    "ray-crds": "ray-system",
    "ray-operator": "ray-system",
    "ray-monitoring": "ray-system",
    "fashion-mnist": "fashion-mnist",
}


@pytest.mark.parametrize("release", RELEASES)
def test_helm_test_passes(deployed: Deployed, release: str) -> None:
    assert make("run", "WORKLOAD=fashion-mnist").returncode == 0
    command = [tool("helm"), "--kubeconfig", str(deployed.kube.kubeconfig)]
    done = subprocess.run(
        [*command, "test", release, "--namespace", RELEASES[release], "--timeout", "180s"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_two_lost_workers_and_then_a_lost_head(deployed: Deployed, tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text("env: {EPOCHS: '250'}\n")
    words = ("run", "WORKLOAD=fashion-mnist", "NAMESPACE=lossy", f"VALUES={values}")
    job = deployed.fashion_mnist("lossy", values)
    force = ("--grace-period=0", "--force")
    running = subprocess.Popen(
        ["make", *words], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        for epoch in (20, 40):
            eventually(lambda: reached(job, epoch), 300, f"{epoch} epochs")  # noqa: B023
            worker = deployed.kube.list("pods", "lossy", "ray.io/node-type=worker")[-1]
            name = worker["metadata"]["name"]
            deployed.kube.run("delete", "pod", name, *force, namespace="lossy")
        eventually(lambda: reached(job, 60), 300, "60 epochs")
        deployed.kube.run("delete", "pod", job.head(), *force, namespace="lossy")
        said, _ = running.communicate(timeout=600)
        assert running.returncode != 0
        assert "make logs" in said
        # the same command goes on from the last checkpoint, on a new cluster
        assert make(*words).returncode == 0
        (resumed,) = (json.loads(line) for line in job.driver_log() if '"resumed"' in line)
        assert resumed["after_epoch"] >= 59
        history = result(job)["history"]
        assert isinstance(history, list)
        assert [entry["epoch"] for entry in history] == list(range(1, 251))
    finally:
        running.kill()
        make("remove", "WORKLOAD=fashion-mnist", "NAMESPACE=lossy")


def test_a_run_without_an_operator_says_so_and_goes_on_with_it(deployed: Deployed) -> None:
    make("remove", "WORKLOAD=fashion-mnist")
    scale = ("scale", "deployment/ray-operator", "--timeout=60s")
    deployed.kube.run(*scale, "--replicas=0", namespace="ray-system")
    running = subprocess.Popen(
        [sys.executable, "-m", "deploy", "run", "--workload", "fashion-mnist"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": "scripts"}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        assert running.stdout is not None
        seen = []
        for line in running.stdout:
            seen.append(line)
            if "no Ray operator is available: make deploy" in line:
                break
        else:
            pytest.fail("".join(seen))
        deployed.kube.run(*scale, "--replicas=1", namespace="ray-system")
        said, _ = running.communicate(timeout=300)
        assert running.returncode == 0, said
        assert "SUCCEEDED" in said
    finally:
        running.kill()
        deployed.kube.run(*scale, "--replicas=1", namespace="ray-system")


def test_ctrl_c_ends_cleanly_and_the_same_command_goes_on(deployed: Deployed) -> None:
    make("remove", "WORKLOAD=fashion-mnist")
    command = [sys.executable, "-m", "deploy", "run", "--workload", "fashion-mnist"]
    env = {**os.environ, "PYTHONPATH": "scripts"}
    for wanted in ("installing chart", "RUNNING"):
        running = subprocess.Popen(
            command, cwd=ROOT, env=env, text=True, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert running.stdout is not None
        for line in running.stdout:
            if wanted in line:
                break
        os.killpg(running.pid, signal.SIGINT)
        _, said = running.communicate(timeout=60)
        assert running.returncode == 130
        assert "the same command goes on from here" in said
        assert "Traceback" not in said
    done = make("run", "WORKLOAD=fashion-mnist")
    assert done.returncode == 0
    assert "SUCCEEDED" in done.stdout
