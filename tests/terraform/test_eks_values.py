"""What Terraform says to the charts: valid as `global.ray`, and enough to render workloads with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from eks_runs import life, plans

from charts.places import CHARTS, WORKLOADS
from deploy.workloads import descriptions, merge
from lib.paths import ROOT, tool
from lib.shell import run

ENVIRONMENT = ROOT / "environments" / "eks"
SCHEMA = json.loads((CHARTS / "ray-common" / "values.schema.json").read_text())


def load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


def told() -> dict[str, Any]:
    """A values file of `helm_values` as made, with images as a deployment pushes them."""
    images = load(ENVIRONMENT / "example.yaml")["global"]["ray"]["images"]
    values: dict[str, Any] = life().made.outputs["helm_values"]
    return {"global": {"ray": {"images": images, **values}}}


@pytest.mark.cloud
def test_values_are_what_the_charts_understand() -> None:
    values = merge(load(ENVIRONMENT / "values.yaml"), told())
    jsonschema.Draft202012Validator(SCHEMA).validate(values)


@pytest.mark.cloud
@pytest.mark.parametrize("workload", sorted(descriptions()))
def test_workloads_render(workload: str, tmp_path: Path) -> None:
    """With what is fixed, what Terraform says, and the workload's own, in this order."""
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(told()))
    what = descriptions()[workload]
    files = [ENVIRONMENT / "values.yaml", file, *what.values("eks")]
    words = [word for path in files for word in ("--values", str(path))]
    command = [tool("helm"), "template", workload, CHARTS / what.chart, "--namespace", workload]
    text = run([*command, *words]).stdout
    assert "mountPath: /ray/export" in text
    assert "serviceAccountName: ray" in text
    assert "rayworks.io/pool" in text


@pytest.mark.cloud
def test_the_example_is_what_terraform_says() -> None:
    """example.yaml, with which the charts are checked, has what helm_values has beside pools."""
    values = dict(plans()["defaults"].outputs["helm_values"])
    example = load(ENVIRONMENT / "example.yaml")["global"]["ray"]
    del values["pools"], example["images"]
    assert example == values


@pytest.mark.cloud
def test_fixed_sizes_are_those_of_the_default_machines() -> None:
    fixed = load(ENVIRONMENT / "values.yaml")["global"]["ray"]["pools"]
    derived = plans()["defaults"].outputs["helm_values"]["pools"]
    for name, pool in derived.items():
        assert fixed[name] == {key: value for key, value in pool.items() if value != []}, name
    assert fixed.keys() == derived.keys()


@pytest.mark.cloud
def test_a_teams_values_are_what_its_chart_understands(tmp_path: Path) -> None:
    team = life().made.outputs["add_ons"]["teams"]["red"]
    file = tmp_path / "red.yaml"
    file.write_text(yaml.safe_dump(merge(told(), team)))
    words = ["--values", str(ENVIRONMENT / "values.yaml"), "--values", str(file)]
    text = run([tool("helm"), "template", "red", CHARTS / "ray-team", *words]).stdout
    assert "s3://rayworks-data-123456789012/teams/red" in text
    objects = {
        (one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(text) if one
    }
    assert objects["RoleBinding", "red-deployer"]["subjects"][0]["name"] == "rayworks:red"


@pytest.mark.cloud
def test_every_cloud_has_the_same_outputs() -> None:
    assert set(life().made.outputs) == {
        "cluster_name", "region", "get_credentials_command", "registry", "storage_class",
        "storage_uri", "identity", "node_pools", "tags", "dashboards", "add_ons", "helm_values",
    }  # fmt: skip


@pytest.mark.cloud
def test_credentials_go_to_the_file_that_is_named() -> None:
    assert '--kubeconfig "$KUBECONFIG"' in life().made.outputs["get_credentials_command"]


def test_every_workload_has_the_identity() -> None:
    """Namespaces are called as workloads are, unless the user says otherwise."""
    text = (ROOT / "terraform" / "eks" / "variables.tf").read_text()
    for name in descriptions():
        assert f'"{name}/ray"' in text, f"{name}: service_accounts of terraform/eks lacks it"
    assert WORKLOADS.exists()
