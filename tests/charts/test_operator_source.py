"""The chart ray-operator against the source and the program of the operator that it installs."""

from __future__ import annotations

import itertools
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from charts import crds, schema
from charts.places import CHARTS, scenarios
from lib.paths import tool

CHART = CHARTS / "ray-operator"


@cache
def source() -> Path:
    """The folder of the pinned module."""
    return crds.module()[1]


def go(path: str) -> str:
    return (source() / path).read_text()


def rendered(*options: str) -> list[dict[str, Any]]:
    """The chart's objects."""
    command = [tool("helm"), "template", "ray-operator", CHART, "-n", "ray-system", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def of_kind(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (found,) = (one for one in objects if one["kind"] == kind)
    return found


def gates() -> dict[str, bool]:
    """The operator's feature gates and their defaults."""
    text = go("pkg/features/features.go")
    found = re.findall(r"^\t(\w+):\s+\{Default: (true|false)", text, re.MULTILINE)
    return {name: default == "true" for name, default in found}


def operator_schema() -> dict[str, Any]:
    fields: dict[str, Any] = schema.definitions()["global"]["properties"]["operator"]["properties"]
    return fields


def test_the_gates_are_those_that_the_operator_knows() -> None:
    assert gates()
    assert set(operator_schema()["featureGates"]["properties"]) == set(gates())


def test_the_charts_know_which_gates_are_on() -> None:
    text = (CHARTS / "ray-common" / "templates" / "_global.tpl").read_text()
    line = next(line for line in text.splitlines() if "$defaults := dict" in line)
    known = {name: value == "true" for name, value in re.findall(r'"(\w+)" (true|false)', line)}
    assert known == gates()


def test_the_batch_schedulers_are_those_that_the_operator_knows() -> None:
    known = {""}
    for path in (source() / "controllers/ray/batchscheduler").glob("*/*.go"):
        text = path.read_text()
        if answer := re.search(r"func GetPluginName\(\) string \{\s*return (\S+)\s*\}", text):
            name = answer[1].strip('"')
            constant = re.search(rf'\b{name}\s+(?:string )?\s*= "([^"]+)"', text)
            known.add(constant[1] if constant else name)
    assert len(known) == 5
    assert set(operator_schema()["batchScheduler"]["enum"]) == known


def test_every_variable_that_the_operator_reads_is_in_the_readme() -> None:
    files = [
        path
        for folder in ("controllers", "pkg")
        for path in (source() / folder).rglob("*.go")
        if not path.name.endswith("_test.go")
    ]
    text = "\n".join(path.read_text() for path in [source() / "main.go", *files])
    constants = dict(re.findall(r'\b(\w+)\s*=\s*("[^"]+")', text))
    names = re.findall(r"os\.(?:Getenv|LookupEnv)\((?:utils\.)?([^)]+)\)", text)
    read = {constants.get(name, name).strip('"') for name in names}
    table = re.findall(r"(?m)^\| `([A-Z_]+)` \|", (CHART / "README.md.gotmpl").read_text())
    assert read == set(table)
    assert table == sorted(table)


def configuration(scenario: Path) -> dict[str, Any]:
    objects = rendered("--values", str(scenario))
    found: dict[str, Any] = yaml.safe_load(of_kind(objects, "ConfigMap")["data"]["config.yaml"])
    return found


def test_the_file_holds_no_field_that_the_operator_takes_no_notice_of() -> None:
    text = go("apis/config/v1alpha1/configuration_types.go")
    known = {"apiVersion", "kind", *re.findall(r'json:"(\w+),omitempty"', text)}
    written = set[str]()
    for scenario in scenarios("ray-operator").values():
        written |= set(configuration(scenario))
    assert written <= known
    # What is not in any scenario is left alone on purpose.
    assert known - written == {
        "deleteRayJobAfterJobFinishes",  # nothing in the operator reads it
        "enableBatchScheduler",  # deprecated
        "leaderElectionNamespace",  # the pod's own
        "logFileEncoder",  # of no effect: the flag is read
        "logStdoutEncoder",  # of no effect: the flag is read
        "useKubernetesProxy",  # the policies of the charts let the operator in
    }


@pytest.mark.parametrize("scenario", scenarios("ray-operator").values(), ids=lambda path: path.stem)
def test_the_operator_takes_what_the_chart_gives_it(scenario: Path, tmp_path: Path) -> None:
    objects = rendered("--values", str(scenario))
    (container,) = of_kind(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    config = of_kind(objects, "ConfigMap")["data"]["config.yaml"]
    (tmp_path / "config.yaml").write_text(config.replace("/var/log", str(tmp_path)))
    args = [word.replace("/etc/ray-operator", str(tmp_path)) for word in container["args"]]
    done = subprocess.run(
        [tool("ray-operator"), *args],
        env={"KUBECONFIG": str(tmp_path / "none")},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    # It reads its configuration, gates and scheduler, and then looks for a cluster.
    assert "Setup manager" in done.stdout + done.stderr
    assert "unable to get kubeconfig" in done.stdout + done.stderr


def test_a_change_of_the_configuration_starts_the_operator_anew_and_no_other_does() -> None:
    def digest(*options: str) -> str:
        template = of_kind(rendered(*options), "Deployment")["spec"]["template"]
        return str(template["metadata"]["annotations"]["checksum/config"])

    assert digest() == digest("--set", "replicas=2")
    assert digest() != digest("--set", "client.qps=101")


def permissions(rules: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    return {
        triple
        for rule in rules
        for triple in itertools.product(rule["apiGroups"], rule["resources"], rule["verbs"])
    }


def test_the_operator_may_no_more_than_its_makers_let_it() -> None:
    theirs = permissions(yaml.safe_load(go("config/rbac/role.yaml"))["rules"])
    for path in scenarios("ray-operator").values():
        for obj in rendered("--values", str(path)):
            if obj["metadata"]["name"].endswith("ray-operator") and "rules" in obj:
                ours = permissions(obj["rules"])
                # Theirs has those of batch schedulers in the chart alone.
                beyond = {one for one in ours - theirs if one[1] != "podgroups"}
                assert beyond == set()
