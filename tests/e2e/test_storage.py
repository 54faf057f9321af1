"""Storage on a real cluster: local volumes that grow, stay when their release goes, and come back.

What the chart refuses, the API server refuses too; and it takes every scenario of the clouds.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import Deployed

from deploy.environments import environment
from deploy.helm import CHARTS, Release
from lib.errors import UserError
from lib.kube import Kube, namespace_object
from lib.paths import tool
from local import images

pytestmark = pytest.mark.full

NAMESPACE = "storage"
#: That in which the scenarios are rendered, and those that they name.
SCENARIO = "storage-scenario"
PLACES = (SCENARIO, "red", "blue")

VALUES: dict[str, Any] = {
    "classes": {"kept-local": {"localPath": {}}},
    "claims": {
        # the contract's name and mode come from the environment
        "rayworks-storage": {"size": "64Mi", "className": "kept-local"},
        "plain": {"size": "64Mi", "keep": False},
    },
}


def release(folder: Path, *changes: dict[str, Any]) -> Release:
    """The chart with the values above, and changes on top."""
    place = environment("local")
    files = [*place.values()]
    for number, values in enumerate((VALUES, *changes)):
        path = folder / f"{number}.yaml"
        path.write_text(json.dumps(values))
        files.append(path)
    return Release("ray-storage", "ray-storage", NAMESPACE, files, place.kubeconfig)


def size(text: str) -> dict[str, Any]:
    """Another size of the claim that is kept."""
    return {"claims": {"rayworks-storage": {"size": text}}}


def spec(kube: Kube, kind: str, name: str) -> dict[str, Any]:
    """What an object is to be."""
    obj = kube.find(kind, name, NAMESPACE)
    assert obj is not None, f"{kind}/{name} is not there"
    found: dict[str, Any] = obj["spec"]
    return found


def inside(kube: Kube, name: str, script: str) -> str:
    """Run a shell script in a restricted pod that mounts the claim at /volume; what it prints."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE},
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
                    "volumeMounts": [{"name": "volume", "mountPath": "/volume"}],
                }
            ],
            "volumes": [
                {"name": "volume", "persistentVolumeClaim": {"claimName": "rayworks-storage"}}
            ],
        },
    }
    kube.apply(pod)
    succeeded = "--for=jsonpath={.status.phase}=Succeeded"
    kube.run("wait", f"pod/{name}", succeeded, "--timeout=90s", namespace=NAMESPACE, timeout=100)
    said = kube.run("logs", name, namespace=NAMESPACE).strip()
    kube.run("delete", "pod", name, "--wait=true", namespace=NAMESPACE)
    return said


def helm_test(kube: Kube) -> None:
    """`helm test`, which must pass."""
    command = [
        tool("helm"), "test", "ray-storage", "--namespace", NAMESPACE,
        "--kubeconfig", str(kube.kubeconfig), "--logs", "--timeout", "180s",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def kube(deployed: Deployed) -> Iterator[Kube]:
    """The cluster, with the namespaces of these tests."""
    found = deployed.kube
    found.apply(*(namespace_object(name) for name in (NAMESPACE, *PLACES)))
    try:
        yield found
    finally:
        for name in (NAMESPACE, *PLACES):
            found.run("delete", "namespace", name, "--ignore-not-found", timeout=180)
        # whose class retains them; with their claims gone they are Released
        for obj in found.list("pv"):
            if obj["spec"].get("claimRef", {}).get("namespace") == NAMESPACE:
                found.run("delete", "pv", obj["metadata"]["name"], timeout=60)


@pytest.fixture(scope="module")
def installed(kube: Kube, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """The release, tested once, so that both claims have volumes."""
    found = release(tmp_path_factory.mktemp("installed"))
    found.upgrade()
    try:
        helm_test(kube)
        yield found
    finally:
        found.uninstall()


def test_the_volumes_are_of_their_classes(kube: Kube, installed: Release) -> None:
    kept = spec(kube, "pv", spec(kube, "pvc", "rayworks-storage")["volumeName"])
    assert kept["persistentVolumeReclaimPolicy"] == "Retain"
    assert kept["storageClassName"] == "kept-local"
    assert "local" in kept
    plain = spec(kube, "pv", spec(kube, "pvc", "plain")["volumeName"])
    assert plain["storageClassName"] == "local-path"


def test_helm_test_leaves_nothing_behind(kube: Kube, installed: Release) -> None:
    assert inside(kube, "list", "ls -A /volume") == ""


def test_an_upgrade_that_changes_nothing_passes(
    kube: Kube, installed: Release, tmp_path: Path
) -> None:
    before = spec(kube, "pvc", "rayworks-storage")
    release(tmp_path).upgrade()
    assert spec(kube, "pvc", "rayworks-storage") == before


def test_a_claim_grows(kube: Kube, installed: Release, tmp_path: Path) -> None:
    release(tmp_path, size("128Mi")).upgrade()
    asked = spec(kube, "pvc", "rayworks-storage")["resources"]["requests"]["storage"]
    assert asked == "128Mi"
    helm_test(kube)


#: Changes by what the chart says; the API server refuses each as well.
REFUSED: dict[str, dict[str, Any]] = {
    "claims.rayworks-storage.size: is 32Mi": size("32Mi"),
    "claims.plain.size: grows from 64Mi": {"claims": {"plain": {"size": "1Gi"}}},
    "claims.plain.className: makes the class": {"claims": {"plain": {"className": "kept-local"}}},
    "claims.plain.volume: makes the class": {
        "claims": {"plain": {"volume": {"nfs": {"server": "nfs", "path": "/"}}}}
    },
    "classes.kept-local: changes reclaimPolicy": {
        "classes": {"kept-local": {"reclaimPolicy": "Delete"}}
    },
    "classes.kept-local: changes parameters": {
        "classes": {"kept-local": {"localPath": {"nodePath": "/var/lib/volumes"}}}
    },
    "claims.lost.namespaces: names nowhere": {
        "claims": {"lost": {"size": "1Gi", "className": "kept-local", "namespaces": ["nowhere"]}}
    },
}


@pytest.mark.parametrize("said", REFUSED)
def test_refuses_what_the_api_server_refuses(
    kube: Kube, installed: Release, tmp_path: Path, said: str
) -> None:
    # from the same size as its neighbours leave, whichever ran before
    asked = spec(kube, "pvc", "rayworks-storage")["resources"]["requests"]["storage"]
    changed = (size(asked), REFUSED[said])
    with pytest.raises(UserError) as chart:
        release(tmp_path, *changed).upgrade()
    assert said in chart.value.message
    unchecked = release(tmp_path, *changed, {"liveChecks": False})
    with pytest.raises(UserError) as server:
        unchecked.upgrade()
    # what Helm has made before it came to the claim
    kube.run("delete", "pv", f"{NAMESPACE}.plain", "--ignore-not-found", timeout=60)
    words = ("immutable", "Forbidden", "forbidden", "not found")
    assert any(word in server.value.message for word in words), server.value.message


@pytest.mark.parametrize(
    ("said", "change"),
    [
        ("the cluster has no such class", {"className": "gold"}),
        ("is ReadWriteMany, and class local-path makes disks", {"accessMode": "ReadWriteMany"}),
    ],
)
def test_refuses_what_would_stay_pending(
    kube: Kube, installed: Release, tmp_path: Path, said: str, change: dict[str, Any]
) -> None:
    asked = spec(kube, "pvc", "rayworks-storage")["resources"]["requests"]["storage"]
    claim = {"claims": {"new": {"size": "64Mi", **change}}}
    with pytest.raises(UserError, match=said):
        release(tmp_path, size(asked), claim).upgrade()


def test_the_claim_and_its_data_outlive_the_release(
    kube: Kube, installed: Release, tmp_path: Path
) -> None:
    asked = spec(kube, "pvc", "rayworks-storage")["resources"]["requests"]["storage"]
    inside(kube, "writes", "echo kept > /volume/file")
    volume = spec(kube, "pvc", "rayworks-storage")["volumeName"]
    release(tmp_path).uninstall()
    assert kube.find("pvc", "plain", NAMESPACE) is None
    assert kube.find("storageclass", "kept-local") is None
    assert spec(kube, "pvc", "rayworks-storage")["volumeName"] == volume
    assert inside(kube, "reads", "cat /volume/file") == "kept"

    release(tmp_path, size(asked)).upgrade()
    assert spec(kube, "pvc", "rayworks-storage")["volumeName"] == volume
    helm_test(kube)
    assert inside(kube, "reads-again", "cat /volume/file") == "kept"


SCENARIOS = [
    path for path in (CHARTS / "ray-storage" / "ci").glob("*.yaml") if path.stem != "default"
]


@pytest.mark.parametrize("scenario", sorted(SCENARIOS), ids=lambda path: path.stem)
def test_the_api_server_takes_each_scenario(kube: Kube, scenario: Path) -> None:
    """Also the pods of `helm test`, in a namespace that enforces the restricted level."""
    text = Release("demo", "ray-storage", SCENARIO, [scenario], kube.kubeconfig).template()
    for name in PLACES:
        account = {"name": "ray", "namespace": name}
        kube.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
    said = kube.run("apply", "--server-side", "--dry-run=server", "-f", "-", input_text=text)
    assert len(said.splitlines()) == text.count("\nkind: ")
