"""Terraform's root for EKS in an AWS account on this machine: plans, and one life of a deployment.

The account is moto's server with what moto lacks (terraform/aws_account.py). The endpoints are told
by a file that Terraform lays over the root, in a copy: the root itself knows nothing of it.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from running import free_port
from support import eventually

from lib.paths import tool
from terraform import check, mirror
from tools import venv
from tools.progress import Progress

HERE = Path(__file__).parent / "terraform"

REGION = "us-west-2"

#: What the root's provider asks, by its names for them.
SERVICES = (
    "amp", "budgets", "cloudwatchlogs", "ec2", "ecr", "efs", "eks", "eventbridge", "fsx", "iam",
    "kms", "memorydb", "route53", "s3", "secretsmanager", "sfn", "sqs", "sts",
)  # fmt: skip

#: Seconds for a command of Terraform's.
LIMIT = 1800

_NOBODYS = {"authorized_cidrs": ["203.0.113.7/32"]}

#: Variables by scenario. Amazon Managed Grafana is in none: moto has nothing of it.
SCENARIOS: Mapping[str, Mapping[str, Any]] = {
    "defaults": _NOBODYS,
    "samples": {
        **_NOBODYS,
        "storage": {"lustre": {"deployment_type": "SCRATCH_2"}},
        "system_pool": {"size": "m5.12xlarge"},
        "gpu_pools": {"gpu": {"size": "g4dn.4xlarge", "min": 5, "max": 10}},
    },
    "auto": {**_NOBODYS, "node_provisioning": "auto", "spot": True},
    "everything": {
        "authorized_cidrs": ["0.0.0.0/0"],
        "administrators": {"ops": "arn:aws:iam::123456789012:role/ops"},
        "spot": True,
        "network": {"nat": "zone"},
        "gpu_pools": {
            "gpu": {"size": "g5.12xlarge", "alternatives": ["g6.12xlarge"], "max": 4},
            "a100": {"size": "p4d.24xlarge", "mig": "all-1g.5gb"},
        },
        "storage": {"file_systems": ["lustre", "efs"], "delete_data": True},
        "redis": {},
        "monitoring": {"container_insights": True, "prometheus": True},
        "teams": {
            "red": {
                "members": {"ada": "arn:aws:iam::123456789012:role/ada"},
                "node_pool": {"size": "m6i.4xlarge", "max": 3},
            },
            "blue": {"namespaces": ["blue-a", "blue-b"]},
        },
        "orchestration": {"image_tag": "0123456789ab"},
        "budget": {"usd": 1000, "emails": ["ops@example.org"]},
        "add_ons": {"opencost": True},
    },
}


@dataclass(frozen=True, slots=True)
class Run:
    """What a plan says, or what was made.

    Attributes:
        resources: by address: what each will be or is, as far as it is known.
        outputs: the root's, by name.
    """

    resources: dict[str, dict[str, Any]]
    outputs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Life:
    """One deployment with everything on, from nothing to nothing.

    Attributes:
        before: what there was in the account.
        made: what was made, and the outputs.
        again: what a second plan would change, by address: the actions and the attributes.
        standing: what there was in the account then.
        after: what there was at the end.
    """

    before: dict[str, list[str]]
    made: Run
    again: dict[str, tuple[str, set[str]]]
    standing: dict[str, list[str]]
    after: dict[str, list[str]]


@dataclass(slots=True)
class Account:
    """An account and a copy of the root that deploys to it."""

    url: str
    python: Path
    root: Path
    environment: dict[str, str] = field(default_factory=dict)

    def terraform(self, *words: str) -> str:
        """Run Terraform on the root; what it prints.

        Raises:
            AssertionError: it fails.
        """
        done = subprocess.run(
            [tool("terraform"), *words],
            cwd=self.root, env={**os.environ, **self.environment}, capture_output=True, text=True,
            check=False, timeout=LIMIT,
        )  # fmt: skip
        assert done.returncode == 0, (
            f"terraform {words[0]}:\n{(done.stderr or done.stdout)[-6000:]}"
        )
        return done.stdout

    def told(self, variables: Mapping[str, Any]) -> str:
        """The option for a file of variables."""
        file = self.root / "scenario.tfvars.json"
        file.write_text(json.dumps(variables))
        return f"-var-file={file}"

    def planned(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """A plan as JSON."""
        self.terraform("plan", "-no-color", "-out=plan", self.told(variables))
        found: dict[str, Any] = json.loads(self.terraform("show", "-json", "plan"))
        return found

    def ask(self, program: str, *words: str) -> str:
        """Run a program of this folder, in the environment that has moto and boto3."""
        command = [self.python, HERE / program, self.url, *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def inventory(self) -> dict[str, list[str]]:
        """What there is, by kind."""
        found: dict[str, list[str]] = json.loads(self.ask("aws_inventory.py", REGION))
        return found


def _python() -> Path:
    progress = Progress()
    try:
        venv.make("aws", progress, quiet=True)
    finally:
        progress.close()
    return venv.ENVIRONMENTS["aws"].path / "bin" / "python"


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/moto-api/", timeout=10):  # noqa: S310 - this machine
            return True
    except OSError:
        return False


@contextmanager
def account() -> Iterator[Account]:
    """An account with nothing in it, and the root, initialized."""
    python, port = _python(), free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as name:
        check.copy(Path(name))
        root = Path(name) / "terraform" / "eks"
        endpoints = "".join(f'    {service} = "{url}"\n' for service in SERVICES)
        (root / "account_override.tf").write_text(
            'provider "aws" {\n'
            '  access_key                  = "key"\n'
            '  secret_key                  = "secret"\n'
            "  skip_credentials_validation = true\n"
            "  skip_metadata_api_check     = true\n"
            "  s3_use_path_style           = true\n"
            f"  endpoints {{\n{endpoints}  }}\n}}\n"
        )
        with (Path(name) / "log").open("w") as log:
            server = subprocess.Popen(
                [python, HERE / "aws_account.py", str(port)], stdout=log, stderr=log
            )
        try:
            eventually(lambda: _answers(url), 180, "the account")
            found = Account(url, python, root, {**mirror.environment(), "TF_INPUT": "0"})
            found.terraform("init", "-no-color")
            yield found
        finally:
            server.terminate()
            server.wait()


@functools.cache
def plans() -> dict[str, Run]:
    """What would be made in each scenario, in an account with nothing in it."""
    with account() as found:
        return {name: _planned(found.planned(chosen)) for name, chosen in SCENARIOS.items()}


def life(file_system: str = "efs") -> Life:
    """One deployment with everything on, made, looked at, planned again, and destroyed.

    Args:
        file_system: `efs`, or `lustre`, for whose end the provider waits ten minutes.
    """
    return _life(file_system)


@functools.cache
def _life(file_system: str) -> Life:
    # Behind its default: a cache knows life() and life("efs") as two, and each takes minutes.
    with account() as found:
        zone = found.ask("aws_zone.py", "example.org").strip()
        gateway = {"domain": "ray.example.org", "zone_id": zone, "email": "ops@example.org"}
        storage = {"file_systems": [file_system], "delete_data": True}
        chosen = {**SCENARIOS["everything"], "gateway": gateway, "storage": storage}
        before = found.inventory()
        found.terraform("apply", "-no-color", "-auto-approve", found.told(chosen))
        made = _made(json.loads(found.terraform("show", "-json")))
        again = {
            one["address"]: (" ".join(one["change"]["actions"]), _changed(one["change"]))
            for one in found.planned(chosen).get("resource_changes", [])
            if one["change"]["actions"] not in (["no-op"], ["read"])
        }
        standing = found.inventory()
        found.terraform("destroy", "-no-color", "-auto-approve", found.told(chosen))
        left = json.loads(found.terraform("show", "-json")).get("values")
        assert not left, left
        return Life(before, made, again, standing, found.inventory())


def _changed(change: Mapping[str, Any]) -> set[str]:
    before, after = change["before"] or {}, change["after"] or {}
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def _planned(plan: Mapping[str, Any]) -> Run:
    resources = {
        one["address"]: one["change"]["after"]
        for one in plan["resource_changes"]
        if one["mode"] == "managed"
    }
    known = plan["planned_values"]["outputs"]
    return Run(resources, {name: one.get("value") for name, one in known.items()})


def _made(state: Mapping[str, Any]) -> Run:
    resources: dict[str, dict[str, Any]] = {}
    modules = [state["values"]["root_module"]]
    while modules:
        module = modules.pop()
        modules += module.get("child_modules", [])
        resources |= {
            one["address"]: one["values"]
            for one in module.get("resources", [])
            if one["mode"] == "managed"
        }
    outputs = state["values"]["outputs"]
    return Run(resources, {name: one["value"] for name, one in outputs.items()})
