"""Clusters that somebody else made: what is looked at, what is copied, what is left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from cloud_world import World

from clouds import existing

# Each command of the fake world is a process of its own.
pytestmark = pytest.mark.slow

Make = Callable[[str], World]

IMAGES = ("--images", "ghcr.io/example/rayworks:1.2.3")


@pytest.fixture
def there(world: Make) -> World:
    """A cluster with a kubeconfig, and a file that describes it."""
    found = world("existing")
    content = found.read()
    content["kubeconfig"] = {
        "clusters": [{"cluster": {"server": "https://k8s.example.com"}}],
        "contexts": [{"name": "research"}],
    }
    found.write(content)
    (found.project / "mine.yaml").write_text("theirs\n")
    values = {"global": {"ray": {"storage": {"claim": "shared"}}}, "env": {"A": "b"}}
    (found.project / "values.yaml").write_text(yaml.safe_dump(values))
    return found


def config(there: World) -> tuple[str, ...]:
    return ("--kubeconfig", str(there.project / "mine.yaml"))


def test_platform_and_workload_on_a_cluster_that_is_there(there: World) -> None:
    values = there.project / "values.yaml"
    done = there.deploy(*config(there), *IMAGES, "--values", str(values))
    assert done.returncode == 0, done.stderr
    assert "research at https://k8s.example.com" in done.stdout
    # the user's own file is read, never written
    assert (there.project / "mine.yaml").read_text() == "theirs\n"
    # the `global` block describes the cluster; the rest is the workload's
    kept = yaml.safe_load((there.project / ".kube" / "existing" / "values.yaml").read_text())
    assert kept == {"global": {"ray": {"storage": {"claim": "shared"}}}}
    upgrades = there.calls("helm upgrade")
    assert [f"--values {values}" in line for line in upgrades] == [False, False, False, True]
    assert "PersistentVolumeClaim/hello/shared" in there.read()["objects"]
    # later commands need not say it again
    told = there.run("status")
    assert told.returncode == 0, told.stderr
    assert "SUCCEEDED" in told.stdout


def test_destroy_takes_away_what_was_installed_and_nothing_else(there: World) -> None:
    assert there.deploy(*config(there), *IMAGES).returncode == 0
    content = there.read()
    content["releases"].append(["team", "theirs", ""])
    theirs = {"kind": "Deployment", "metadata": {"name": "theirs", "namespace": "team"}}
    content["objects"]["Deployment/team/theirs"] = theirs
    there.write(content)
    done = there.run("destroy", "--yes")
    assert done.returncode == 0, done.stderr
    left = there.read()
    assert left["releases"] == [["team", "theirs", ""]]
    assert list(left["objects"]) == ["Deployment/team/theirs"]
    assert not (there.project / ".kube" / "existing.yaml").exists()
    assert (there.project / "mine.yaml").exists()


def test_a_namespace_that_was_there_before_stays(there: World) -> None:
    content = there.read()
    content["objects"]["Namespace//team"] = {
        "kind": "Namespace",
        "metadata": {"name": "team", "namespace": "", "labels": {"owner": "them"}},
    }
    there.write(content)
    assert there.deploy(*config(there), *IMAGES, "--namespace", "team").returncode == 0
    space = there.read()["objects"]["Namespace//team"]
    assert space["metadata"]["labels"] == {"owner": "them"}
    done = there.run("remove", "--workload", "hello", "--namespace", "team")
    assert done.returncode == 0, done.stderr
    assert "namespace team was there before" in done.stdout
    assert "Namespace//team" in there.read()["objects"]


def test_who_may_only_submit_needs_no_rights_to_install(there: World) -> None:
    content = there.read()
    there.write({**content, "denied": ["namespaces", "customresourcedefinitions"]})
    # before the command, to which all that follows belongs
    done = there.run("submit", "--cloud", "existing", *config(there), "--", "python", "x.py")
    # it gets as far as looking for the head
    assert "cluster has no running Ray cluster in namespace cluster" in done.stderr
    assert not [line for line in there.calls("kubectl") if " create " in line]


def refused(there: World, *words: str) -> str:
    done = there.deploy(*words)
    assert done.returncode == 1, done.stdout
    assert there.read()["releases"] == []
    return done.stderr


def test_what_is_wrong_with_the_cluster_is_told_before_anything_is_installed(there: World) -> None:
    assert "CLOUD=existing wants a kubeconfig" in refused(there)
    assert "KUBECONFIG=/none is not a file" in refused(there, "--kubeconfig", "/none")
    there.fail("get --raw", "Unable to connect to the server: no route to host")
    assert "does not answer: Unable to connect" in refused(there, *config(there))
    content = there.read()
    there.write({**content, "kubernetes": "v1.28.3-gke.100"})
    assert "runs Kubernetes v1.28.3-gke.100; the charts want 1.30" in refused(there, *config(there))
    there.write({**content, "denied": ["clusterroles", "pods"]})
    told = refused(there, *config(there))
    assert "create clusterroles.rbac.authorization.k8s.io" in told
    assert "create pods/exec" in told
    crd = {"name": "rayclusters.ray.io", "namespace": "", "annotations": {}}
    theirs = {"kind": "CustomResourceDefinition", "metadata": crd}
    objects = {"CustomResourceDefinition//rayclusters.ray.io": theirs}
    there.write({**content, "objects": objects})
    told = refused(there, *config(there))
    assert "has KubeRay's definitions already, of no release of Helm" in told
    assert "docs/migration.md" in told


def test_images_must_be_given(there: World) -> None:
    told = refused(there, *config(there))
    assert "images must be given" in told
    assert "make deploy CLOUD=existing IMAGES=" in told


@pytest.mark.parametrize(
    ("text", "minor"), [("v1.34.2-gke.1", 34), ("1.30.0-0", 30), ("v1.9", 9), ("nonsense", 0)]
)
def test_minor(text: str, minor: int) -> None:
    assert existing.minor(text) == minor


def test_the_oldest_version_is_that_of_the_charts() -> None:
    assert existing.oldest() == 30


def test_the_place_has_values_and_add_ons_that_are_optional() -> None:
    folder = Path(existing.ROOT) / "environments" / "existing"
    listed = yaml.safe_load((folder / "addons.yaml").read_text())
    assert all(one["optional"] for one in listed.values())
