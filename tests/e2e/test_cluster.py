"""What the local cluster itself promises, beside what the deployment needs of it."""

from __future__ import annotations

from typing import Any

import pytest
from support import Deployed, eventually

from lib.errors import UserError
from local import cluster, images

pytestmark = pytest.mark.cluster

RESTRICTED = "pod-security.kubernetes.io/enforce"


def test_a_second_start_changes_nothing(deployed: Deployed) -> None:
    before = deployed.kube.list("pods", "kube-system")
    said: list[str] = []
    cluster.up(said.append)
    assert said == []
    after = deployed.kube.list("pods", "kube-system")
    uids = [{pod["metadata"]["uid"] for pod in pods} for pods in (before, after)]
    assert uids[0] == uids[1]


@pytest.mark.parametrize(
    "component",
    ["kube-controller-manager", "kube-scheduler", "kube-proxy", "calico-felix", "buildkitd"],
)
def test_a_killed_daemon_comes_back_by_itself(deployed: Deployed, component: str) -> None:
    def process() -> str:
        (found,) = [part for part in cluster.status() if part.name == component]
        return found.detail.partition(",")[0]

    before = process()
    assert before.startswith("pid ")
    cluster.kill(component)
    eventually(lambda: process() != before and cluster.healthy(), 60, f"{component} is back")


def test_metrics_answer(deployed: Deployed) -> None:
    def answers() -> bool:
        try:
            return "rayworks" in deployed.kube.run("top", "node")
        except UserError:
            return False

    eventually(answers, 120, "kubectl top node answers")


def pod(name: str, script: str) -> dict[str, Any]:
    """A restricted pod that runs a shell script with the volume at /data."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "volumes"},
        "spec": {
            "restartPolicy": "Never",
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 1000,
                "fsGroup": 1000,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "c",
                    "image": str(images.reference("base")),
                    "command": ["sh", "-ec", script],
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                    },
                    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                }
            ],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
        },
    }


def test_a_claim_without_a_class_gets_a_volume_that_user_1000_may_write(
    deployed: Deployed,
) -> None:
    kube = deployed.kube
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "volumes", "labels": {RESTRICTED: "restricted"}},
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": "volumes"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    kube.apply(namespace)
    try:
        kube.apply(claim)
        for name, script in (("writes", "echo kept > /data/file"), ("reads", "cat /data/file")):
            kube.apply(pod(name, script))
            succeeded = "--for=jsonpath={.status.phase}=Succeeded"
            kube.run(
                "wait", f"pod/{name}", succeeded, "--timeout=90s", namespace="volumes", timeout=100
            )
        assert kube.run("logs", "reads", namespace="volumes").strip() == "kept"
    finally:
        kube.run("delete", "namespace", "volumes", "--wait=false")
