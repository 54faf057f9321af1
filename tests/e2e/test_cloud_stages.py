"""The stages of AKS and EKS with the local cluster as the Kubernetes that a fake cloud reaches.

`az`, `aws`, `terraform` and `docker` are fakes (tests/fake_programs.py); kubectl, helm, the API
server, the operator and Ray are real. The node carries the label of the cloud's CPU pool, and an
add-on makes the storage class that the cloud's is called. What Terraform says of sizes fits one
small machine, as it does for any machine. Behind all other tests: `make destroy CLOUD=…` takes the
platform away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from cloud_world import World
from support import Deployed, make

from charts.places import CHARTS
from deploy.platform import NAMESPACE
from lib.kube import Kube
from lib.paths import LOCAL, ROOT, tool
from lib.shell import run
from local import box, images, layout
from local.box import Box

pytestmark = [pytest.mark.full, pytest.mark.last]

CLASS = "cloud-shared"

#: Namespaces of the workloads.
SPACES = ("cloud-job", "cloud-cluster")

#: What the add-on stage installs: the cloud's class, by a chart of this repository.
ADD_ONS = f"""
shared-storage:
  about: the class of the shared storage
  chart: {{path: charts/ray-storage}}
  namespace: ray-system
  values: {{classes: {{{CLASS}: {{localPath: {{}}, reclaimPolicy: Delete}}}}}}
"""

#: Gives an image of the local cluster the name under which it was pushed.
PUSH = """#!/bin/sh
set -eu
images() {{ ctr --address {socket} --namespace k8s.io images "$@"; }}
source=$(images list --quiet | grep -x "localhost/rayworks/$1:[0-9a-f]*" | head -n 1)
[ -z "$source" ] || images list --quiet | grep -qx "$2" || images tag "$source" "$2"
"""


def sizes(cpu: str, memory: str, limit: str, cpus: int) -> dict[str, object]:
    size = {
        "requests": {"cpu": cpu, "memory": memory},
        "limits": {"memory": limit},
        "numCpus": cpus,
    }
    return {"small": size, "large": size}


def helm_values() -> dict[str, object]:
    """As Terraform derives them from machines: here from one of two cores."""
    here = {"rayworks.io/pool": "cpu"}
    small = {"nodeSelector": here, "sizes": sizes("300m", "1Gi", "3Gi", 1)}
    return {
        "pools": {
            "head": {"nodeSelector": here, "sizes": sizes("150m", "1Gi", "3Gi", 0)},
            "cpu": small,
            "memory": small,
            "gpu": {"accelerator": {"resource": "none"}, "fallback": "cpu"},
        },
        "monitoring": {"apiGroup": "", "namespace": "ray-system"},
        "logging": {"destination": ""},
    }


@pytest.fixture(params=["aks", "eks"])
def there(
    request: pytest.FixtureRequest,
    deployed: Deployed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[World]:
    """A fake cloud around the local cluster, without the workloads of other tests."""
    cloud = request.param
    make("remove", "WORKLOAD=fashion-mnist")
    found = World(tmp_path / "world", cloud, tmp_path / "project", tools=ROOT / ".tools" / "bin")
    found.make()
    place = found.project / "environments" / cloud
    place.joinpath("values.yaml").write_bytes(
        (ROOT / "environments" / cloud / "values.yaml").read_bytes()
    )
    place.joinpath("addons.yaml").write_text(ADD_ONS)
    content = found.read()
    outputs = content["terraform"]["outputs"]
    outputs |= {"helm_values": helm_values(), "storage_class": CLASS, "add_ons": {}}
    found.write(content)
    node = box.running()
    assert node is not None
    forget_names(node)
    stand_in_for_prometheus(node)
    push = found.home / "push"
    push.write_text(PUSH.format(socket=node.path(layout.CONTAINERD_SOCKET)))
    push.chmod(0o755)
    monkeypatch.setenv("FAKE_PUSH", str(push))
    monkeypatch.setenv("FAKE_KUBECONFIG", str(LOCAL / "kubeconfig"))
    label(deployed.kube, "rayworks.io/pool=cpu")
    try:
        yield found
    finally:
        found.run("destroy", "--yes", "--data", "delete", "--force")
        for namespace in SPACES:
            deployed.kube.run("delete", "namespace", namespace, "--ignore-not-found", timeout=300)
        label(deployed.kube, "rayworks.io/pool-")
        forget_names(node)


#: Names of other registries that images of the node have got here.
GIVEN = re.compile(r".*\.(azurecr\.io|amazonaws\.com)/|docker\.io/prom/")


def forget_names(node: Box) -> None:
    """Take back what images were called here.

    A name that is given a second time is deleted and made again at once, and containerd's side for
    the kubelet may take in the two in the other order.
    """
    for name in filter(GIVEN.match, images.stored(node)):
        images.ctr(node, "images", "remove", "--sync", name)


def stand_in_for_prometheus(node: Box) -> None:
    """Give the local image the name of the public one, which no cloud's environment pushes."""
    (local,) = images.build(["prometheus"], print).values()
    text = run(
        [tool("helm"), "template", "x", CHARTS / "ray-monitoring", "-n", "ray-system"]
    ).stdout
    (public,) = re.findall(r'image: "?(prom/prometheus:[^"\s]+)', text)
    images.ctr(node, "images", "tag", str(local), f"docker.io/{public}")


def label(kube: Kube, words: str) -> None:
    kube.run("label", "node", layout.NAME, words, "--overwrite")


def claim(kube: Kube, namespace: str, values: Path) -> None:
    """The shared claim as the only class here can make it; the stage leaves one that is there."""
    kube.run("create", "namespace", namespace)
    name = yaml.safe_load(values.read_text())["global"]["ray"]["storage"]["claim"]
    kube.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": CLASS,
                "resources": {"requests": {"storage": "1Gi"}},
            },
        }
    )


def test_from_preflight_to_a_finished_job_and_back(
    there: World, deployed: Deployed, tmp_path: Path, script: Path
) -> None:
    kube = deployed.kube
    values = tmp_path / "digits.yaml"
    # the data set that needs no network
    values.write_text(yaml.safe_dump({"env": {"DATASET": "digits"}}))
    for namespace in SPACES:
        claim(kube, namespace, there.project / "environments" / there.cloud / "values.yaml")
    job = ("--workload", "fashion-mnist", "--namespace", "cloud-job", "--values", str(values))
    first = there.run("up", "--yes", *job)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "SUCCEEDED" in first.stdout
    (obj,) = kube.list("rayjobs", "cloud-job")
    # on the cloud's image and pool, as the cloud's account
    head = obj["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]
    pushed = there.read()["registry"]
    assert any(head["containers"][0]["image"].endswith(one) for one in pushed)
    assert head["nodeSelector"] == {"rayworks.io/pool": "cpu"}
    assert head["serviceAccountName"] == "ray"
    assert kube.find("storageclass", CLASS) is not None

    again = there.run("up", "--yes", *job)
    assert again.returncode == 0
    assert "✓" not in again.stdout

    standing = ("--workload", "cluster", "--namespace", "cloud-cluster")
    assert there.run("run", *standing).returncode == 0
    submitted = there.run("submit", *standing, "--dir", str(script), "--", "python", "x.py")
    assert submitted.returncode == 0, submitted.stdout + submitted.stderr
    assert "squares [0, 1, 4, 9]" in submitted.stdout
    told = there.run("status")
    assert told.stdout.count("workload ") == 2

    gone = there.run("destroy", "--yes", "--data", "delete")
    assert gone.returncode == 0, gone.stderr
    assert "nothing is left" in gone.stdout
    # the definitions stay wherever a cluster does: with them would go all that is of them
    assert kube.find("namespace", NAMESPACE) is None
    assert kube.list("rayjobs", None) == kube.list("rayclusters", None) == []
    assert kube.list("pvc", "cloud-job") == kube.list("pvc", "cloud-cluster") == []
    assert not [one for one in kube.list("pv") if one["spec"].get("storageClassName") == CLASS]
    assert there.read()["terraform"]["states"] == {"default": []}


def test_the_images_that_stand_for_pushed_ones_are_there(there: World) -> None:
    """Else the test above would wait for a pull that cannot come."""
    node = box.running()
    assert node is not None
    stored = images.stored(node)
    for name in ("operator", "ray"):
        assert str(images.reference(name)) in stored
