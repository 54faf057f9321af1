"""From KubeRay 1.5.1 to the pinned one, with a cluster, a service and a job that run; and away.

The tests run in the order of this file: the second takes away what the first has upgraded.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from support import Deployed, eventually
from upstream import (
    DEFINITIONS,
    OPERATOR,
    VERSION,
    Helm,
    cluster_spec,
    identities,
    module,
    operator_chart,
    operator_image,
    without_platform,
)

from charts import crds
from charts.places import CHARTS
from deploy.environments import environment
from deploy.platform import NAMESPACE, Platform
from lib.kube import Kube, condition, namespace_object
from local import images

pytestmark = pytest.mark.full

SPACE = "before"

#: Ends when it is told to.
ENTRYPOINT = """python -c "import os, time
while not os.path.exists('/tmp/end'): time.sleep(1)"
"""
SERVE = {
    "applications": [
        {
            "name": "hello",
            "import_path": "rayworks.hello_service.app:app",
            "deployments": [
                {"name": "Hello", "user_config": {"greeting": "Hello"}, "num_replicas": 1}
            ],
        }
    ]
}
ASK = (
    "import json, urllib.request as r; "
    "print(json.load(r.urlopen('http://localhost:8000/?name=Ada', timeout=10))['message'])"
)


@pytest.fixture(scope="module")
def platform() -> Platform:
    """What `make deploy` installs."""
    return Platform(environment("local"))


@pytest.fixture(scope="module")
def helm(deployed: Deployed) -> Helm:
    """Helm on the cluster."""
    return Helm(deployed.kube.kubeconfig)


def objects() -> list[dict[str, Any]]:
    """A cluster, a service and a job, in fields that both versions know."""
    image = str(images.reference("ray"))

    def ray(kind: str, **spec: Any) -> dict[str, Any]:
        metadata = {"name": f"old-{kind[3:].lower()}", "namespace": SPACE}
        return {"apiVersion": "ray.io/v1", "kind": kind, "metadata": metadata, "spec": spec}

    return [
        ray("RayCluster", **cluster_spec(image, {})),
        ray(
            "RayService",
            serveConfigV2=yaml.safe_dump(SERVE),
            rayClusterConfig=cluster_spec(image, {}),
        ),
        ray(
            "RayJob",
            entrypoint=ENTRYPOINT,
            submissionMode="HTTPMode",
            rayClusterSpec=cluster_spec(image, {}),
        ),
    ]


@pytest.fixture(scope="module")
def old(
    deployed: Deployed, platform: Platform, helm: Helm, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kube]:
    """KubeRay 1.5.1 in place of the platform, with its definitions in the release ray-crds."""
    kube = deployed.kube
    without_platform(kube, platform)
    folder = tmp_path_factory.mktemp("old")
    try:
        definitions = folder / "ray-crds"
        shutil.copytree(CHARTS / "ray-crds", definitions)
        for path in (definitions / "templates").glob("*.yaml"):
            path.unlink()
        for name, text in crds.templates(VERSION, module()).items():
            (definitions / "templates" / name).write_text(text)
        for name in (NAMESPACE, SPACE, "kuberay"):
            made = namespace_object(name)
            if name == SPACE:  # pods as KubeRay's charts make them are not restricted
                made["metadata"] = {"name": SPACE}
            kube.apply(made)
        helm("install", "ray-crds", str(definitions), "-n", NAMESPACE)
        chart = operator_chart(folder, operator_image())
        helm("install", OPERATOR, str(chart), "-n", "kuberay", "--skip-crds")
        kube.run("rollout", "status", f"deployment/{OPERATOR}", namespace="kuberay", timeout=180)
        kube.apply(*objects())
        yield kube
    finally:
        for kind in ("rayjobs", "rayservices", "rayclusters"):
            kube.run("delete", kind, "--all", "-n", SPACE, "--wait=false", check=False)
        helm("uninstall", OPERATOR, "-n", "kuberay", "--ignore-not-found")
        platform.action(print)
        kube.run("delete", "namespace", SPACE, "kuberay", "--ignore-not-found", timeout=300)


def status(kube: Kube, kind: str) -> dict[str, Any]:
    """The status of the one object of a kind."""
    (found,) = kube.list(kind, SPACE)
    answer: dict[str, Any] = found.get("status", {})
    return answer


def head(kube: Kube, owner: str) -> str:
    """The head's pod of a cluster that is one's own, or is a service's or a job's."""
    (pod,) = [
        pod
        for pod in kube.list("pods", SPACE, "ray.io/node-type=head")
        if str(pod["metadata"]["labels"]["ray.io/cluster"]).startswith(owner)
    ]
    return str(pod["metadata"]["name"])


def running(kube: Kube) -> bool:
    """Whether the cluster is ready, the service too, and the job runs."""
    cluster = kube.find("raycluster", "old-cluster", SPACE) or {}
    return (
        cluster.get("status", {}).get("state") == "ready"
        and condition({"status": status(kube, "rayservices")}, "Ready")
        and status(kube, "rayjobs").get("jobStatus") == "RUNNING"
    )


def test_no_pod_restarts_from_1_5_1(old: Kube, platform: Platform, helm: Helm) -> None:
    eventually(lambda: running(old), 600, "all three run")
    assert "raycronjobs" not in old.run("api-resources", "--api-group=ray.io")
    before = identities(old.list("pods", SPACE))
    assert len(before) == 6

    helm("uninstall", OPERATOR, "-n", "kuberay")
    platform.action(print)  # as `make deploy` does: the definitions first
    assert "raycronjobs" in old.run("api-resources", "--api-group=ray.io")

    # the new operator works: it makes a worker, has a service answer, and sees a job to its end
    patch = [{"op": "replace", "path": "/spec/workerGroupSpecs/0/replicas", "value": 2}]
    words = ("patch", "raycluster", "old-cluster", "--type=json", "-p", json.dumps(patch))
    old.run(*words, namespace=SPACE)
    eventually(
        lambda: len(old.list("pods", SPACE, "ray.io/cluster=old-cluster")) == 3,
        120, "a second worker",
    )  # fmt: skip
    assert old.exec(head(old, "old-service"), ["python", "-c", ASK], SPACE).strip() == "Hello, Ada"
    assert condition({"status": status(old, "rayservices")}, "Ready")
    old.exec(head(old, "old-job"), ["touch", "/tmp/end"], SPACE)  # noqa: S108 - in the pod
    eventually(
        lambda: status(old, "rayjobs").get("jobDeploymentStatus") == "Complete",
        180,
        "the job's end",
    )
    assert status(old, "rayjobs")["jobStatus"] == "SUCCEEDED"
    after = identities(old.list("pods", SPACE))
    assert {name: after.get(name) for name in before} == before


def test_uninstalling_in_any_order_hangs_nothing(old: Kube, platform: Platform, helm: Helm) -> None:
    before = identities(old.list("pods", SPACE))

    # the definitions, and all that is of them, stay
    helm("uninstall", "ray-crds", "-n", NAMESPACE)
    for name in DEFINITIONS:
        assert old.find("crd", name)

    # the operator refuses to go, names what is left, and says how it counts as installed again
    refused = helm("uninstall", "ray-operator", "-n", NAMESPACE, check=False)
    assert refused.returncode != 0
    said = old.run("logs", "job/ray-operator-uninstall-guard", namespace=NAMESPACE)
    assert f"rayjobs/{SPACE}/old-job" in said
    keep = said.strip().splitlines()[-1].partition("keep the operator: helm ")[2]
    helm(*keep.split())
    assert f"{NAMESPACE}/ray-operator" in helm.releases()
    assert identities(old.list("pods", SPACE)) == before

    # a namespace goes with everything in it
    old.run("delete", "namespace", SPACE, timeout=300)

    # without the refusal, a job is left to nobody until there is an operator again
    old.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}}, objects()[2])
    eventually(lambda: status(old, "rayjobs").get("jobDeploymentStatus"), 120, "a job")
    helm("uninstall", "ray-operator", "-n", NAMESPACE, "--no-hooks")
    old.run("delete", "rayjobs", "--all", "--wait=false", namespace=SPACE)
    platform.action(print)
    eventually(lambda: not old.list("rayjobs", SPACE), 120, "the job is gone")
    old.run("delete", "namespace", SPACE, timeout=300)

    # then both go, and the definitions after them
    helm("uninstall", "ray-operator", "-n", NAMESPACE)
    helm("uninstall", "ray-crds", "-n", NAMESPACE)
    old.run("delete", "crd", *DEFINITIONS, timeout=120)
    assert helm.releases().isdisjoint({f"{NAMESPACE}/ray-operator", f"{NAMESPACE}/ray-crds"})
