"""A deployment with everything on, made and destroyed for real in an account on this machine."""

from __future__ import annotations

import json

import pytest
from eks_runs import life

pytestmark = pytest.mark.cloud

#: The life of a deployment; with Lustre it takes ten minutes more.
lives = pytest.mark.parametrize(
    "file_system", ["efs", pytest.param("lustre", marks=pytest.mark.full)]
)

#: What moto forgets of a resource, so that a second plan would set it again; found by trying.
FORGOTTEN = {
    "aws_vpc_security_group_ingress_rule": {"description"},
    "aws_vpc_security_group_egress_rule": {"description"},
}

#: Values that the provider works out anew whenever it would change something of a resource.
DERIVED = {"tags_all", "id", "arn"}


@lives
def test_it_is_made(file_system: str) -> None:
    standing = life(file_system).standing
    assert len(standing["VPCs"]) == 1
    assert len(standing["subnets"]) == 6
    assert len(standing["NAT gateways"]) == 3
    assert standing["clusters"] == ["rayworks"]
    assert standing["buckets"] == ["rayworks-data-123456789012"]
    assert standing["repositories"] == ["rayworks/mlflow", "rayworks/operator", "rayworks/ray"]
    system = {"efs": "EFS", "lustre": "Lustre"}[file_system]
    for kind in (system, "MemoryDB", "secrets", "state machines", "Prometheus", "budgets"):
        assert len(standing[kind]) == 1, kind


@lives
def test_a_second_run_changes_nothing(file_system: str) -> None:
    changed = {
        address: (actions, attributes)
        for address, (actions, attributes) in life(file_system).again.items()
        if actions != "update"
        or attributes - DERIVED - FORGOTTEN.get(address.split(".")[-2].split("[")[0], set())
    }
    assert changed == {}


@lives
def test_nothing_is_left(file_system: str) -> None:
    assert life(file_system).after == life(file_system).before


def test_everything_has_the_deployments_tag() -> None:
    untagged = [
        address
        for address, values in life().made.resources.items()
        if "tags_all" in values
        and (values["tags_all"] or {}).get("rayworks-deployment") != "rayworks"
    ]
    assert untagged == []


def test_no_output_is_a_secret() -> None:
    made = life().made
    password = made.resources["module.redis[0].terraform_data.password"]["output"]
    assert len(password) == 64
    assert password not in json.dumps(made.outputs)


def test_the_password_is_drawn_once() -> None:
    assert "module.redis[0].terraform_data.password" not in life().again


def test_every_policy_names_its_reason() -> None:
    """Statements of roles have a Sid that says what for; `*` only where AWS knows no more."""
    for address, values in life().made.resources.items():
        if ".aws_iam_role_policy." not in address:
            continue
        for statement in json.loads(values["policy"])["Statement"]:
            assert statement.get("Sid"), address
            actions = statement["Action"]
            for action in [actions] if isinstance(actions, str) else actions:
                assert not action.endswith(":*"), (address, action)


def test_policies_are_no_longer_than_iam_takes() -> None:
    for address, values in life().made.resources.items():
        if ".aws_iam_role_policy." in address:
            assert len("".join(values["policy"].split())) <= 10240, address
