"""Schemas that are generated from annotated values, and the contract between the charts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from charts import check, schema, values
from charts.conform import versions
from charts.places import APPLICATIONS, CHARTS
from charts.proof import Proof
from deploy.workloads import merged
from lib.errors import UserError
from lib.paths import tool
from lib.shell import run


@pytest.fixture
def chart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make a schema of some values."""

    def make(values: str, described: str = "name: x\n") -> dict[str, Any]:
        (tmp_path / "x").mkdir(exist_ok=True)
        (tmp_path / "x" / "Chart.yaml").write_text(described)
        (tmp_path / "x" / "values.yaml").write_text(values)
        monkeypatch.setattr(schema, "CHARTS", tmp_path)
        made: dict[str, Any] = json.loads(schema.of_chart("x"))
        return made

    return make


def test_type_and_description_follow_from_the_value(chart: Any) -> None:
    made = chart('# @schema {"minimum": 1}\n# -- (int) How many\n# of them.\nnumber: 3\n')
    assert made["properties"]["number"] == {
        "type": "integer", "minimum": 1, "maximum": 2**31 - 1,
        "default": 3, "description": "How many of them.",
    }  # fmt: skip


def test_maps_with_keys_are_strict(chart: Any) -> None:
    made = chart("outer:\n  # -- Inner.\n  inner: true\n")
    validator = Draft202012Validator(made)
    assert validator.is_valid({"outer": {"inner": False}})
    assert not validator.is_valid({"outer": {"other": False}})
    assert not validator.is_valid({"other": {}})
    assert validator.is_valid({"outer": {"inner": True}, "global": {"anything": {"of": "others"}}})


def test_the_charts_that_a_chart_is_made_of_are_keys(chart: Any) -> None:
    made = chart("# -- On.\non: true\n", "name: x\ndependencies: [{name: part}]\n")
    validator = Draft202012Validator(made)
    assert validator.is_valid({"part": {"of": "its own schema"}, "on": False})
    assert not validator.is_valid({"other": {}})
    assert not validator.is_valid({"part": 1})


def test_definitions_come_with_what_they_refer_to(chart: Any) -> None:
    made = chart('# @schema {"$ref": "#/$defs/workers"}\n# -- Groups.\nworkers: {}\n')
    validator = Draft202012Validator(made)
    assert validator.is_valid({"workers": {"a": None, "b": {"replicas": 0}}})
    assert not validator.is_valid({"workers": {"b": {"replica": 0}}})
    assert not validator.is_valid({"workers": {"B": {}}})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ("key: 1\n", "key has no description"),
        ("# -- Null.\nkey: null\n", "key is null and says no type"),
        ("# @schema {no\n# -- Bad.\nkey: 1\n", "not JSON"),
        ('# @schema {"$ref": "#/$defs/none"}\n# -- Bad.\nkey: {}\n', "not defined"),
    ],
)
def test_says_what_is_wrong_with_an_annotation(chart: Any, values: str, said: str) -> None:
    with pytest.raises(UserError, match=said.replace("$", r"\$")):
        chart(values)


def test_a_shared_value_is_where_it_belongs() -> None:
    cluster, job, service = (
        yaml.safe_load(values.shared(name)) for name in ("ray-cluster", "ray-job", "ray-service")
    )
    assert cluster["autoscaling"].pop("keepReplicas") is True
    assert cluster == job
    job.pop("queue")
    assert job == service


@pytest.mark.parametrize("name", APPLICATIONS)
def test_defaults_and_scenarios_satisfy_their_own_schema(name: str) -> None:
    made = json.loads((CHARTS / name / "values.schema.json").read_text())
    Draft202012Validator.check_schema(made)
    validator = Draft202012Validator(made)
    for path in (CHARTS / name / "values.yaml", *(CHARTS / name / "ci").glob("*.yaml")):
        given = merged([CHARTS / name / "values.yaml", path])
        errors = [error.message for error in validator.iter_errors(given)]
        assert errors == [], path


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("global.ray.pool.x=1", "'pool' not allowed"),
        ("global.ray.network.egress=shut", "global/ray/network/egress"),
        ("global.other.key=1", None),
        ("worker.x.replicas=1", "'worker' not allowed"),
        ("workers.x.replica=1", "'replica' not allowed"),
        ("auth.mode=none", "auth/mode"),
    ],
)
def test_helm_refuses_what_the_schemas_do_not_know(setting: str, said: str | None) -> None:
    command = [tool("helm"), "template", "demo", CHARTS / "ray-cluster", "--set", setting]
    done = run([str(word) for word in command], check=False)
    assert (done.returncode == 0) == (said is None), done.stderr
    assert said is None or said in done.stderr


def test_the_check_finds_what_the_api_server_would_refuse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = """
apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: x}
spec: {headGroupSpec: {rayStartParams: {}, template: {spec: {containers: [{name: x, imag: y}]}}}}
---
apiVersion: v1
kind: Service
metadata: {name: x}
spec: {prots: []}
"""
    one = check.Rendering("ray-cluster", "wrong on purpose", ())
    monkeypatch.setattr(check, "renderings", lambda: iter([one]))
    monkeypatch.setattr(check.Prover, "prove", lambda *_, **__: Proof(wrong, "", "", ()))
    said = "\n".join(check.conform(versions()[-1:]))
    assert "imag" in said
    assert "prots" in said
