"""docs/migration.md, command by command, from KubeRay's own charts with a cluster that runs.

The objects are those that the charts of KubeRay 1.5.1 make (`upstream.py`); commands and values are
taken from the text.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from support import Deployed, eventually
from upstream import (
    DEFINITIONS,
    OPERATOR,
    Helm,
    cluster_chart,
    identities,
    operator_chart,
    operator_image,
    without_platform,
)

from deploy.environments import environment
from deploy.platform import NAMESPACE, Platform
from deploy.workloads import merge
from lib.kube import Kube, condition
from lib.paths import ROOT, TOOLS_BIN
from local import images

pytestmark = pytest.mark.full

TEXT = (ROOT / "docs" / "migration.md").read_text()
CLUSTER = "raycluster-kuberay"
SPACE = "team"


def section(title: str) -> str:
    """A section of the text."""
    _, _, rest = TEXT.partition(f"## {title}\n")
    assert rest
    return rest.partition("\n## ")[0]


def blocks(text: str, language: str) -> list[str]:
    """The blocks of one language in a text."""
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


class Reader:
    """Somebody who does what the text says, in a folder with the charts and the values."""

    def __init__(self, folder: Path, kubeconfig: Path) -> None:
        self.folder = folder
        self.env = {
            **os.environ,
            "PATH": f"{TOOLS_BIN}:{os.environ['PATH']}",
            "KUBECONFIG": str(kubeconfig),
        }
        (folder / "charts").symlink_to(ROOT / "charts")
        values: dict[str, object] = {}
        for path in environment("local").values():
            values = merge(values, yaml.safe_load(path.read_text()))
        values = merge(values, {"global": {"ray": {"storage": {"claim": ""}}}})
        (folder / "environment.yaml").write_text(yaml.safe_dump(values))

    def does(self, commands: str) -> None:
        """Run the lines of a block; each must succeed."""
        done = subprocess.run(
            ["bash", "-euxc", commands], cwd=self.folder, env=self.env, timeout=600,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        print(done.stdout)
        assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def upstream(deployed: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """KubeRay by its own charts in place of the platform; the folder of the charts."""
    kube, platform = deployed.kube, Platform(environment("local"))
    helm = Helm(kube.kubeconfig)
    without_platform(kube, platform)
    folder = tmp_path_factory.mktemp("upstream")
    try:
        chart = operator_chart(folder, operator_image())
        helm("install", OPERATOR, str(chart), "-n", "kuberay", "--create-namespace")
        kube.run("rollout", "status", f"deployment/{OPERATOR}", namespace="kuberay", timeout=180)
        cluster_chart(folder, str(images.reference("ray")))
        yield folder
    finally:
        kube.run("delete", "rayclusters", "--all", "-n", SPACE, "--wait=false", check=False)
        helm("uninstall", OPERATOR, "-n", "kuberay", "--ignore-not-found")
        if f"{NAMESPACE}/ray-crds" not in helm.releases():  # the text has not come so far
            kube.run("delete", "crd", *DEFINITIONS, "--ignore-not-found", timeout=120)
        platform.action(print)
        kube.run("delete", "namespace", SPACE, "kuberay", "--ignore-not-found", timeout=300)


@pytest.fixture(scope="module")
def reader(deployed: Deployed, upstream: Path, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Who follows the text."""
    return Reader(tmp_path_factory.mktemp("reader"), deployed.kube.kubeconfig)


def ready(kube: Kube, name: str) -> bool:
    """Whether a cluster is ready, with a head and a worker."""
    cluster = kube.find("raycluster", name, SPACE) or {}
    pods = kube.list("pods", SPACE, f"ray.io/cluster={name}")
    up = [p for p in pods if condition(p, "Ready") and "deletionTimestamp" not in p["metadata"]]
    return cluster.get("status", {}).get("state") == "ready" and len(up) == len(pods) == 2


def seen(kube: Kube) -> int:
    """The generation of the cluster that the operator has seen."""
    cluster = kube.find("raycluster", CLUSTER, SPACE)
    assert cluster
    return int(cluster["status"]["observedGeneration"])


def install(deployed: Deployed, upstream: Path) -> None:
    """The release raycluster, by KubeRay's own chart, until its pods run."""
    helm = Helm(deployed.kube.kubeconfig)
    chart = str(upstream / "ray-cluster")
    helm("install", "raycluster", chart, "-n", SPACE, "--create-namespace")
    eventually(lambda: ready(deployed.kube, CLUSTER), 300, "the old cluster")


def test_definitions_operator_and_cluster_change_hands_and_no_pod_ends(
    deployed: Deployed, upstream: Path, reader: Reader
) -> None:
    kube, helm = deployed.kube, Helm(deployed.kube.kubeconfig)
    install(deployed, upstream)
    before = identities(kube.list("pods", SPACE))
    uid = (kube.find("raycluster", CLUSTER, SPACE) or {})["metadata"]["uid"]

    for title in ("The definitions", "The operator"):
        (commands,) = blocks(section(title), "sh")
        reader.does(commands)
    for name in DEFINITIONS:
        found = kube.find("crd", name)
        assert found
        assert found["metadata"]["annotations"]["meta.helm.sh/release-name"] == "ray-crds"
    assert identities(kube.list("pods", SPACE)) == before

    text = section("A cluster, in its place")
    (values,) = blocks(text, "yaml")
    (reader.folder / "cluster.yaml").write_text(values)
    take_over, roll = blocks(text, "sh")
    reader.does(take_over)
    assert f"{SPACE}/raycluster" not in helm.releases()
    found = kube.find("raycluster", CLUSTER, SPACE)
    assert found
    assert found["metadata"]["uid"] == uid
    assert found["metadata"]["annotations"]["meta.helm.sh/release-name"] == CLUSTER
    eventually(lambda: seen(kube) >= found["metadata"]["generation"], 60, "it is looked at")
    assert identities(kube.list("pods", SPACE)) == before

    reader.does(roll)
    eventually(lambda: ready(kube, CLUSTER), 300, "the new pods")
    pods = kube.list("pods", SPACE, f"ray.io/cluster={CLUSTER}")
    assert identities(pods).keys().isdisjoint(before)
    assert {p["metadata"]["labels"]["app.kubernetes.io/part-of"] for p in pods} == {"rayworks"}
    helm("test", CLUSTER, "-n", SPACE)
    level = "pod-security.kubernetes.io/enforce=restricted"
    command = kube.command("label", "namespace", SPACE, level, "--dry-run=server")
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "violate" not in done.stderr
    helm("uninstall", CLUSTER, "-n", SPACE)
    eventually(lambda: not kube.list("pods", SPACE), 120, "the cluster is gone")


def test_a_cluster_moves_to_one_beside_it(
    deployed: Deployed, upstream: Path, reader: Reader
) -> None:
    kube = deployed.kube
    install(deployed, upstream)
    (commands,) = blocks(section("A cluster, beside its old one"), "sh")
    beside, away = commands.strip().splitlines()
    reader.does(beside)
    eventually(lambda: ready(kube, "ray"), 300, "the new cluster")
    assert ready(kube, CLUSTER)
    reader.does(away)
    eventually(lambda: not kube.find("raycluster", CLUSTER, SPACE), 120, "the old one is gone")
    assert ready(kube, "ray")
    assert NAMESPACE in {name.partition("/")[0] for name in Helm(kube.kubeconfig).releases()}
