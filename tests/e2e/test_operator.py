"""The operator in its scopes, with each batch scheduler, elected, and with what it gives to pods.

What is asked of the operator is that it makes pods; none of them has to run.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support import Deployed, eventually, stand_in
from upstream import Helm, cluster_spec, identities

from deploy.environments import environment
from deploy.helm import Release
from deploy.kube import Kube
from deploy.platform import NAMESPACE, OPERATOR, Platform
from local import images

pytestmark = pytest.mark.full

SPACES = ("red", "blue", "green")
Configure = Callable[..., Kube]


@pytest.fixture(scope="module")
def configured(deployed: Deployed) -> Iterator[Configure]:
    """The operator with further values (path → value), by the release that `make deploy` made."""
    place = environment("local")
    kube = deployed.kube

    def configure(values: dict[str, Any]) -> Kube:
        files = place.values()
        release = Release(
            OPERATOR, "ray-operator", NAMESPACE, files, place.kubeconfig, tuple(values.items())
        )
        release.upgrade()
        words = ("rollout", "status", f"deployment/{OPERATOR}", "--timeout=180s")
        kube.run(*words, namespace=NAMESPACE, timeout=200)
        Helm(place.kubeconfig)("test", OPERATOR, "-n", NAMESPACE)
        return kube

    for name in SPACES:
        kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    try:
        yield configure
    finally:
        kube.run("delete", "namespace", *SPACES, timeout=300)
        Platform(place).action(print)


def log(kube: Kube) -> str:
    """What the operator that runs has said."""
    return kube.run("logs", f"deployment/{OPERATOR}", "--tail=-1", namespace=NAMESPACE)


def make_cluster(kube: Kube, space: str, name: str, **labels: str) -> None:
    """A cluster of a head alone."""
    spec = cluster_spec(str(images.reference("ray")), {})
    spec["workerGroupSpecs"] = []
    metadata = {"name": name, "namespace": space, "labels": labels}
    kube.apply(
        {"apiVersion": "ray.io/v1", "kind": "RayCluster", "metadata": metadata, "spec": spec}
    )


def head(kube: Kube, space: str, name: str) -> dict[str, Any] | None:
    """The head's pod, once the operator has made it."""
    pods = kube.list("pods", space, f"ray.io/cluster={name}")
    return pods[0] if pods else None


@pytest.fixture
def clean(deployed: Deployed) -> Iterator[None]:
    """No cluster is left behind."""
    yield
    for space in SPACES:
        deployed.kube.run("delete", "rayclusters", "--all", namespace=space, timeout=120)


def test_it_looks_after_some_namespaces_only_and_needs_no_more(
    configured: Configure, clean: None
) -> None:
    kube = configured(
        {
            "watchNamespaces": ["red", "blue"],
            "aggregatedRoles.enabled": False,
            "global.ray.operator.featureGates": {"RayCronJob": True},
        }
    )
    mine = "app.kubernetes.io/name=ray-operator"
    assert kube.list("clusterroles", None, mine) == []
    for space in SPACES:
        make_cluster(kube, space, "scoped")
    for space in ("red", "blue"):
        eventually(lambda: head(kube, space, "scoped"), 60, f"a head in {space}")  # noqa: B023
    assert head(kube, "green", "scoped") is None
    assert "forbidden" not in log(kube)

    kube = configured({})
    eventually(lambda: head(kube, "green", "scoped"), 60, "a head in green")
    assert "forbidden" not in log(kube)


@pytest.mark.parametrize(
    ("scheduler", "of_pod", "definition"),
    [
        ("volcano", "volcano", ("scheduling.volcano.sh", "v1beta1")),
        (
            "scheduler-plugins",
            "scheduler-plugins-scheduler",
            ("scheduling.x-k8s.io", "v1alpha1"),
        ),
        ("yunikorn", "yunikorn", None),
        ("kai-scheduler", "kai-scheduler", None),
    ],
)
def test_it_hands_pods_to_a_batch_scheduler(
    deployed: Deployed,
    configured: Configure,
    clean: None,
    scheduler: str,
    of_pod: str,
    definition: tuple[str, str] | None,
) -> None:
    if definition:
        deployed.kube.apply(stand_in(*definition, "PodGroup", subresources={"status": {}}))
    try:
        kube = configured({"global.ray.operator.batchScheduler": scheduler})
        make_cluster(kube, "red", "gang", **{"ray.io/gang-scheduling-enabled": "true"})
        pod = eventually(lambda: head(kube, "red", "gang"), 60, "a head")
        assert pod["spec"]["schedulerName"] == of_pod
        if definition:
            groups = f"podgroups.{definition[0]}"
            eventually(lambda: kube.list(groups, "red"), 60, "a pod group")
        assert "forbidden" not in log(kube)
    finally:
        configured({})
        if definition:
            deployed.kube.run("delete", "crd", f"podgroups.{definition[0]}")


def test_the_second_operator_takes_over(configured: Configure, clean: None) -> None:
    kube = configured({"replicas": 2})

    def leader() -> str | None:
        lease = kube.find("lease", "ray-operator-leader", NAMESPACE)
        assert lease
        name = str(lease["spec"]["holderIdentity"]).partition("_")[0]
        # The lease of one that is gone, by the upgrade before this, has to run out first.
        return name if kube.find("pod", name, NAMESPACE) else None

    first = eventually(leader, 90, "a leader")
    kube.run("delete", "pod", first, "--grace-period=0", "--force", namespace=NAMESPACE)
    eventually(lambda: leader() not in {first, None}, 90, "another leader")
    make_cluster(kube, "red", "led")
    eventually(lambda: head(kube, "red", "led"), 60, "a head, by the other operator")


def test_clusters_get_what_the_configuration_says(configured: Configure, clean: None) -> None:
    kube = configured({})
    make_cluster(kube, "red", "before")
    pod = eventually(lambda: head(kube, "red", "before"), 60, "a head")
    image = str(images.reference("ray"))
    configured(
        {
            "rayPods.env": {"GREETING": "hello"},
            "rayPods.headSidecars": {"log": {"image": image, "args": ["sleep", "600"]}},
        }
    )
    make_cluster(kube, "red", "after")
    given = eventually(lambda: head(kube, "red", "after"), 60, "a head")["spec"]["containers"]
    assert {"name": "GREETING", "value": "hello"} in given[0]["env"]
    assert [container["name"] for container in given] == ["ray-head", "log"]
    assert given[1]["securityContext"]["readOnlyRootFilesystem"] is True
    # what ran before is as it was
    (same,) = kube.list("pods", "red", "ray.io/cluster=before")
    assert identities([same]).keys() == identities([pod]).keys()


def test_viewers_see_and_editors_manage(configured: Configure) -> None:
    kube = configured({})
    for role in ("view", "edit"):
        name = f"rolebinding/{role}"
        kube.run(
            "create", *name.split("/"), f"--clusterrole={role}", f"--user={role}er", "-n", "red"
        )

    def may(user: str, verb: str) -> bool:
        words = ("auth", "can-i", verb, "rayjobs.ray.io", f"--as={user}")
        command = kube.command(*words, namespace="red")
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    assert may("viewer", "list")
    assert not may("viewer", "create")
    assert may("editer", "list")
    assert may("editer", "create")
    assert may("editer", "deletecollection")
