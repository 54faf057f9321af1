"""The chart ray-monitoring: rules with promtool, configurations, dashboards and runbooks."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import ray
import yaml

from charts import dashboards
from charts.places import CHARTS
from lib.paths import ROOT, tool
from lib.shell import run

CHART = CHARTS / "ray-monitoring"
RUNBOOKS = ROOT / "docs" / "runbooks"
UNIT_TESTS = Path(__file__).parent / "rules"

#: What a ConfigMap holds, and what `kubectl apply` keeps of it in an annotation.
CONFIG_MAP_LIMIT = 2**20
ANNOTATION_LIMIT = 2**18

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
RULES = yaml.safe_load((CHART / "files" / "rules.yaml").read_text())


def rendered(chart: Path, *scenarios: str) -> list[dict[str, Any]]:
    """Objects of a chart in a scenario."""
    values = [word for name in scenarios for word in ("--values", str(CHART / "ci" / name))]
    command = [tool("helm"), "template", "ray-monitoring", str(chart), "-n", "ray-system", *values]
    return [one for one in yaml.load_all(run(command).stdout, yaml.CSafeLoader) if one]


@cache
def configuration(scenario: str) -> dict[str, str]:
    """Files of the chart's own pod."""
    (found,) = (
        one["data"]
        for one in rendered(CHART, scenario)
        if one["metadata"]["name"] == "ray-monitoring-config"
    )
    assert isinstance(found, dict)
    return found


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """The rule file, with every alert that there is."""
    path = tmp_path / "rules.yaml"
    path.write_text(configuration("default.yaml")["rules.yaml"])
    return path


@pytest.mark.slow
def test_the_rules_do_what_their_unit_tests_say(rules: Path) -> None:
    tests = [shutil.copy(path, rules.parent) for path in sorted(UNIT_TESTS.glob("*.yaml"))]
    assert tests
    run([tool("promtool"), "check", "rules", "--lint=all", "--lint-fatal", rules])
    run([tool("promtool"), "test", "rules", *tests])


def verdicts() -> Iterator[tuple[str, bool]]:
    """Each alert that a unit test asks about, and whether it fires then."""
    for path in UNIT_TESTS.glob("*.yaml"):
        for group in yaml.safe_load(path.read_text())["tests"]:
            for case in group["promql_expr_test"]:
                if found := re.search(r'ALERTS\{alertname="(\w+)"', case["expr"]):
                    yield found[1], bool(case.get("exp_samples"))


@pytest.mark.parametrize("alert", VALUES["alerts"])
def test_each_alert_is_tested_to_fire_and_to_clear(alert: str) -> None:
    assert {fires for name, fires in verdicts() if name == alert} == {True, False}


def test_each_alert_has_values_and_a_rule_and_a_runbook() -> None:
    alerts = set(VALUES["alerts"])
    assert set(RULES["alerts"]) == alerts
    pages = {path.stem for path in RUNBOOKS.glob("*.md")} - {"README"}
    assert pages == {*alerts, "RayTestAlert"}
    index = (RUNBOOKS / "README.md").read_text()
    for page in pages:
        text = (RUNBOOKS / f"{page}.md").read_text()
        titles = [line for line in text.splitlines() if line.startswith("#") and "# " in line[:4]]
        assert titles == [f"# {page}", "## Meaning", "## How to look", "## What to do"], page
        assert f"[{page}]({page}.md)" in index
        for link in re.findall(r"\]\((\w+\.md)\)", text):
            assert (RUNBOOKS / link).exists(), f"{page} refers to {link}"


def test_a_threshold_is_read_where_there_is_one() -> None:
    for name, rule in RULES["alerts"].items():
        assert ("$threshold" in rule["expr"]) == ("threshold" in VALUES["alerts"][name]), name


@pytest.mark.parametrize("scenario", ["default.yaml", "everything.yaml", "plain.yaml"])
def test_prometheus_takes_its_configuration(tmp_path: Path, scenario: str) -> None:
    path = tmp_path / "prometheus.yaml"
    path.write_text(configuration(scenario)["prometheus.yaml"])
    run([tool("promtool"), "check", "config", "--syntax-only", path])


def test_alertmanager_takes_its_configuration(tmp_path: Path) -> None:
    path = tmp_path / "alertmanager.yaml"
    path.write_text(configuration("everything.yaml")["alertmanager.yaml"])
    run([tool("amtool"), "check-config", path])


def test_the_images_are_of_the_versions_that_are_tested() -> None:
    text = (CHARTS / "ray-common" / "templates" / "_global.tpl").read_text()
    versions = {
        # Prometheus numbers its module 0.300 and on for version 3.
        "prometheus": (r"v0\.3(\d\d)\.(\d+)", lambda found: f"v3.{int(found[1])}.{found[2]}"),
        "alertmanager": (r"v(\S+)", lambda found: f"v{found[1]}"),
    }
    for name, (pattern, tag) in versions.items():
        gomod = (ROOT / "scripts" / "tools" / name / "go.mod").read_text()
        found = re.search(rf"github\.com/prometheus/{name} {pattern}", gomod)
        assert found
        assert f"prom/{name}, tag: {tag(found)}}}" in text


def test_a_new_version_of_the_chart_alone_rolls_nothing(tmp_path: Path) -> None:
    copy = tmp_path / "chart"
    shutil.copytree(CHART, copy)
    text = (copy / "Chart.yaml").read_text()
    (copy / "Chart.yaml").write_text(text.replace("version: 0.1.0", "version: 9.9.9", 1))

    def pods(chart: Path) -> list[Any]:
        objects = rendered(chart, "everything.yaml")
        return [one["spec"]["template"] for one in objects if one["kind"] == "Deployment"]

    assert pods(copy) == pods(CHART) != []


def files() -> list[Path]:
    return sorted(dashboards.FOLDER.glob("*.json"))


def test_every_dashboard_can_be_chosen_and_every_choice_is_there() -> None:
    assert {path.stem for path in files()} == set(VALUES["dashboards"]["include"])


def test_dashboards_have_names_and_panels_of_their_own() -> None:
    whole = [json.loads(path.read_text()) for path in files()]
    assert len({one["uid"] for one in whole}) == len({one["title"] for one in whole}) == len(whole)
    for one in whole:
        panels = [inner for row in one["panels"] for inner in (row, *row.get("panels", []))]
        numbers = [panel["id"] for panel in panels]
        assert len(set(numbers)) == len(numbers), one["title"]


@pytest.mark.parametrize("path", files(), ids=lambda path: path.stem)
def test_a_dashboard_fits_where_it_is_kept(path: Path) -> None:
    text = path.read_text().strip()
    assert len(text.encode()) < CONFIG_MAP_LIMIT
    # The last applied configuration is the whole object; labels and names are some hundred bytes.
    assert len(json.dumps({"data": {path.name: text}})) < ANNOTATION_LIMIT - 2000


def test_a_query_leaves_no_variable() -> None:
    queries = list(dashboards.queries())
    assert len({query.dashboard for query in queries}) == len(files())
    assert not [query for query in queries if "$" in query.expression]


def expressions() -> Iterator[str]:
    """PromQL that is ours: rules, alerts and dashboards."""
    yield from RULES["records"].values()
    yield from (alert["expr"] for alert in RULES["alerts"].values())
    yield from (
        query.expression for query in dashboards.queries() if query.dashboard in dashboards.OURS
    )


def test_every_metric_is_one_that_ray_or_the_operator_has() -> None:
    text = " ".join(expressions())
    recorded = set(re.findall(r"\bray:\w+(?::\w+)+", text))
    assert recorded == {f"{name}" for name in RULES["records"]}

    folder = Path(ray.__file__).parent
    ours = set(re.findall(r"\b(?:ray|autoscaler)_[a-z0-9_]+", text)) - {"ray_io_cluster"}  # a label
    source = b"".join(
        path.read_bytes()
        for pattern in (
            "dashboard/modules/reporter/reporter_agent.py", "autoscaler/_private/prom_metrics.py",
            "serve/_private/*.py", "_raylet.so", "core/src/ray/raylet/raylet",
            "core/src/ray/gcs/gcs_server",
        )
        for path in sorted(folder.glob(pattern))
    ).replace(b"{protocol_name}", b"http")  # fmt: skip
    assert len(ours) > 20
    assert not [name for name in ours if not defined(name.partition("_")[2], source)]

    theirs = set(re.findall(r"\b(?:kuberay|controller_runtime)_[a-z0-9_]+", text))
    operator = Path(tool("ray-operator")).read_bytes()
    assert len(theirs) > 8
    assert not [name for name in theirs if not defined(name, operator)]


def defined(metric: str, program: bytes) -> bool:
    """Whether a program holds a metric's name, with or without what exporters add to it."""
    plain = re.sub("_(total|bucket|sum|count)$", "", metric)
    return metric.encode() in program or plain.encode() in program
