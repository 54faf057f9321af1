"""KubeRay as its own charts install it: what is upgraded and migrated from.

The objects are those that the charts kuberay-operator and ray-cluster make by default, in charts of
two files each; definitions, permissions and program come from the operator's Go module.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from support import built, make

from charts import crds
from charts.places import CHARTS
from deploy.platform import Platform
from deploy.workloads import descriptions
from lib.kube import Kube
from lib.paths import tool
from local import images
from tools import build
from tools.catalogue import Tool

#: What is upgraded from; its go.mod lies beside the tests.
VERSION = "1.5.1"
PROGRAM = Tool(
    name=f"kuberay-{VERSION}",
    module=crds.MODULE,
    groups=(),
    binaries={"ray-operator": None},
    home=Path(__file__).parent / "e2e",
)
OPERATOR = "kuberay-operator"
DEFINITIONS = ("rayclusters.ray.io", "rayjobs.ray.io", "rayservices.ray.io", "raycronjobs.ray.io")
Object = dict[str, Any]


def module() -> Path:
    """The folder of the old operator's module."""
    version, folder = crds.module(PROGRAM.folder)
    assert version == f"v{VERSION}"
    return folder


def operator_image() -> str:
    """The old operator as an image of the local cluster; built for the test alone."""
    operator = images.IMAGES["operator"]
    old = images.Image(
        operator.folder,
        contexts={"module": PROGRAM.folder},
        binaries=(str(build.made(PROGRAM) / "bin" / "ray-operator"),),
    )
    return str(built(f"operator-{VERSION}", old))


def _chart(folder: Path, name: str, objects: list[Object]) -> Path:
    chart = folder / name
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text(f"{{apiVersion: v2, name: {name}, version: {VERSION}}}\n")
    (chart / "templates" / "objects.yaml").write_text(yaml.safe_dump_all(objects))
    return chart


def _labels(chart: str) -> dict[str, str]:
    return {
        "helm.sh/chart": f"{chart}-{VERSION}",
        "app.kubernetes.io/instance": "{{ .Release.Name }}",
        "app.kubernetes.io/managed-by": "Helm",
    }


def operator_chart(folder: Path, image: str) -> Path:
    """The chart kuberay-operator, with the definitions in its crds/ folder."""
    labels = {**_labels(OPERATOR), "app.kubernetes.io/name": OPERATOR}
    metadata = {"name": OPERATOR, "labels": labels}
    own = {
        "app.kubernetes.io/name": OPERATOR,
        "app.kubernetes.io/instance": "{{ .Release.Name }}",
    }
    rbac = "rbac.authorization.k8s.io"
    account = {
        "kind": "ServiceAccount",
        "name": OPERATOR,
        "namespace": "{{ .Release.Namespace }}",
    }

    def binding(kind: str, name: str) -> Object:
        return {
            "apiVersion": f"{rbac}/v1",
            "kind": f"{kind}Binding",
            "metadata": {"name": name, "labels": labels},
            "roleRef": {"apiGroup": rbac, "kind": kind, "name": name},
            "subjects": [account],
        }

    elects = f"{OPERATOR}-leader-election"
    lease_rules = [
        {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]},
        {
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "verbs": ["create", "get", "list", "update"],
        },
    ]
    role = yaml.safe_load((module() / "config" / "rbac" / "role.yaml").read_text())
    probe = {"httpGet": {"path": "/metrics", "port": "http"}, "periodSeconds": 5}
    objects: list[Object] = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {**role, "metadata": metadata},
        binding("ClusterRole", OPERATOR),
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "Role",
            "metadata": {"name": elects, "labels": labels},
            "rules": lease_rules,
        },
        binding("Role", elects),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": own, "ports": [{"name": "http", "port": 8080}]},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {
                "replicas": 1,
                "strategy": {"type": "Recreate"},
                "selector": {"matchLabels": own},
                "template": {
                    "metadata": {"labels": {**own, "app.kubernetes.io/component": OPERATOR}},
                    "spec": {
                        "serviceAccountName": OPERATOR,
                        "containers": [
                            {
                                "name": OPERATOR,
                                "image": image,
                                "command": ["/manager"],
                                "args": [
                                    "--enable-leader-election=true",
                                    "--enable-metrics=true",
                                    "--reconcile-concurrency=1",
                                ],
                                "ports": [{"name": "http", "containerPort": 8080}],
                                "livenessProbe": {**probe, "initialDelaySeconds": 10},
                                "readinessProbe": probe,
                                "resources": {"limits": {"cpu": "100m", "memory": "512Mi"}},
                                "securityContext": {
                                    "allowPrivilegeEscalation": False,
                                    "capabilities": {"drop": ["ALL"]},
                                    "readOnlyRootFilesystem": True,
                                    "runAsNonRoot": True,
                                    "seccompProfile": {"type": "RuntimeDefault"},
                                },
                            }
                        ],
                    },
                },
            },
        },
    ]
    chart = _chart(folder, OPERATOR, objects)
    (chart / "crds").mkdir()
    for source in (module() / "config" / "crd" / "bases").glob("*.yaml"):
        (chart / "crds" / source.name).write_text(source.read_text())
    return chart


def cluster_spec(image: str, labels: dict[str, str]) -> Object:
    """A head and a worker as the chart ray-cluster has them, small enough for the local node."""

    # The operator's own ask by wget, which our image does not have.
    probe = {"httpGet": {"path": "/api/healthz", "port": 52365}, "periodSeconds": 5}

    def template(container: str) -> Object:
        return {
            "metadata": {"labels": labels},
            "spec": {
                "containers": [
                    {
                        "name": container,
                        "image": image,
                        "imagePullPolicy": "IfNotPresent",
                        "resources": {
                            "requests": {"cpu": "100m", "memory": "1Gi"},
                            "limits": {"cpu": "1", "memory": "3Gi"},
                        },
                        "livenessProbe": {**probe, "failureThreshold": 60},
                        "readinessProbe": probe,
                        "volumeMounts": [{"mountPath": "/tmp/ray", "name": "log-volume"}],  # noqa: S108
                    }
                ],
                "volumes": [{"emptyDir": {}, "name": "log-volume"}],
            },
        }

    version = yaml.safe_load((CHARTS / "ray-cluster" / "values.yaml").read_text())["rayVersion"]
    return {
        "rayVersion": str(version),
        "headGroupSpec": {"serviceType": "ClusterIP", "template": template("ray-head")},
        "workerGroupSpecs": [
            {
                "groupName": "workergroup",
                "replicas": 1,
                "minReplicas": 1,
                "maxReplicas": 3,
                "numOfHosts": 1,
                "template": template("ray-worker"),
            }
        ],
    }


def cluster_chart(folder: Path, image: str) -> Path:
    """The chart ray-cluster: a RayCluster named after the release."""
    labels = _labels("ray-cluster")
    return _chart(
        folder,
        "ray-cluster",
        [
            {
                "apiVersion": "ray.io/v1",
                "kind": "RayCluster",
                "metadata": {"name": "{{ .Release.Name }}-kuberay", "labels": labels},
                "spec": cluster_spec(image, labels),
            }
        ],
    )


@dataclass(frozen=True)
class Helm:
    """The pinned helm on the local cluster."""

    kubeconfig: Path

    def __call__(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run it, and show what it says."""
        done = subprocess.run(
            [tool("helm"), "--kubeconfig", str(self.kubeconfig), *words],
            capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        print(f"$ helm {' '.join(words)} → {done.returncode}\n{done.stdout}{done.stderr}")
        assert done.returncode == 0 or not check, done.stderr
        return done

    def releases(self) -> set[str]:
        """`namespace/name` of each."""
        listed = json.loads(self("list", "--all-namespaces", "-o", "json").stdout)
        return {f"{one['namespace']}/{one['name']}" for one in listed}


def without_platform(kube: Kube, platform: Platform) -> None:
    """Take away what `make deploy` has made of KubeRay, and all that it looks after."""
    for name in descriptions():
        assert make("remove", f"WORKLOAD={name}").returncode == 0
    platform.undo(print)
    kube.run("delete", "crd", *DEFINITIONS, "--ignore-not-found", timeout=120)


Pods = dict[str, tuple[str, int]]


def identities(pods: list[Object]) -> Pods:
    """Name → (uid, restarts of its containers): the same as long as no pod was made anew."""
    return {
        pod["metadata"]["name"]: (
            pod["metadata"]["uid"],
            sum(one["restartCount"] for one in pod["status"].get("containerStatuses", [])),
        )
        for pod in pods
    }
