"""What a team's roles allow, against what the workload charts make; the values that it hands on."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from charts.check import Rendering
from charts.places import CHARTS, examples, scenarios

WORKLOADS = ("ray-cluster", "ray-job", "ray-service")

#: What Helm asks for about an object of a release, from install to uninstall.
VERBS = {"get", "create", "patch", "delete"}

Rule = tuple[str, str, str, str]  #: API group, resource, object's name or "", verb


@cache
def rendered(chart: str, values: Path) -> list[dict[str, Any]]:
    """Objects that a chart makes in a scenario."""
    text = Rendering(chart, f"{chart}, {values.stem}", (values,)).text()
    return [obj for obj in yaml.load_all(text, Loader=yaml.CSafeLoader) if obj]


def team(kind: str, name: str) -> dict[str, Any]:
    """An object of a team with everything on, in a release `demo`."""
    objects = rendered("ray-team", CHARTS / "ray-team" / "ci" / "restricted.yaml")
    (found,) = [o for o in objects if o["kind"] == kind and o["metadata"]["name"] == name]
    return found


def rules(role: dict[str, Any]) -> set[Rule]:
    """Every single thing that a Role allows."""
    return {
        (group, resource, name, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [""])
        for verb in rule["verbs"]
    }


def allows(held: set[Rule], wanted: Rule) -> bool:
    """Whether rules include another: one about all objects includes each of them."""
    group, resource, _, verb = wanted
    return wanted in held or (group, resource, "", verb) in held


CASES = [
    (chart, path)
    for chart in WORKLOADS
    for path in (*scenarios(chart).values(), *examples(chart).values())
]


@pytest.mark.parametrize(("chart", "values"), CASES, ids=lambda case: getattr(case, "stem", case))
def test_a_deployer_may_install_what_the_workload_charts_make(chart: str, values: Path) -> None:
    held = rules(team("Role", "demo-deployer"))
    for obj in rendered(chart, values):
        group, _, _ = obj["apiVersion"].rpartition("/")
        kind = obj["kind"].lower()
        plural = re.sub("y$", "ie", re.sub("s$", "se", kind)) + "s"
        missing = {verb for verb in VERBS if (group, plural, "", verb) not in held}
        assert not missing, f"{obj['kind']} {obj['metadata']['name']}"
        if obj["kind"] == "Role":
            # Kubernetes lets nobody grant what they do not have.
            beyond = {rule for rule in rules(obj) if not allows(held, rule)}
            assert not beyond, obj["metadata"]["name"]


def test_each_role_may_what_the_one_before_it_may() -> None:
    reader, runner, deployer = (
        rules(team("Role", f"demo-{role}")) for role in ("reader", "runner", "deployer")
    )
    assert reader < runner < deployer
    assert {verb for *_, verb in reader} == {"get", "list", "watch"}
    assert {name for _, resource, name, _ in runner if resource == "secrets"} == {"ray-token"}


@pytest.mark.parametrize("chart", WORKLOADS)
def test_what_a_team_hands_on_is_what_the_workload_charts_take(chart: str, tmp_path: Path) -> None:
    handed = tmp_path / "team.yaml"
    handed.write_text(team("ConfigMap", "ray-environment")["data"]["values.yaml"])
    default = CHARTS / chart / "ci" / "default.yaml"
    text = Rendering(chart, f"{chart} of a team", (handed, default)).text()
    objects = [obj for obj in yaml.load_all(text, Loader=yaml.CSafeLoader) if obj]
    (ray,) = [obj for obj in objects if obj["apiVersion"] == "ray.io/v1"]
    spec = ray["spec"].get("rayClusterSpec") or ray["spec"].get("rayClusterConfig") or ray["spec"]
    assert spec["authOptions"] == {"mode": "token", "secretName": "ray-token"}
    pod = spec["headGroupSpec"]["template"]["spec"]
    assert pod["serviceAccountName"] == "trainer"
    volumes = [v.get("persistentVolumeClaim", {}).get("claimName") for v in pod["volumes"]]
    assert team("PersistentVolumeClaim", "shared")["metadata"]["name"] in volumes
