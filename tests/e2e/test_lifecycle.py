"""Every scenario of every chart: installed as it was, upgraded, tested, rolled back, uninstalled.

It is installed from the charts as they were before they were last changed. What is there in the
end was there in the beginning, or is kept on purpose. Some 25 minutes.
"""

from __future__ import annotations

import json
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from support import Deployed, eventually, make, pods, shared_claim, stand_in
from upstream import Helm

from charts.places import APPLICATIONS, CHARTS, CLUSTERS, scenarios
from deploy.environments import environment
from lib.errors import UserError
from lib.kube import Kube, namespace_object
from lib.paths import ROOT, tool
from lib.shell import run

pytestmark = pytest.mark.full

Values = dict[str, Any]
NAME = "life"

#: Charts that a cluster has once, under names of their own, and the tests that show their life.
ONCE = {
    "ray-crds": "its definitions are the platform's: test_platform.py, test_operator_upgrade.py",
}

#: What cannot be tried by `helm test` on the local node, and why.
UNTRIED = {
    ("ray-cluster", "fault-tolerant"): "a Redis of somebody's",
    ("ray-cluster", "guarded"): "certificates by cert-manager, a queue of Volcano",
    ("ray-cluster", "pods"): "images of example.com",
    ("ray-cluster", "privileged"): "a privileged namespace, a path of the node",
    ("ray-cluster", "restricted"): "images of example.com, GPUs, a queue of Kueue",
    ("ray-cluster", "shaped"): "an image of example.com",
    ("ray-job", "training"): "a program that is not in the image",
    ("ray-service", "several"): "a Redis of somebody's",
    ("ray-storage", "azure-blob"): "a cloud's driver",
    ("ray-storage", "azure-files"): "a cloud's driver",
    ("ray-storage", "efs"): "a cloud's driver",
    ("ray-storage", "fsx-lustre"): "a cloud's driver",
    ("ray-storage", "nfs"): "a server",
    ("ray-storage", "s3"): "a cloud's driver",
    ("ray-team", "plain"): "a token that others have made",
    ("ray-team", "restricted"): "an egress to another cluster's API server alone",
    ("ray-monitoring", "azure"): "an image of Grafana",
    ("ray-monitoring", "everything"): "images of Grafana and Alertmanager, others' Secrets",
    ("ray-operator", "configured"): "would act beside the platform's: test_operator.py",
    ("ray-operator", "default"): "would act beside the platform's: test_faults.py",
    ("ray-operator", "namespaced"): "nodes for the platform alone, three of them",
    ("ray-operator", "plain"): "would act beside the platform's: test_operator.py",
    ("ray-platform", "default"): "would act beside the platform's: test_platform.py",
    ("mlflow", "available"): "a database and a cloud's storage",
    ("mlflow", "blob"): "a cloud's storage",
    ("mlflow", "shared-volume"): "a database",
}

#: Those that say something else than the local environment, or need more than it has.
ELSEWHERE = {
    ("ray-job", "training"),
    *(
        ("ray-storage", name)
        for name in scenarios("ray-storage")
        if name not in {"default", "local"}
    ),
}

#: An operator of which no pod comes to be, so that it does not act beside the one that is there.
NOWHERE: Values = {
    "nodeSelector": {"rayworks.io/none": "none"},
    "uninstallGuard": {"enabled": False},
}
#: On top of a scenario, so that it fits beside the platform that is there.
BESIDE: dict[tuple[str, str], Values] = {
    ("ray-operator", "configured"): NOWHERE,
    ("ray-operator", "default"): NOWHERE,
    ("ray-operator", "plain"): NOWHERE,
    # its guard would wait for a node as the operator does
    ("ray-operator", "namespaced"): {"uninstallGuard": {"enabled": False}},
    ("ray-operator", "own-namespace"): {"watchNamespaces": ["life-ray-operator-own-namespace"]},
    # instead of the platform's own namespace
    ("ray-monitoring", "everything"): {"monitors": {"namespaces": ["life-monitored"]}},
    ("ray-platform", "default"): {"components": {"crds": False}, "ray-operator": NOWHERE},
}

#: What a scenario finds in the cluster that it is for.
GIVEN: dict[tuple[str, str], Values] = {
    ("ray-storage", "azure-blob"): {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "azureblob-fuse-premium"},
        "provisioner": "blob.csi.azure.com",
    },
}

#: A cluster that a scenario finds in its namespace: a head that runs tasks itself.
STANDING: dict[tuple[str, str], tuple[str, Values]] = {
    ("ray-job", "existing-cluster"): (
        "standing",
        {"head": {"rayStartParams": {"num-cpus": 1}}, "workers": {"default": {"enabled": False}}},
    ),
}

#: Secrets that hooks make once, and that stay, as the notes of ray-team and mlflow say.
STAY = {("Secret", "ray-token"), ("Secret", f"{NAME}-mlflow-admin")}

#: Kinds that Kubernetes makes of others, or as it likes.
MADE = {"Event", "Lease", "IPAddress", "NodeMetrics", "PodMetrics", "ComponentStatus"}
EVERYWHERE = {("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")}


class Found(NamedTuple):
    """An object, and what tells why it may stay."""

    api: str
    kind: str
    namespace: str
    name: str
    release: str
    policy: str
    reclaim: str
    claimed_in: str
    claimed_by: str


COLUMNS = (
    ".apiVersion",
    ".kind",
    ".metadata.namespace",
    ".metadata.name",
    r".metadata.annotations.meta\.helm\.sh/release-namespace",
    r".metadata.annotations.helm\.sh/resource-policy",
    ".spec.persistentVolumeReclaimPolicy",
    ".spec.claimRef.namespace",
    ".spec.claimRef.name",
)


def snapshot(kube: Kube, ours: set[str]) -> set[Found]:
    """All objects of all kinds, but for those that others have or that Kubernetes makes itself."""
    columns = ",".join(f"C{number}:{path}" for number, path in enumerate(COLUMNS))

    def listed() -> str | None:
        kinds = kube.run("api-resources", "--verbs=list", "-o", "name").split()
        words = ("get", ",".join(kinds), "-A", "-o", f"custom-columns={columns}", "--no-headers")
        try:
            return kube.run(*words)
        except UserError:  # a kind that somebody takes away meanwhile
            return None

    rows = [Found(*line.split()) for line in eventually(listed, 60, "a list").splitlines()]

    def counts(one: Found) -> bool:
        if one.kind in MADE or (one.kind, one.name) in EVERYWHERE:
            return False
        if one.kind == "Namespace":
            return one.name in ours
        return {one.namespace, one.release, one.claimed_in} - {"<none>"} <= ours

    return {one for one in rows if counts(one)}


def stays(one: Found, among: set[Found]) -> bool:
    """Whether an object is to outlive the release."""
    if one.kind == "PersistentVolume":
        claims = {(of.namespace, of.name) for of in among if of.kind == "PersistentVolumeClaim"}
        return one.reclaim == "Retain" or (one.claimed_in, one.claimed_by) in claims
    return one.policy == "keep" or (one.kind, one.name) in STAY


@pytest.fixture(scope="module")
def kube(deployed: Deployed) -> Kube:
    """The cluster, with room on a small machine."""
    assert make("remove", "WORKLOAD=fashion-mnist").returncode == 0
    return deployed.kube


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The charts as they were before their last change."""
    folder = tmp_path_factory.mktemp("before")

    def git(*words: str) -> bytes:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=True).stdout

    last = git("rev-list", "-1", "HEAD", "--", "charts").decode().strip()
    with tarfile.open(fileobj=BytesIO(git("archive", f"{last}~1", "charts"))) as archive:
        archive.extractall(folder, filter="tar")
    return folder / "charts"


class Life:
    """A release of a scenario, and what it needs around it."""

    def __init__(self, kube: Kube, chart: str, scenario: str, folder: Path) -> None:
        self.kube = kube
        self.chart = chart
        self.scenario = scenario
        self.space = f"life-{chart}-{scenario}"
        self.helm = Helm(kube.kubeconfig)
        # where the scenario itself says nothing else
        around = folder / "around.yaml"
        own = {"namespace": self.space}
        around.write_text(json.dumps({"global": {"ray": {"operator": own, "monitoring": own}}}))
        platform = chart in {"ray-operator", "ray-monitoring", "ray-platform"}
        local = [] if (chart, scenario) in ELSEWHERE else environment("local").values()
        self.under = [*local, *([around] if platform else [])]
        self.over = folder / "beside.yaml"
        self.over.write_text(json.dumps(BESIDE.get((chart, scenario), {})))

    def words(self, charts: Path) -> list[str]:
        """Name, chart and values of the release, from one of two folders of charts."""
        files = [*self.under, charts / self.chart / "ci" / f"{self.scenario}.yaml", self.over]
        values = [word for path in files for word in ("-f", str(path))]
        return [NAME, str(charts / self.chart), "-n", self.space, *values]

    def stands(self, name: str, values: Values) -> None:
        """Make a cluster in the namespace, which goes with it, and wait until it takes jobs."""
        words = [name, str(CHARTS / "ray-cluster"), "-n", self.space, "--set-json"]
        files = [word for path in environment("local").values() for word in ("-f", str(path))]
        settings = ",".join(f"{key}={json.dumps(value)}" for key, value in values.items())
        self.helm("install", *words, settings, *files)
        eventually(lambda: pods(self.kube, self.space, "head"), 240, f"cluster {name}")

    def rendered(self, charts: Path) -> list[Values]:
        """What it consists of."""
        text = run([tool("helm"), "template", *self.words(charts)]).stdout
        environment("local").provide(text, print)
        return [one for one in yaml.safe_load_all(text) if one]


def create(kube: Kube, *objects: Values) -> Iterator[tuple[str, ...]]:
    """Make what is not there yet; kind and name of each, once it is made.

    What is there is somebody else's: it is refused by the API server, and not taken away later.
    """
    for one in objects:
        kube.run("create", "-f", "-", input_text=json.dumps(one))
        yield one["kind"], one["metadata"]["name"]


@contextmanager
def stand_ins(kube: Kube, objects: list[Values]) -> Iterator[None]:
    """Definitions, which take anything, of the kinds that this cluster does not know."""
    known = {
        tuple(line.split()[-3::2])
        for line in kube.run("api-resources", "--no-headers").splitlines()
    }
    unknown = {(one["apiVersion"], one["kind"]) for one in objects} - known
    made = []
    for version, kind in sorted(unknown):
        group, _, name = version.partition("/")
        scope = "Cluster" if kind in {"ClusterQueue", "ResourceFlavor"} else "Namespaced"
        made.append(stand_in(group, name, kind, scope=scope))
    names: list[str] = []
    try:
        names.extend(name for _, name in create(kube, *made))
        if names:
            kube.run("wait", "crd", *names, "--for=condition=Established", "--timeout=30s")
        yield
    finally:
        if names:
            kube.run("delete", "crd", *names, "--ignore-not-found", timeout=120)


@contextmanager
def places(kube: Kube, life: Life, others: list[str]) -> Iterator[None]:
    """Namespaces of these tests' own; the release's has the claim of the local environment."""
    given = GIVEN.get((life.chart, life.scenario))
    wanted = [namespace_object(name) for name in (life.space, *others)]
    made: list[tuple[str, ...]] = []
    try:
        made.extend(create(kube, *wanted, *([given] if given else [])))
        if life.chart in CLUSTERS:
            kube.apply(shared_claim(life.space))
        if found := STANDING.get((life.chart, life.scenario)):
            life.stands(*found)
        yield
    finally:
        for kind, name in made:
            kube.run("delete", kind, name, "--ignore-not-found", timeout=300)


def spaces(life: Life, objects: list[Values]) -> tuple[set[str], set[str]]:
    """The namespaces that objects go to: all of them, and those that they bring themselves."""
    brought = {one["metadata"]["name"] for one in objects if one["kind"] == "Namespace"}
    named = {one["metadata"].get("namespace", life.space) for one in objects}
    return named | brought | {life.space}, brought


@pytest.mark.parametrize(
    ("chart", "scenario"),
    [(chart, name) for chart in APPLICATIONS if chart not in ONCE for name in scenarios(chart)],
)
def test_it_comes_changes_and_goes(
    kube: Kube, before: Path, tmp_path: Path, chart: str, scenario: str
) -> None:
    life = Life(kube, chart, scenario, tmp_path)
    helm, where = life.helm, ("-n", life.space)
    old = before if (before / chart / "ci" / f"{scenario}.yaml").exists() else CHARTS
    objects = life.rendered(old) + life.rendered(CHARTS)
    ours, brought = spaces(life, objects)
    others = sorted(ours - brought - {life.space})
    there = {one["metadata"]["name"] for one in kube.list("namespaces")}
    assert there.isdisjoint(ours), f"not this test's own: {sorted(there & ours)}"
    with places(kube, life, others), stand_ins(kube, objects):
        start = snapshot(kube, ours)
        left: set[Found] = set()
        try:
            helm("install", *life.words(old))
            helm("upgrade", *life.words(CHARTS), "--force-conflicts")
            if (chart, scenario) not in UNTRIED:
                helm("test", NAME, *where, "--timeout", "8m")
            helm("rollback", NAME, "1", *where, "--force-conflicts")
            helm("uninstall", NAME, *where, "--wait", "--timeout", "5m")

            def gone() -> bool:
                nonlocal left
                left = snapshot(kube, ours) - start
                return all(stays(one, left | start) for one in left)

            with suppress(pytest.fail.Exception):
                eventually(gone, 60, "nothing is left")
            assert {one for one in left if not stays(one, left | start)} == set()
            assert {one for one in start if one.namespace in ours} <= snapshot(kube, ours)
        finally:
            helm("uninstall", NAME, *where, "--ignore-not-found", "--no-hooks", check=False)
            if brought:
                kube.run("delete", "namespace", *brought, "--ignore-not-found", timeout=300)
            # volumes that are retained, also where something went wrong on the way
            for one in kube.list("pv"):
                if one["spec"].get("claimRef", {}).get("namespace") in ours:
                    kube.run("delete", "pv", one["metadata"]["name"], "--wait=false")


def test_the_tables_name_scenarios_that_there_are() -> None:
    known = {(chart, name) for chart in APPLICATIONS for name in scenarios(chart)}
    assert UNTRIED.keys() | BESIDE.keys() | GIVEN.keys() | STANDING.keys() | ELSEWHERE <= known
