"""A cloud, its Kubernetes and a container engine for tests: programs on PATH over one file."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fake_programs

from lib.paths import ROOT

PROGRAMS = tuple(fake_programs.PROGRAMS)

SUBSCRIPTION = "00000000-1111-2222-3333-444444444444"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rayworks"


def resource(address: str, *depends: str, **values: Any) -> dict[str, Any]:
    """A resource as Terraform shows it."""
    return {
        "address": address,
        "type": address.split(".")[-2],
        "mode": "managed",
        "values": values,
        "depends_on": list(depends),
    }


ADD_ONS = """
metrics:
  about: measures
  chart: {repository: https://charts.example.com, name: metrics-server, version: 1.2.3}
  namespace: kube-system
  values: {cluster: "${cluster_name}"}
karpenter:
  about: makes nodes
  when: add_ons.karpenter
  chart: {repository: oci://charts.example.com/karpenter, name: karpenter, version: 1.2.3}
  namespace: karpenter
queues:
  about: quotas
  optional: true
  chart: {repository: oci://charts.example.com, name: kueue, version: 1.2.3}
  namespace: queues
"""


def _pool(name: str, size: str, least: int, most: int) -> dict[str, Any]:
    scale = {"auto_scaling_enabled": True, "min_count": least, "max_count": most}
    return {"name": name, "vm_size": size, "node_count": None, "priority": "Regular", **scale}


AKS = [
    resource("azurerm_resource_group.main", id=GROUP, name="rayworks"),
    resource(
        "azurerm_kubernetes_cluster.main", "azurerm_resource_group.main",
        id=f"{GROUP}/aks", sku_tier="Standard",
        default_node_pool=[_pool("system", "Standard_D4s_v5", 2, 2)],
    ),
    resource(
        "azurerm_kubernetes_cluster_node_pool.gpu", "azurerm_kubernetes_cluster.main",
        **_pool("gpu", "Standard_NC24ads_A100_v4", 0, 2),
    ),
    resource(
        "azurerm_storage_account.data", "azurerm_resource_group.main",
        id=f"{GROUP}/storage", name="rayworksdata",
    ),
    resource("azurerm_storage_container.data", "azurerm_storage_account.data", name="ray"),
    resource("azurerm_container_registry.main", "azurerm_resource_group.main", sku="Premium"),
]  # fmt: skip

EKS = [
    resource("aws_vpc.main", arn="arn:aws:ec2:us-west-2:111122223333:vpc/vpc-1"),
    resource("aws_eip.nat", "aws_vpc.main"),
    resource("aws_nat_gateway.main", "aws_eip.nat"),
    resource(
        "aws_eks_cluster.main", "aws_vpc.main",
        arn="arn:aws:eks:us-west-2:111122223333:cluster/rayworks", name="rayworks",
    ),
    resource(
        "aws_eks_node_group.cpu", "aws_eks_cluster.main",
        node_group_name="cpu", instance_types=["m5.2xlarge"], capacity_type="ON_DEMAND",
        scaling_config=[{"min_size": 1, "desired_size": 2, "max_size": 4}],
    ),
    resource("aws_kms_key.data"),
    resource(
        "aws_s3_bucket.data", "aws_kms_key.data",
        bucket="rayworks-data", arn="arn:aws:s3:::rayworks-data",
    ),
    resource("aws_s3_bucket_versioning.data", "aws_s3_bucket.data"),
    resource("aws_ecr_repository.ray"),
]  # fmt: skip


def _outputs(cloud: str) -> dict[str, Any]:
    aks = cloud == "aks"
    registry = "rayworks.azurecr.io" if aks else "111122223333.dkr.ecr.us-west-2.amazonaws.com"
    command = (
        'az aks get-credentials --name rayworks --file "$KUBECONFIG"'
        if aks
        else 'aws eks update-kubeconfig --name rayworks --kubeconfig "$KUBECONFIG"'
    )
    return {
        "cluster_name": "rayworks",
        "region": "westus3" if aks else "us-west-2",
        "get_credentials_command": command,
        "registry": registry,
        "storage_class": "shared",
        "node_pools": {
            "cpu": {"size": "m5.2xlarge", "gpus": 0, "min": 1, "max": 4, "spot": False},
        },
        "tags": {"rayworks-deployment": "rayworks"},
        "dashboards": {"grafana": "https://grafana.example.com" if aks else None},
        "add_ons": {
            "karpenter": None,
            "grafana": {"name": "amg-1", "resource_group": "rayworks"} if aks else None,
            "redis": {"password_command": "az redis list-keys"} if aks else {"secret": "redis-1"},
        },
        "helm_values": {
            "storage": {"claim": "rayworks-storage"},
            "redis": {"address": "redis:6379", "credentialsSecret": "ray-redis"},
            "identity": {"serviceAccount": "ray", "annotations": {"client": "1234"}},
        },
    }


def _world(cloud: str) -> dict[str, Any]:
    skus = {
        size: [
            {
                "name": size,
                "family": family,
                "capabilities": [{"name": "vCPUs", "value": str(cores)}],
                "restrictions": [],
            }
        ]
        for size, family, cores in (
            ("Standard_D4s_v5", "standardDSv5Family", 4),
            ("Standard_NC24ads_A100_v4", "StandardNCADSA100v4Family", 24),
        )
    }
    usage = [
        {"name": {"value": name}, "localName": title, "currentValue": used, "limit": limit}
        for name, title, used, limit in (
            ("cores", "Total Regional vCPUs", 10, 200),
            ("standardDSv5Family", "Standard DSv5 Family vCPUs", 10, 100),
            ("StandardNCADSA100v4Family", "Standard NCADS_A100_v4 Family vCPUs", 0, 48),
        )
    ]
    user = {"name": "ada@example.com", "type": "user"}
    return {
        "calls": [],
        "failures": {},
        "tagged": [],
        "registry": [],
        "terraform": {
            "version": "1.11.4",
            "states": {"default": []},
            "wanted": AKS if cloud == "aks" else EKS,
            "variables": {
                "region": _outputs(cloud)["region"],
                "node_provisioning": "pools",
            },
            "outputs": _outputs(cloud),
            "slow": 0,
            "fails_at": None,
        },
        "azure": {
            "account": {"id": SUBSCRIPTION, "name": "Research", "user": user},
            "roles": {"Owner": {"actions": ["*"], "notActions": []}},
            "usage": usage,
            "skus": skus,
            "taken": [],
            "folders": [],
        },
        "aws": {
            "identity": {
                "Account": "111122223333",
                "Arn": "arn:aws:sts::111122223333:assumed-role/deployer/ada",
            },
            "denied": [],
            "cores": {"m5.2xlarge": 8},
            "instances": [],
            "vpcs": ["vpc-0"],
            "addresses": [],
            "volumes": [],
            "quotas": {"L-1216C47A": 64, "L-F678F1CE": 5, "L-0263D0A3": 5},
            "foreign": [],
        },
        "docker": {
            "kind": "0.30.0",
            "clusters": [],
            "nodes": ["rayworks-control-plane", "rayworks-worker"],
            "containers": [],
            "joined": False,
            "files": [],
        },
        "kubernetes": "v1.34.1",
        "kubeconfig": {},
        "denied": [],
        "stuck": [],
        "objects": {},
        "releases": [],
    }


@dataclass
class World:
    """What the programs work on, and how to call the deployment in it.

    Args:
        home: folder of the world's file.
        cloud: `aks`, `eks`, `kind` or `existing`.
        project: folder that takes the place of `terraform/` and `.kube/`.
        patches: further statements before the command line runs.
        tools: where kubectl and helm are; those of the world when None.
    """

    home: Path
    cloud: str
    project: Path
    patches: str = "pass"
    tools: Path | None = None

    def make(self) -> None:
        """A world in which nothing was made."""
        binaries = self.home / "bin"
        binaries.mkdir(parents=True)
        for name in PROGRAMS:
            path = binaries / name
            path.write_text(
                f"#!{sys.executable} -IS\nimport sys\nsys.path.insert(0, {str(ROOT / 'tests')!r})\n"
                "import fake_programs\nfake_programs.main()\n"
            )
            path.chmod(0o755)
        self.write(_world(self.cloud))
        root = self.project / "terraform" / self.cloud
        root.mkdir(parents=True)
        (root / "main.tf").write_text("# what is made\n")
        (root / "example.tfvars").write_text('region = "somewhere"\n')
        place = self.project / "environments" / self.cloud
        place.mkdir(parents=True)
        (place / "values.yaml").write_text("global: {ray: {operator: {version: 1.6.2}}}\n")
        (place / "addons.yaml").write_text(ADD_ONS if self.cloud in {"aks", "eks"} else "")
        for path in (ROOT / "environments" / self.cloud).glob("cluster.yaml"):
            shutil.copy(path, place)

    def copy(self, folder: Path) -> World:
        """Another world in the state of this one."""
        shutil.copytree(self.home, folder / "world")
        shutil.copytree(self.project, folder / "project")
        return World(folder / "world", self.cloud, folder / "project")

    def read(self) -> dict[str, Any]:
        """All of it."""
        found: dict[str, Any] = json.loads((self.home / "world.json").read_text())
        return found

    def write(self, content: dict[str, Any]) -> None:
        """Change it."""
        (self.home / "world.json").write_text(json.dumps(content))

    def fail(self, command: str, said: str, times: int = 1, code: int = 1) -> None:
        """Have the next calls of a command fail, with these words on stderr."""
        world = self.read()
        world["failures"][command] = {"said": said, "times": times, "code": code}
        self.write(world)

    def calls(self, program: str = "") -> list[str]:
        """Command lines so far, of one program or of all; the list begins anew after this."""
        world = self.read()
        found = world["calls"]
        world["calls"] = []
        self.write(world)
        return [line for line in found if line.startswith(program)]

    def made(self) -> list[str]:
        """Addresses of what Terraform has made."""
        states = self.read()["terraform"]["states"]
        return [one["address"] for one in states.get("rayworks", [])]

    def environment(self) -> dict[str, str]:
        """What a process in this world has in its environment."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("RAYWORKS_", "ARM_"))}
        for name in ("WORKLOAD", "NAMESPACE", "VALUES", "CLOUD", "KUBECONFIG"):
            clean.pop(name, None)
        path = f"{self.home / 'bin'}:/usr/bin:/bin"
        world = {"FAKE_WORLD": str(self.home), "PATH": path, "TERRAFORM": "terraform"}
        return {**clean, **world, "PYTHONPATH": str(ROOT / "scripts")}

    def start(self, command: str, *words: str, **variables: str) -> subprocess.Popen[str]:
        """Start `python -m deploy` in this world."""
        code = (
            "import sys, pathlib; import lib.paths as paths; import clouds.record, "
            "clouds.deployment; from deploy import __main__ as main; "
            f"project = pathlib.Path({str(self.project)!r}); "
            f"paths.TOOLS_BIN = pathlib.Path({str(self.tools or self.home / 'bin')!r}); "
            "clouds.record.FOLDER = project / '.kube'; "
            "clouds.record.ENVIRONMENTS = project / 'environments'; "
            "clouds.deployment.TERRAFORM = project / 'terraform'; "
            f"{self.patches}; main.start()"
        )
        return subprocess.Popen(
            [sys.executable, "-c", code, command, "--cloud", self.cloud, *words], cwd=ROOT,
            env={**self.environment(), **variables}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def run(self, command: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m deploy` to its end."""
        with self.start(command, *words, **variables) as process:
            try:
                out, err = process.communicate(timeout=600)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def deploy(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`make deploy YES=1` of the hello workload."""
        return self.run("up", "--yes", "--workload", "hello", *words)
