"""The add-ons of EKS: each pinned, and filled with nothing but what Terraform says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from eks_runs import life, plans

from lib.paths import ROOT, tool
from lib.shell import run

FILE = ROOT / "environments" / "eks" / "addons.yaml"
ADDONS: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text())
OBJECTS = ROOT / "environments" / "eks" / "objects"

_POOL = {
    "min": 0, "max": 10, "spot": False, "zones": [], "disk_gib": 200, "taints": [], "gpus": 0,
    "gpu": "", "vcpus": 16, "memory_gib": 64,
}  # fmt: skip
SPOT = {"key": "rayworks.io/spot", "value": "true", "effect": "NoSchedule"}
TEAM = {"key": "rayworks.io/team", "value": "red", "effect": "NoSchedule"}

POOLS = {
    "cpu": {
        **_POOL, "size": "m5.4xlarge", "sizes": ["m5.4xlarge", "m6i.4xlarge"], "pool": "cpu",
        "labels": {"rayworks.io/pool": "cpu"}, "zones": ["us-west-2a"],
    },
    "spot-red": {
        **_POOL, "size": "g5.12xlarge", "sizes": ["g5.12xlarge"], "pool": "red", "max": 2,
        "vcpus": 48, "memory_gib": 192, "gpus": 4, "gpu": "A10G", "spot": True,
        "labels": {"rayworks.io/pool": "red", "rayworks.io/spot": "true"}, "taints": [TEAM, SPOT],
    },
}  # fmt: skip


def objects(tmp_path: Path, **values: Any) -> dict[tuple[str, str], dict[str, Any]]:
    """What the chart of ours makes of some values, by kind and name."""
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    command = [tool("helm"), "template", "demo", OBJECTS, "--namespace", "shared-storage"]
    found = yaml.safe_load_all(run([*command, "--values", file]).stdout)
    return {(one["kind"], one["metadata"]["name"]): one for one in found if one}


def test_every_chart_is_pinned_or_ours() -> None:
    for name, one in ADDONS.items():
        chart = one["chart"]
        if "path" in chart:
            assert (ROOT / chart["path"] / "Chart.yaml").exists(), name
        else:
            assert re.fullmatch(r"v?\d+\.\d+\.\d+", chart["version"]), name


def placeholders(value: Any) -> set[str]:
    """Paths into Terraform's outputs that stand within values."""
    return set(re.findall(r"(?<!\$)\$\{([^}]*)\}", yaml.safe_dump(value)))


def led(path: str, outputs: Any) -> Any:
    for part in path.split("."):
        assert part in outputs, f"{path} leads nowhere: there is {', '.join(outputs)}"
        outputs = outputs[part]
    return outputs


ALWAYS = {
    "storage-classes", "shared-storage", "metrics-server", "load-balancer-controller",
    "kube-prometheus-stack", "fluent-bit", "external-secrets", "secret-store", "kueue", "queues",
}  # fmt: skip


@pytest.mark.cloud
def test_add_ons_take_what_terraform_says() -> None:
    outputs = life().made.outputs
    wanted = set()
    for name, one in ADDONS.items():
        if "when" in one and not led(one["when"], outputs):
            continue
        wanted.add(name)
        for path in placeholders(one.get("values", {})):
            led(path, outputs)
    assert wanted == ALWAYS | {
        "cluster-autoscaler", "gpu-operator", "opencost", "envoy-gateway", "cert-manager",
        "gateway",
    }  # fmt: skip


@pytest.mark.cloud
def test_karpenter_comes_in_place_of_the_autoscaler() -> None:
    add_ons = plans()["auto"].outputs["add_ons"]
    assert add_ons["cluster_autoscaler"] is None
    assert plans()["defaults"].outputs["add_ons"]["karpenter"] is None
    assert ADDONS["node-pools"]["when"] == ADDONS["karpenter"]["when"] == "add_ons.karpenter"


@pytest.mark.cloud
def test_what_was_made_becomes_objects(tmp_path: Path) -> None:
    """The chart of ours takes Terraform's outputs as they are."""
    outputs = life().made.outputs
    add_ons, pools = outputs["add_ons"], outputs["node_pools"]
    found = objects(
        tmp_path,
        sharedStorage=add_ons["shared_storage"],
        gateway=add_ons["gateway"],
        region=outputs["region"],
        queues={"pools": pools},
        nodePools={
            "pools": pools, "cluster": "rayworks", "tags": outputs["tags"], "role": "node",
            "securityGroup": "sg-1", "key": add_ons["storage_classes"]["key"],
        },
        storageClass=add_ons["storage_classes"],
    )  # fmt: skip
    made = life().made.resources["module.storage.aws_efs_file_system.this[0]"]
    assert found["StorageClass", "rayworks-efs"]["parameters"]["fileSystemId"] == made["id"]
    assert {name for kind, name in found if kind == "NodePool"} == set(pools)
    balancer = found["EnvoyProxy", "rayworks"]["spec"]["provider"]["kubernetes"]["envoyService"]
    allocations = balancer["annotations"][
        "service.beta.kubernetes.io/aws-load-balancer-eip-allocations"
    ]
    assert len(allocations.split(",")) == 3


def test_lustre_has_a_volume_for_each_namespace(tmp_path: Path) -> None:
    lustre = {
        "file_system_id": "fs-1", "dns_name": "fs-1.fsx.us-west-2.amazonaws.com",
        "mount_name": "abcde", "capacity": "1200Gi",
    }  # fmt: skip
    shared = {"lustre": lustre, "efs": None, "namespaces": ["blue", "red"]}
    found = objects(tmp_path, sharedStorage=shared)
    for namespace in ("blue", "red", "shared-storage"):
        volume = found["PersistentVolume", f"lustre.{namespace}"]["spec"]
        assert volume["claimRef"] == {"namespace": namespace, "name": "rayworks-storage"}
        assert volume["persistentVolumeReclaimPolicy"] == "Retain"
    owner = found["Job", "owner"]
    assert owner["metadata"]["annotations"]["helm.sh/hook"] == "post-install,post-upgrade"
    assert "chown 1000:1000" in owner["spec"]["template"]["spec"]["containers"][0]["command"][2]
    assert ("StorageClass", "rayworks-efs") not in found


def test_efs_makes_a_folder_for_each_claim(tmp_path: Path) -> None:
    shared = {"lustre": None, "efs": "fs-2", "namespaces": ["red"]}
    found = objects(tmp_path, sharedStorage=shared)
    parameters = found["StorageClass", "rayworks-efs"]["parameters"]
    assert parameters["subPathPattern"] == "${.PVC.namespace}/${.PVC.name}"
    assert set(found) == {("StorageClass", "rayworks-efs")}


def test_volumes_are_encrypted_with_the_key(tmp_path: Path) -> None:
    found = objects(tmp_path, storageClass={"key": "arn:aws:kms:us-west-2:1:key/2"})
    assert found["StorageClass", "gp3"]["parameters"]["kmsKeyId"] == "arn:aws:kms:us-west-2:1:key/2"
    assert (
        "kmsKeyId"
        not in objects(tmp_path, storageClass={"key": None})["StorageClass", "gp3"]["parameters"]
    )


def test_node_pools_for_karpenter(tmp_path: Path) -> None:
    found = objects(
        tmp_path,
        nodePools={
            "pools": {**POOLS, "red": {**POOLS["spot-red"], "spot": False, "taints": [TEAM]}},
            "cluster": "rayworks", "tags": {"a": "b"}, "role": "node", "securityGroup": "sg-1",
            "key": None,
        },
    )  # fmt: skip
    cpu, red = found["NodePool", "cpu"]["spec"], found["NodePool", "spot-red"]["spec"]
    wants = {one["key"]: one["values"] for one in cpu["template"]["spec"]["requirements"]}
    assert wants["node.kubernetes.io/instance-type"] == ["m5.4xlarge", "m6i.4xlarge"]
    assert wants["karpenter.sh/capacity-type"] == ["on-demand"]
    assert wants["topology.kubernetes.io/zone"] == ["us-west-2a"]
    assert cpu["limits"] == {"cpu": "160"}
    assert "taints" not in cpu["template"]["spec"]
    assert red["weight"] > cpu["weight"], "spot machines are asked first"
    assert red["template"]["spec"]["taints"] == [TEAM, SPOT]
    assert red["template"]["spec"]["nodeClassRef"]["name"] == "red", "the twin's class"
    assert red["disruption"]["consolidationPolicy"] == "WhenEmpty"
    klass = found["EC2NodeClass", "red"]["spec"]
    assert klass["tags"] == {"a": "b"}
    assert klass["metadataOptions"]["httpPutResponseHopLimit"] == 1
    assert ("EC2NodeClass", "spot-red") not in found


def test_queues_have_what_the_pools_have(tmp_path: Path) -> None:
    found = objects(tmp_path, queues={"pools": POOLS})
    flavor = found["ResourceFlavor", "spot-red"]["spec"]
    assert flavor["nodeLabels"] == {"rayworks.io/pool": "red", "rayworks.io/spot": "true"}
    assert flavor["nodeTaints"] == [TEAM, SPOT]
    [group] = found["ClusterQueue", "rayworks"]["spec"]["resourceGroups"]
    quotas = {
        one["name"]: {part["name"]: part["nominalQuota"] for part in one["resources"]}
        for one in group["flavors"]
    }
    assert quotas == {
        "cpu": {"cpu": 160, "memory": "640Gi", "nvidia.com/gpu": 0},
        "spot-red": {"cpu": 96, "memory": "384Gi", "nvidia.com/gpu": 8},
    }


@pytest.mark.cloud
@pytest.mark.parametrize("pool", ["spot-cpu", "cpu"])
def test_spot_groups_are_asked_first(pool: str) -> None:
    told = life().made.outputs["add_ons"]["cluster_autoscaler"]["priorities"]
    order: dict[int, list[str]] = yaml.safe_load(told)
    # As EKS calls the Auto Scaling group of a node group.
    name = f"eks-{pool}-20261127183908793300000039-6acf3b1c"
    best = max(rank for rank, forms in order.items() if any(re.match(form, name) for form in forms))
    assert best == (20 if pool == "spot-cpu" else 10)


def test_the_gateway_has_tls_and_a_login(tmp_path: Path) -> None:
    found = objects(
        tmp_path,
        region="us-west-2",
        gateway={
            "email": "platform@example.org", "host": "*.ml.example.org",
            "dns": {"zone_id": "Z0123456789ABC"}, "subnets": ["subnet-1", "subnet-2"],
            "allocations": ["eipalloc-1", "eipalloc-2"],
        },
    )  # fmt: skip
    http, https = found["Gateway", "rayworks"]["spec"]["listeners"]
    assert https["tls"]["certificateRefs"] == [{"kind": "Secret", "name": "rayworks-tls"}]
    assert http["allowedRoutes"] == {"namespaces": {"from": "Same"}}, "no service without TLS"
    policy = found["SecurityPolicy", "rayworks"]["spec"]
    assert policy["targetRefs"][0]["sectionName"] == https["name"]
    assert policy["apiKeyAuth"]["credentialRefs"] == [{"kind": "Secret", "name": "gateway-keys"}]
    [solver] = found["ClusterIssuer", "rayworks"]["spec"]["acme"]["solvers"]
    assert solver["dns01"]["route53"]["hostedZoneID"] == "Z0123456789ABC"


def test_the_chart_makes_nothing_by_itself(tmp_path: Path) -> None:
    assert objects(tmp_path) == {}
