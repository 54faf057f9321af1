"""Terraform: what is read from it, and the real one on a root without a cloud."""

from __future__ import annotations

import shutil
import textwrap
from pathlib import Path
from typing import Any

import pytest

from clouds import plan
from clouds.cli import EXPIRED, Cli, needs, version
from clouds.terraform import Terraform, binary, digest, mistakes
from lib.errors import UserError


def resource(address: str, *depends: str) -> dict[str, Any]:
    kind = plan._bare(address).split(".")[-2]
    return {"address": address, "type": kind, "values": {}, "depends_on": list(depends)}


def test_data_is_kept_with_all_that_it_stands_on() -> None:
    found = plan.kept(
        [
            resource("azurerm_resource_group.data"),
            resource("azurerm_resource_group.main"),
            resource("azurerm_kubernetes_cluster.main", "azurerm_resource_group.main"),
            resource("module.vault.azurerm_key_vault_key.k", "azurerm_resource_group.data"),
            resource(
                'module.storage["a.b[0]"].azurerm_storage_account.s[0]',
                "module.vault.azurerm_key_vault_key.k",
            ),
            resource(
                "azurerm_role_assignment.ray",
                "module.storage.azurerm_storage_account.s",
                "azurerm_kubernetes_cluster.main",
            ),
        ]
    )
    assert found == {
        "azurerm_resource_group.data",
        "module.vault.azurerm_key_vault_key.k",
        'module.storage["a.b[0]"].azurerm_storage_account.s[0]',
    }


@pytest.mark.parametrize(
    ("address", "bare"),
    [
        ("a.b", "a.b"),
        ("a.b[0]", "a.b"),
        ('module.m["x]y"].a.b["c\\"d"]', "module.m.a.b"),
        ("module.m[1].module.n.a.b", "module.m.module.n.a.b"),
    ],
)
def test_addresses_without_indexes(address: str, bare: str) -> None:
    assert plan._bare(address) == bare


def test_changes_leave_out_what_is_only_read() -> None:
    def change(actions: list[str], mode: str = "managed") -> dict[str, Any]:
        one = {"actions": actions, "after": {"name": "n"}}
        return {"address": "t.n", "type": "t", "mode": mode, "change": one}

    found = plan.changes(
        {
            "resource_changes": [
                change(["create"]),
                change(["delete", "create"]),
                change(["no-op"]),
                change(["read"], "data"),
                change(["update"]),
            ]
        }
    )
    assert plan.summary(found) == "create 2, change 1, delete 1"
    assert plan.summary([]) == "nothing"


def test_nodes_that_something_else_makes_are_those_of_the_output() -> None:
    outputs = {
        "node_pools": {
            "value": {
                "gpu": {"size": "big", "min": 0, "max": 2, "spot": True},
                "any": {"size": None, "min": 0, "max": 9, "spot": False},
            }
        }
    }
    (found,) = plan.pools({"planned_values": {"outputs": outputs}})
    assert found == plan.Nodes("gpu", "big", 0, 2, spot=True)
    assert str(found) == "gpu: 0 to 2 of big, spot"
    assert plan.pools({}) == []


def test_mistakes_are_told_without_their_frame() -> None:
    text = """
    aws_vpc.main: Creating...
    ╷
    │ Error: creating EC2 VPC: VpcLimitExceeded
    │
    │   with aws_vpc.main,
    │   on main.tf line 1, in resource "aws_vpc" "main":
    ╵
    ╷
    │ Error: another
    ╵
    """
    assert mistakes(textwrap.dedent(text).splitlines()) == [
        "Error: creating EC2 VPC: VpcLimitExceeded",
        "  with aws_vpc.main,",
        '  on main.tf line 1, in resource "aws_vpc" "main":',
        "Error: another",
    ]
    assert mistakes(["killed"]) == ["killed"]


@pytest.mark.parametrize(
    ("said", "is_login"),
    [
        ("AADSTS700082: The refresh token has expired due to inactivity", True),
        ("An error occurred (ExpiredToken) when calling", True),
        ("Error when retrieving token from sso: Token has expired and refresh failed", True),
        ("Unable to connect: getting credentials: exec: executable aws failed with exit", True),
        ("getting credentials: exec: executable kubelogin not found", False),
        ("error: You must be logged in to the server (Unauthorized)", True),
        ("AccessDenied: not authorized to perform ec2:CreateVpc", False),
        ("QuotaExceeded", False),
    ],
)
def test_what_means_that_a_login_is_no_longer_good(said: str, is_login: bool) -> None:
    assert bool(EXPIRED.search(said)) is is_login


def test_versions() -> None:
    assert version("Terraform v1.11.4\non linux_amd64") == (1, 11, 4)
    assert version("kind v0.30 go1.24") == (0, 30)
    with pytest.raises(ValueError, match="no version"):
        version("none")
    assert needs(Cli("no-such-program", "get it"), (1,), "version") == (
        "no-such-program",
        "no-such-program is not installed: get it",
    )
    shown, wrong = needs(Cli("bash", "get it"), (99, 0), "--version")
    assert shown.startswith("bash ")
    assert wrong == f"{shown} is too old: 99.0 or later is needed: get it"


ROOT = """
variable "name" { type = string }
variable "fail" { default = false }
resource "terraform_data" "key" {}
resource "terraform_data" "bucket" { input = terraform_data.key.id }
resource "terraform_data" "cluster" {
  input = var.name
  lifecycle {
    precondition {
      condition     = !var.fail
      error_message = "no cluster today"
    }
  }
}
output "cluster_name" { value = terraform_data.cluster.output }
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root that needs no provider but Terraform's own."""
    if shutil.which(binary()) is None:
        pytest.skip("Terraform is not installed")
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", "/dev/null")
    (tmp_path / "main.tf").write_text(ROOT)
    (tmp_path / "team.tfvars").write_text("")
    return tmp_path


def nothing(detail: str) -> None:
    pass


@pytest.mark.slow
def test_the_real_one_makes_keeps_data_and_destroys(root: Path) -> None:
    terraform = Terraform(root, "team", root / "team.tfvars")
    terraform.prepare(nothing)
    assert terraform.workspaces() == ["default", "team"]
    assert terraform.state() in ({}, {"format_version": "1.0"})
    assert terraform.outputs() == {}
    file = root / "state" / "plan"
    planned = terraform.plan(file)
    assert plan.variable(planned, "fail") is False
    assert plan.variable(planned, "name") == "team"
    assert plan.summary(plan.changes(planned)) == "create 3"
    said: list[str] = []
    terraform.apply(file, 3, said.append)
    assert said[-1].startswith("3 of 3 · ")
    assert terraform.outputs() == {"cluster_name": "team"}
    resources = plan.recorded(terraform.state())
    (bucket,) = (one for one in resources if one["address"] == "terraform_data.bucket")
    bucket["type"] = "aws_s3_bucket"
    kept = plan.kept(resources)
    assert kept == {"terraform_data.bucket", "terraform_data.key"}
    targets = [one["address"] for one in resources if one["address"] not in kept]
    planned = terraform.plan(file, destroy=True, targets=targets)
    assert plan.summary(plan.changes(planned)) == "delete 1"
    terraform.apply(file, 1, nothing)
    left = {one["address"] for one in plan.recorded(terraform.state())}
    assert left == kept
    # the next deployment finds it again
    assert plan.summary(plan.changes(terraform.plan(file))) == "create 1"
    planned = terraform.plan(file, destroy=True)
    terraform.apply(file, 2, nothing)
    terraform.forget()
    assert terraform.workspaces() == ["default"]


@pytest.mark.slow
def test_the_real_ones_errors_are_told(root: Path) -> None:
    (root / "team.tfvars").write_text("fail = true\n")
    terraform = Terraform(root, "team", root / "team.tfvars")
    terraform.prepare(nothing)
    with pytest.raises(UserError, match="no cluster today") as caught:
        terraform.plan(root / "plan")
    assert caught.value.message.startswith("terraform plan, team.tfvars:\nError: ")
    assert "│" not in caught.value.message


def test_the_digest_changes_with_code_variables_and_name(root: Path) -> None:
    variables = root / "team.tfvars"
    first = digest(root, "team", variables)
    assert digest(root, "team", variables) == first
    assert digest(root, "other", variables) != first
    variables.write_text("x = 1\n")
    second = digest(root, "team", variables)
    assert second != first
    (root / "main.tf").write_text("# nothing\n")
    assert digest(root, "team", variables) not in {first, second}
