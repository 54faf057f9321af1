"""What Terraform says to the charts: valid as `global.ray`, and enough to render workloads with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from aks_runs import runs

from charts.places import CHARTS, WORKLOADS
from deploy.workloads import merge
from lib.paths import ROOT, tool
from lib.shell import run

ENVIRONMENT = ROOT / "environments" / "aks"
SCHEMA = json.loads((CHARTS / "ray-common" / "values.schema.json").read_text())

MADE = ("made", "made_with_everything")


def load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


def told(scenario: str) -> dict[str, Any]:
    """A values file of `helm_values`, with images as a deployment pushes them."""
    images = load(ENVIRONMENT / "example.yaml")["global"]["ray"]["images"]
    values: dict[str, Any] = runs()[scenario].outputs["helm_values"]
    return {"global": {"ray": {"images": images, **values}}}


@pytest.mark.cloud
@pytest.mark.parametrize("scenario", MADE)
def test_values_are_what_the_charts_understand(scenario: str) -> None:
    values = merge(load(ENVIRONMENT / "values.yaml"), told(scenario))
    jsonschema.Draft202012Validator(SCHEMA).validate(values)


@pytest.mark.cloud
@pytest.mark.parametrize("scenario", MADE)
@pytest.mark.parametrize("workload", ["fashion_mnist", "doggos", "hello_service", "cluster"])
def test_workloads_render(workload: str, scenario: str, tmp_path: Path) -> None:
    """With what is fixed, what Terraform says, and the workload's own, in this order."""
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(told(scenario)))
    folder = WORKLOADS / workload
    chart = CHARTS / load(folder / "workload.yaml")["chart"]
    files = [ENVIRONMENT / "values.yaml", file, folder / "values.yaml"]
    words = [word for path in files for word in ("--values", str(path))]
    text = run([tool("helm"), "template", "demo", chart, "--namespace", "ray", *words]).stdout
    assert "azure.workload.identity/use" in text
    assert "abfss://ray@" in text


@pytest.mark.cloud
def test_the_example_is_what_terraform_says() -> None:
    """example.yaml, with which the charts are checked, has what helm_values has beside pools."""
    values = dict(runs()["made"].outputs["helm_values"])
    example = load(ENVIRONMENT / "example.yaml")["global"]["ray"]
    del values["pools"], example["images"]
    suffix = values["storage"]["uri"].removesuffix(".dfs.core.windows.net")[-6:]
    example["storage"]["uri"] = example["storage"]["uri"].replace("0a1b2c", suffix)
    assert example == values


@pytest.mark.cloud
def test_fixed_sizes_are_those_of_the_default_machines() -> None:
    fixed = load(ENVIRONMENT / "values.yaml")["global"]["ray"]["pools"]
    derived = runs()["made"].outputs["helm_values"]["pools"]
    for name, pool in derived.items():
        assert fixed[name] == {key: value for key, value in pool.items() if value != []}, name
    assert fixed.keys() - derived.keys() == {"head"}


@pytest.mark.cloud
def test_without_gpus_workloads_get_cpus() -> None:
    pools = merge(load(ENVIRONMENT / "values.yaml"), told("made_with_everything"))["global"]["ray"]
    for name in ("gpu", "spot-gpu"):
        assert pools["pools"][name]["accelerator"] == {"resource": "none"}
        assert pools["pools"][name]["fallback"] == "cpu"


@pytest.mark.cloud
def test_a_teams_values_are_what_its_chart_understands(tmp_path: Path) -> None:
    team = runs()["made_with_everything"].outputs["add_ons"]["teams"]["red"]
    file = tmp_path / "red.yaml"
    file.write_text(yaml.safe_dump(merge(told("made_with_everything"), team)))
    words = ["--values", str(ENVIRONMENT / "values.yaml"), "--values", str(file)]
    text = run([tool("helm"), "template", "red", CHARTS / "ray-team", *words]).stdout
    assert "abfss://red@" in text
    objects = {
        (one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(text) if one
    }
    group = objects["RoleBinding", "red-deployer"]["subjects"][0]
    assert group["name"] == "44444444-4444-4444-4444-444444444444"


@pytest.mark.cloud
def test_every_cloud_has_the_same_outputs() -> None:
    assert set(runs()["made"].outputs) == {
        "cluster_name", "region", "get_credentials_command", "registry", "storage_class",
        "storage_uri", "identity", "node_pools", "tags", "dashboards", "add_ons", "helm_values",
    }  # fmt: skip


@pytest.mark.cloud
def test_credentials_go_to_the_file_that_is_named() -> None:
    command = runs()["made"].outputs["get_credentials_command"]
    assert command.count('"$KUBECONFIG"') == command.count(" && ") + 1
