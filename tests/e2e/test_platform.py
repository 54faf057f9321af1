"""The umbrella on an empty cluster: one command, a second that changes nothing, and what stays."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from support import Deployed, eventually, make

from charts import measure
from deploy.environments import environment
from deploy.platform import NAMESPACE, Platform
from deploy.workloads import running
from lib.errors import UserError
from lib.kube import Kube, condition
from lib.paths import ROOT, tool
from lib.shell import run

pytestmark = pytest.mark.full

NAME = "rayworks"
OPERATOR = f"{NAME}-ray-operator"
DEFINITIONS = [
    "rayclusters.ray.io",
    "rayjobs.ray.io",
    "rayservices.ray.io",
    "raycronjobs.ray.io",
]

#: Kinds of which the platform has objects.
KINDS = (
    "customresourcedefinitions,priorityclasses,clusterroles,clusterrolebindings,roles,rolebindings,"
    "serviceaccounts,services,deployments,networkpolicies,poddisruptionbudgets,configmaps"
)

CLUSTER = {
    "apiVersion": "ray.io/v1",
    "kind": "RayCluster",
    "metadata": {"name": "left", "namespace": "default"},
    "spec": {
        "suspend": True,
        "headGroupSpec": {
            "rayStartParams": {},
            "template": {"spec": {"containers": [{"name": "ray-head", "image": "none"}]}},
        },
    },
}


def helm(*words: str) -> str:
    """One command of Helm in the platform's namespace, as a user types it."""
    where = ["-n", NAMESPACE, "--kubeconfig", str(environment("local").kubeconfig)]
    return run([tool("helm"), *words, *where], timeout=400).stdout


def upgrade() -> None:
    """The command of the chart's README."""
    files = [word for path in environment("local").values() for word in ("-f", str(path))]
    chart = str(ROOT / "charts" / "ray-platform")
    helm("upgrade", "--install", NAME, chart, "--create-namespace", "--force-conflicts", *files)


def say(detail: str) -> None:
    """What a stage reports."""
    print(detail, flush=True)


def ours(kube: Kube) -> dict[tuple[str, str, str], tuple[str, str]]:
    """What the platform has made, with identity and version of each."""
    selector = f"app.kubernetes.io/instance={NAME}"
    objects = kube.list(KINDS, None, selector) + [
        obj for name in DEFINITIONS if (obj := kube.find("crd", name))
    ]
    found = {}
    for obj in objects:
        meta = obj["metadata"]
        # Without a generation an object has no status either, and its version counts changes.
        version = str(meta.get("generation") or meta["resourceVersion"])
        key = (obj["kind"], meta.get("namespace", ""), meta["name"])
        found[key] = (meta["uid"], version)
    return found


@pytest.fixture(scope="module")
def kube(deployed: Deployed) -> Iterator[Kube]:
    """A cluster with nothing of the platform in it; what `make deploy` had made comes back."""
    place = environment("local")
    for one in running(place):
        assert make("remove", f"WORKLOAD={one.what.name}").returncode == 0
    platform = Platform(place)
    platform.undo(say)
    deployed.kube.run("delete", "crd", *DEFINITIONS, timeout=120)
    try:
        yield deployed.kube
    finally:
        helm("uninstall", NAME, "--ignore-not-found", "--wait")
        # ray-crds is a release of its own again: it does not take over another's definitions.
        deployed.kube.run("delete", "crd", *DEFINITIONS, "--ignore-not-found", timeout=120)
        platform.action(say)


@pytest.fixture(scope="module")
def installed(kube: Kube) -> Kube:
    """The platform, from an empty cluster, in one command."""
    assert kube.find("crd", DEFINITIONS[0]) is None
    upgrade()

    def available() -> bool:
        deployment = kube.find("deployment", OPERATOR, NAMESPACE)
        return deployment is not None and condition(deployment, "Available")

    eventually(available, 180, "the operator is available")
    return kube


def test_one_command_makes_a_platform_that_works(installed: Kube) -> None:
    assert "Succeeded" in helm("test", NAME)
    (pod,) = installed.list("pods", NAMESPACE, "app.kubernetes.io/component=operator")
    assert [status["restartCount"] for status in pod["status"]["containerStatuses"]] == [0]
    assert installed.find("priorityclass", "ray-head")


def test_a_second_command_changes_nothing(installed: Kube) -> None:
    def pods() -> set[str]:
        found = installed.list("pods", NAMESPACE, "app.kubernetes.io/component=operator")
        return {str(pod["metadata"]["uid"]) for pod in found}

    before, running_before = ours(installed), pods()
    assert {kind for kind, *_ in before} >= {"CustomResourceDefinition", "Deployment"}
    upgrade()
    assert ours(installed) == before
    assert pods() == running_before
    assert json.loads(helm("status", NAME, "-o", "json"))["version"] > 1


def test_the_release_is_as_large_as_measured(installed: Kube) -> None:
    secrets = installed.list("secrets", NAMESPACE, f"owner=helm,name={NAME}")
    newest = max(secrets, key=lambda secret: int(secret["metadata"]["labels"]["version"]))
    words = ("get", "secret", newest["metadata"]["name"], "-o", "go-template={{len .data.release}}")
    # The API gives a Secret's bytes in base64, four characters for three.
    size = int(installed.run(*words, namespace=NAMESPACE)) * 3 // 4
    files = tuple(environment("local").values())
    expected = measure.stored("ray-platform", files)
    assert size < measure.LIMIT
    assert size == pytest.approx(expected, rel=0.02)


def test_it_does_not_go_while_ray_is_there_and_leaves_the_definitions(installed: Kube) -> None:
    made = ours(installed)
    installed.apply(CLUSTER)
    with pytest.raises(UserError, match=r"uninstall-guard|pre-delete"):
        helm("uninstall", NAME)
    assert installed.find("deployment", OPERATOR, NAMESPACE)
    installed.run("delete", "raycluster", "left", namespace="default", timeout=60)
    helm("uninstall", NAME, "--wait")
    kept = {key: uid for key, (uid, _) in made.items() if key[0] == "CustomResourceDefinition"}
    assert {key: uid for key, (uid, _) in ours(installed).items()} == kept
