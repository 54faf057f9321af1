"""The operator in its scopes, with each batch scheduler, elected, and with what it gives to pods.

What is asked of the operator is that it makes pods; none of them has to run.
"""

from __future__ import annotations

import datetime
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import NO_STORAGE, Deployed, eventually, installed, release, stand_in
from upstream import Helm, cluster_spec, identities

from deploy.environments import environment
from deploy.helm import Release
from deploy.platform import NAMESPACE, OPERATOR, Platform
from deploy.workloads import merge
from lib.kube import Kube
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


#: Groups and versions of their PodGroups.
VOLCANO = ("scheduling.volcano.sh", "v1beta1")
PLUGINS = ("scheduling.x-k8s.io", "v1alpha1")


@pytest.mark.parametrize(
    ("scheduler", "of_pod", "queue", "labels", "definition"),
    [
        (
            "volcano",
            "volcano",
            {"name": "team", "priorityClass": "high"},
            {"volcano.sh/queue-name": "team"},
            VOLCANO,
        ),
        (
            "scheduler-plugins",
            "scheduler-plugins-scheduler",
            {"gang": True},
            {"scheduling.x-k8s.io/pod-group": "queued"},
            PLUGINS,
        ),
        (
            "yunikorn",
            "yunikorn",
            {"name": "team", "gang": True},
            {"queue": "team", "applicationId": "queued"},
            None,
        ),
        ("kai-scheduler", "kai-scheduler", {"name": "team"}, {"kai.scheduler/queue": "team"}, None),
    ],
)
def test_it_hands_pods_to_a_batch_scheduler_as_the_values_of_a_cluster_say(
    deployed: Deployed,
    configured: Configure,
    scheduler: str,
    of_pod: str,
    queue: dict[str, Any],
    labels: dict[str, str],
    definition: tuple[str, str] | None,
) -> None:
    space = "queued"
    values = {
        "global": {"ray": {"operator": {"batchScheduler": scheduler}}},
        "queue": {"scheduler": scheduler, **queue},
    }
    if definition:
        deployed.kube.apply(stand_in(*definition, "PodGroup", subresources={"status": {}}))
    try:
        kube = configured({"global.ray.operator.batchScheduler": scheduler})
        with installed(kube, "ray-cluster", space, values):
            eventually(lambda: len(kube.list("pods", space)) == 2, 60, "a head and a worker")
            found = kube.list("pods", space)
            for pod in found:
                assert pod["spec"]["schedulerName"] == of_pod
                assert labels.items() <= pod["metadata"]["labels"].items()
            if definition:
                (group,) = kube.list(f"podgroups.{definition[0]}", space)
                # the head and its worker together
                assert group["spec"]["minMember"] == 2
            if scheduler == "volcano":
                assert group["spec"]["queue"] == "team"
                assert group["spec"]["priorityClassName"] == "high"
                key = "scheduling.k8s.io/group-name"
                of = {pod["metadata"]["annotations"][key] for pod in found}
                assert of == {group["metadata"]["name"]}
            if scheduler == "yunikorn":
                groups = json.loads(
                    found[0]["metadata"]["annotations"]["yunikorn.apache.org/task-groups"]
                )
                assert [one["minMember"] for one in groups] == [1, 1]
        assert "forbidden" not in log(kube)
    finally:
        configured({})
        if definition:
            deployed.kube.run("delete", "crd", f"podgroups.{definition[0]}")


def test_its_own_schedule_is_on_time_and_never_twice(configured: Configure) -> None:
    gates = {"RayCronJob": True}
    kube = configured({"global.ray.operator.featureGates": gates})
    space = "cron"

    def values(*, suspend: bool) -> dict[str, Any]:
        schedule = {"cron": "* * * * *", "controller": "kuberay", "suspend": suspend}
        return {
            "global": {"ray": {"operator": {"featureGates": gates}}},
            # what is made is looked at, not run
            "pods": {"nodeSelector": {"rayworks.io/none": "none"}},
            "job": {"entrypoint": "true", "schedule": schedule},
        }

    key = "ray.io/cronjob-scheduled-timestamp"

    def runs() -> list[str]:
        return sorted(one["metadata"]["annotations"][key] for one in kube.list("rayjobs", space))

    def name(minute: str) -> str:
        """A run's name, by its minute: the API server refuses a second one."""
        return f"{schedule.name}-{int(datetime.datetime.fromisoformat(minute).timestamp()) // 60}"

    with installed(kube, "ray-job", space, values(suspend=False)) as schedule:
        eventually(lambda: len(runs()) >= 2, 150, "two runs")
        jobs = kube.list("rayjobs", space)
        assert [one["metadata"]["name"] for one in jobs] == [
            name(one["metadata"]["annotations"][key]) for one in jobs
        ]
        # One that is started already, of which the operator knows nothing, is not started again,
        # and the schedule goes on after it.
        early = jobs[-1]
        following = datetime.datetime.fromisoformat(runs()[-1]) + datetime.timedelta(minutes=1)
        minute = following.strftime("%Y-%m-%dT%H:%M:%SZ")
        kube.apply(
            {
                **{part: early[part] for part in ("apiVersion", "kind", "spec")},
                "metadata": {
                    "name": name(minute), "namespace": space, "annotations": {key: minute}
                },
            }
        )  # fmt: skip
        eventually(lambda: runs()[-1] > minute, 150, "a run after the one that was there")
        with tempfile.TemporaryDirectory() as folder:
            release(
                "ray-job", space, merge(NO_STORAGE, values(suspend=True)), Path(folder)
            ).upgrade()
        made = runs()
        minutes = [datetime.datetime.fromisoformat(one) for one in made]
        assert len(set(minutes)) == len(minutes), "a run twice"
        first = minutes[0]
        assert first.second == 0
        assert minutes == [first + datetime.timedelta(minutes=n) for n in range(len(minutes))]
        # past the next minute there is none
        time.sleep(65 - time.time() % 60)
        assert runs() == made
        assert schedule.installed()


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
