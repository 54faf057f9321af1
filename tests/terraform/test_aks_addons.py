"""The add-ons of AKS: each pinned, and filled with nothing but what Terraform says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from aks_runs import runs

from lib.paths import ROOT, tool
from lib.shell import run

FILE = ROOT / "environments" / "aks" / "addons.yaml"
ADDONS: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text())
OBJECTS = ROOT / "environments" / "aks" / "objects"

POOLS = {
    "cpu": {
        "size": "Standard_D16s_v5", "vcpus": 16, "memory_gib": 64, "gpus": 0, "gpu": "",
        "min": 1, "max": 10, "spot": False, "pool": "cpu", "taints": [],
    },
    "spot-red": {
        "size": "Standard_NC48ads_A100_v4", "vcpus": 48, "memory_gib": 440, "gpus": 2,
        "gpu": "A100", "min": 0, "max": 2, "spot": True, "pool": "red",
        "taints": ["rayworks.io/team=red:NoSchedule"],
    },
}  # fmt: skip


def objects(tmp_path: Path, **values: Any) -> dict[tuple[str, str], dict[str, Any]]:
    """What the chart of ours makes of some values, by kind and name."""
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    command = [tool("helm"), "template", "demo", OBJECTS, "--namespace", "gateway"]
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


@pytest.mark.cloud
@pytest.mark.parametrize("scenario", ["made", "auto", "made_with_everything"])
def test_add_ons_take_what_terraform_says(scenario: str) -> None:
    outputs = runs()[scenario].outputs
    wanted = set()
    for name, one in ADDONS.items():
        if "when" in one and not led(one["when"], outputs):
            continue
        wanted.add(name)
        # A plan leaves out what is known only when it is made.
        if scenario != "auto":
            for path in placeholders(one.get("values", {})):
                led(path, outputs)
    always = {"shared-storage", "external-secrets", "secret-store", "kueue", "queues"}
    gpu = {"nvidia-device-plugin", "dcgm-exporter"}
    assert (
        wanted
        == {
            "made": always | gpu,
            "auto": always | gpu | {"node-pools"},
            "made_with_everything": always
            | gpu
            | {"spot-first", "envoy-gateway", "cert-manager", "gateway"},
        }[scenario]
    )


def test_the_shared_storage_is_a_class_of_our_chart(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    text = yaml.safe_dump(ADDONS["shared-storage"]["values"])
    file.write_text(
        re.sub(
            r"\$\{[^}]*client_id\}",
            "11111111-2222-3333-4444-555555555555",
            re.sub(r"\$\{[^}]*(account|resource_group|container)\}", "rayworks", text),
        )
    )
    command = [tool("helm"), "template", "shared-storage", ROOT / "charts/ray-storage"]
    environment = ROOT / "environments/aks/values.yaml"
    found = run([*command, "--values", environment, "--values", file]).stdout
    [made] = [one for one in yaml.safe_load_all(found) if one and one["kind"] == "StorageClass"]
    assert made["metadata"]["name"] == "rayworks-blob"
    assert made["parameters"]["mountWithWorkloadIdentityToken"] == "true"
    assert made["parameters"]["isHnsEnabled"] == "true"


def test_node_pools_for_auto_provisioning(tmp_path: Path) -> None:
    found = objects(
        tmp_path, nodePools={"pools": POOLS, "zones": ["westus3-1"], "tags": {"a": "b"}}
    )
    assert found["AKSNodeClass", "rayworks"]["spec"]["tags"] == {"a": "b"}
    cpu, red = found["NodePool", "cpu"]["spec"], found["NodePool", "spot-red"]["spec"]
    wants = {one["key"]: one["values"] for one in cpu["template"]["spec"]["requirements"]}
    assert wants["karpenter.azure.com/sku-family"] == ["D"]
    assert wants["karpenter.azure.com/sku-cpu"] == ["17"], "the last of the two: no larger than 16"
    assert wants["topology.kubernetes.io/zone"] == ["westus3-1"]
    assert cpu["limits"] == {"cpu": "160"}
    assert "taints" not in cpu["template"]["spec"]
    assert red["limits"] == {"cpu": "96", "nvidia.com/gpu": "4"}
    assert red["weight"] > cpu["weight"], "spot machines are asked first"
    assert red["template"]["spec"]["taints"] == [
        {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"},
        {"key": "kubernetes.azure.com/scalesetpriority", "value": "spot", "effect": "NoSchedule"},
        {"key": "rayworks.io/team", "value": "red", "effect": "NoSchedule"},
    ]
    assert red["template"]["metadata"]["labels"]["rayworks.io/pool"] == "red"


def test_queues_have_what_the_pools_have(tmp_path: Path) -> None:
    found = objects(tmp_path, queues={"pools": POOLS})
    flavor = found["ResourceFlavor", "spot-red"]["spec"]["nodeLabels"]
    assert flavor == {
        "rayworks.io/pool": "red",
        "kubernetes.azure.com/scalesetpriority": "spot",
    }
    [group] = found["ClusterQueue", "rayworks"]["spec"]["resourceGroups"]
    quotas = {
        one["name"]: {part["name"]: part["nominalQuota"] for part in one["resources"]}
        for one in group["flavors"]
    }
    assert quotas == {
        "cpu": {"cpu": 160, "memory": "640Gi", "nvidia.com/gpu": 0},
        "spot-red": {"cpu": 96, "memory": "880Gi", "nvidia.com/gpu": 4},
    }


@pytest.mark.parametrize("pool", ["spotcpu", "cpu"])
def test_spot_pools_are_asked_first(tmp_path: Path, pool: str) -> None:
    made = objects(tmp_path, spotFirst=True)["ConfigMap", "cluster-autoscaler-priority-expander"]
    order: dict[int, list[str]] = yaml.safe_load(made["data"]["priorities"])
    # As AKS calls the scale set of a node pool.
    name = f"aks-{pool}-12345678-vmss"
    best = max(
        rank for rank, forms in order.items() if any(re.search(form, name) for form in forms)
    )
    assert best == (20 if pool == "spotcpu" else 10)


@pytest.mark.parametrize("zone", [None, "ml.example.org"])
def test_the_gateway_has_tls_and_a_login(tmp_path: Path, zone: str | None) -> None:
    dns = {"client_id": "c", "zone": zone, "resource_group": "dns", "subscription_id": "s"}
    found = objects(
        tmp_path,
        gateway={
            "email": "platform@example.org",
            "host": f"*.{zone}" if zone else "rayworks.westus3.cloudapp.azure.com",
            "dns": dns if zone else None,
            "address_name": "pip-rayworks-gateway",
            "resource_group": "rg-rayworks",
        },
    )
    http, https = found["Gateway", "rayworks"]["spec"]["listeners"]
    assert https["tls"]["certificateRefs"] == [{"kind": "Secret", "name": "rayworks-tls"}]
    assert http["allowedRoutes"] == {"namespaces": {"from": "Same"}}, "no service without TLS"
    policy = found["SecurityPolicy", "rayworks"]["spec"]
    assert policy["targetRefs"][0]["sectionName"] == https["name"]
    assert policy["apiKeyAuth"]["credentialRefs"] == [{"kind": "Secret", "name": "gateway-keys"}]
    [solver] = found["ClusterIssuer", "rayworks"]["spec"]["acme"]["solvers"]
    assert list(solver) == (["dns01"] if zone else ["http01"])


def test_the_chart_makes_nothing_by_itself(tmp_path: Path) -> None:
    assert objects(tmp_path) == {}
