"""Upgrades of what runs, with every tool that there is: no pod goes that need not; 5 minutes.

Each pair of a tool and of a kind of release is installed once, and upgraded in the order of this
file. Its pods find no node: what Helm and the operator make of the objects is seen without them.
What else writes to the objects while they run is written here in its place.
"""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import NO_STORAGE, Deployed, eventually
from upstream import Pods, identities

from charts.places import CHARTS
from deploy.environments import environment
from deploy.workloads import merge
from lib.kube import Kube, Object, namespace_object
from lib.paths import tool
from lib.shell import run
from tools import build
from tools.catalogue import Tool

pytestmark = pytest.mark.full

HELM3 = Tool(
    name="helm-3.22.0",
    module="helm.sh/helm/v3",
    groups=(),
    binaries={"helm": ("version", "--short")},
    stamps={"helm.sh/helm/v3/internal/version.version": "v{version}"},
    home=Path(__file__).parent,
)
TOOLS = ("helm-3", "helm-4", "helm-4-client", "kubectl")

Values = dict[str, Any]
BASE: Values = merge(
    NO_STORAGE,
    {
        "pods": {"nodeSelector": {"rayworks.io/none": "none"}},
        "workers": {"first": {"order": 0, "replicas": 1}},
    },
)
#: The chart and the values of each kind of release; a Ray cluster of each has a head and a worker.
KINDS: dict[str, tuple[str, Values]] = {
    "autoscaled": (
        "ray-cluster",
        {
            "autoscaling": {"enabled": True},
            "workers": {"first": {"minReplicas": 0, "maxReplicas": 9}},
        },
    ),
    "tolerant": (
        "ray-cluster",
        {
            "gcsFaultTolerance": {
                "enabled": True,
                "redis": {"address": "redis:6379"},
                # it is not there to be cleaned up
                "deletionTimeoutSeconds": 1,
            }
        },
    ),
    "recreated": ("ray-cluster", {"upgradeStrategy": "Recreate"}),
    "job": ("ray-job", {}),
    "service": (
        "ray-service",
        {"serveConfig": {"applications": {"hello": {"import_path": "hello:app"}}}},
    ),
}
RESOURCES = {"ray-cluster": "rayclusters", "ray-job": "rayjobs", "ray-service": "rayservices"}
VERSION = "99.0.0"


@dataclass
class Running:
    """A release, the tool that made it, and the values that it has now."""

    kube: Kube
    tool: str
    kind: str
    values: Values = field(default_factory=dict)
    scaled: Values = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chart, own = KINDS[self.kind]
        self.space = f"upgrades-{self.tool}-{self.kind}"
        self.values = merge(BASE, own)

    def upgrade(self, change: Values | None = None, charts: Path = CHARTS) -> str:
        """Install or upgrade, as the charts' texts say; what is printed."""
        self.values = merge(self.values, change or {})
        files = [word for path in environment("local").values() for word in ("-f", str(path))]
        words = [self.kind, str(charts / self.chart), "-n", self.space, *files, "-f", "-"]
        commands = {
            "helm-3": [f"{HELM3.entry}/bin/helm", "upgrade", "--install"],
            "helm-4": [tool("helm"), "upgrade", "--install", "--force-conflicts"],
            "helm-4-client": [tool("helm"), "upgrade", "--install", "--server-side=false"],
            "kubectl": [
                tool("helm"),
                "template",
                "--dry-run=server",
                "--take-ownership",
                "--no-hooks",
            ],
        }
        said = run(
            [*commands[self.tool], *words],
            env={"KUBECONFIG": str(self.kube.kubeconfig)},
            input_text=json.dumps(self.values),
            timeout=120,
        ).stdout
        if self.tool == "kubectl":
            apply = ("apply", "--server-side", "--force-conflicts", "-f", "-")
            self.kube.run(*apply, namespace=self.space, input_text=said)
        return said

    def objects(self) -> list[Object]:
        """The custom resources that the chart makes."""
        return self.kube.list(RESOURCES[self.chart], self.space)

    def object(self) -> Object:
        """The only one."""
        (found,) = self.objects()
        return found

    def clusters(self) -> list[Object]:
        """All Ray clusters, its own or the operator's."""
        return self.kube.list("rayclusters", self.space)

    def pods(self) -> Pods:
        """Identities of the pods that stay."""
        found = self.kube.list("pods", self.space)
        return identities([one for one in found if "deletionTimestamp" not in one["metadata"]])

    def becomes(self, pods: int) -> Pods:
        """The pods once there are so many, and no cluster has fewer than it asks for."""
        eventually(lambda: len(self.pods()) == pods, 60, f"{pods} pods of {self.space}")
        return self.pods()

    def replaces(self, before: Pods, pods: int) -> None:
        """All pods are made anew, and there are so many then."""

        def renewed() -> bool:
            now = self.pods()
            return len(now) == pods and now.keys().isdisjoint(before)

        eventually(renewed, 60, f"{pods} other pods of {self.space}")

    def looked_at(self) -> None:
        """The operator has seen each cluster as it is now: it makes again what is missing there.

        The generation that it says it has observed lags behind while its other words are the same.
        """
        for one in self.clusters():
            name = f"{one['metadata']['name']}-head-svc"
            self.kube.run("delete", "service", name, namespace=self.space)
            eventually(lambda: self.kube.find("service", name, self.space), 60, name)  # noqa: B023

    def keeps_the_autoscalers_numbers(self) -> None:
        """What the autoscaler has written to its group is still there."""
        if self.scaled:
            group = self.object()["spec"]["workerGroupSpecs"][0]
            assert {key: group[key] for key in self.scaled} == self.scaled


def other(running: Running, before: list[Object]) -> None:
    """The job runs anew under another name, beside those that only kubectl leaves there."""
    kept = {one["metadata"]["uid"] for one in before} if running.tool == "kubectl" else set()
    now = {one["metadata"]["uid"]: one["metadata"]["name"] for one in running.objects()}
    assert len(now) == len(kept) + 1
    assert kept <= now.keys()
    names = {one["metadata"]["name"] for one in before}
    assert [name for name in now.values() if name not in names]


@pytest.fixture(scope="module", params=product(TOOLS, KINDS), ids=" ".join)
def running(deployed: Deployed, request: pytest.FixtureRequest) -> Iterator[Running]:
    """A release of each kind by each tool, with what others have written to it."""
    kube = deployed.kube
    if request.param[0] == "helm-3":
        build.made(HELM3)
    found = Running(kube, *request.param)
    kube.apply(namespace_object(found.space))
    try:
        found.upgrade()
        found.becomes(2)
        if found.kind == "autoscaled":
            autoscaler(found)
        if found.kind == "service":
            serving(found)
        yield found
    finally:
        kinds = ",".join(RESOURCES.values())
        kube.run("delete", kinds, "--all", namespace=found.space, timeout=120)
        kube.run("delete", "namespace", found.space, timeout=120)


def autoscaler(running: Running) -> None:
    """Write as the autoscaler does: up by two workers, and one of them down again."""

    def write(**fields: Any) -> None:
        group = "/spec/workerGroupSpecs/0"
        paths = {"replicas": "replicas", "workersToDelete": "scaleStrategy/workersToDelete"}
        operations = [
            {"op": "replace", "path": f"{group}/{paths[name]}", "value": value}
            for name, value in fields.items()
        ]
        words = ("patch", "raycluster", running.kind, "--type=json", "--field-manager=autoscaler")
        running.kube.run(*words, "-p", json.dumps(operations), namespace=running.space)

    write(replicas=3)
    before = running.becomes(4)
    gone = sorted(name for name in before if "-first-" in name)[0]
    write(replicas=2, workersToDelete=[gone])
    assert running.becomes(3).keys() == before.keys() - {gone}
    running.scaled = {"replicas": 2, "scaleStrategy": {"workersToDelete": [gone]}}


def serving(running: Running) -> None:
    """Write what the operator writes when all applications of the cluster run."""
    (cluster,) = running.clusters()
    status = {
        "activeServiceStatus": {"rayClusterName": cluster["metadata"]["name"]},
        "pendingServiceStatus": {"rayClusterName": ""},
    }
    words = ("patch", "rayservice", running.kind, "--subresource=status", "--type=merge", "-p")
    running.kube.run(*words, json.dumps({"status": status}), namespace=running.space)


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The charts in another version."""
    folder = tmp_path_factory.mktemp("newer") / "charts"
    shutil.copytree(CHARTS, folder, symlinks=True)
    for chart in RESOURCES:
        path = folder / chart / "Chart.yaml"
        path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), "version": VERSION}))
    return folder


def test_another_version_of_the_chart_changes_nothing(running: Running, newer: Path) -> None:
    before, pods = running.object(), running.pods()
    running.upgrade(charts=newer)
    after = running.object()
    assert after["metadata"]["labels"]["helm.sh/chart"].endswith(VERSION)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    # nothing for the operator to do
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    running.looked_at()
    assert running.pods() == pods
    running.keeps_the_autoscalers_numbers()


# To a service's cluster it is a change as the image is, below.
@pytest.mark.parametrize(
    "running",
    [(tool, kind) for tool, kind in product(TOOLS, KINDS) if kind != "service"],
    ids=" ".join,
    indirect=True,
)
def test_another_label_rolls_only_what_is_to_be_recreated(running: Running) -> None:
    before, pods = running.object(), running.pods()
    running.upgrade({"pods": {"podLabels": {"team": "blue"}}})
    after = running.object()
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["metadata"]["generation"] > before["metadata"]["generation"]
    if running.kind == "recreated":
        running.replaces(pods, len(pods))
    else:
        running.looked_at()
        assert running.pods() == pods
    running.keeps_the_autoscalers_numbers()


def test_more_replicas_come_beside_those_that_run(running: Running) -> None:
    before, pods = running.objects(), running.pods()
    said = running.upgrade({"workers": {"first": {"replicas": 4}}})
    if running.kind == "job":
        other(running, before)
    elif running.kind == "autoscaled":
        running.looked_at()
        assert running.pods() == pods
    else:
        if running.kind == "service" and running.tool != "kubectl":
            # by the command that the notes give
            _, _, patch = said.partition(" patch raycluster ")
            words = shlex.split(patch.partition("\n")[0])
            running.kube.run("patch", "raycluster", *words, namespace=running.space)
        if (running.kind, running.tool) != ("service", "kubectl"):
            assert running.becomes(5).items() > pods.items()
        assert running.pods().items() >= pods.items()
    running.keeps_the_autoscalers_numbers()


def test_another_group_leaves_the_first_one_alone(running: Running) -> None:
    before, pods, clusters = running.objects(), running.pods(), running.clusters()
    running.upgrade({"workers": {"second": {"order": 1, "replicas": 1, "maxReplicas": 1}}})
    if running.kind == "job":
        other(running, before)
        return
    if running.kind == "recreated":
        running.replaces(pods, len(pods) + 1)
        return
    # a service that kubectl has changed takes its other workers only now
    after = running.becomes(6 if running.kind == "service" else len(pods) + 1)
    assert after.items() > pods.items()
    assert [name for name in after.keys() - pods.keys() if "-second-" in name]
    assert len(running.clusters()) == len(clusters) == 1
    running.keeps_the_autoscalers_numbers()


def test_another_image_does_what_the_chart_says(running: Running) -> None:
    before, pods, clusters = running.objects(), running.pods(), running.clusters()
    image = {"repository": "other/ray", "tag": "2"}
    said = running.upgrade({"image": image, "env": {"OTHER": "1"}})
    if running.kind == "job":
        other(running, before)
    elif running.kind == "service":
        # one that is prepared beside the one that serves
        after = running.becomes(2 * len(pods))
        assert after.items() > pods.items()
        assert len(running.clusters()) == 2
        status = running.object()["status"]
        (old,) = clusters
        assert status["activeServiceStatus"]["rayClusterName"] == old["metadata"]["name"]
        assert status["pendingServiceStatus"]["rayClusterName"]
    elif running.kind == "recreated":
        running.replaces(pods, len(pods))
    else:
        running.looked_at()
        assert running.pods() == pods
        if running.tool != "kubectl":
            _, _, stale = said.partition("Not applied yet:\n")
            assert all(f"  {name}: runs " in stale for name in pods), said
    running.keeps_the_autoscalers_numbers()
