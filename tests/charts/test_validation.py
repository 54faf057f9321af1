"""docs/validation.md against the source of the operator, and what it says of the charts.

The table is whole when it holds every message of the operator's validation; each row of it names a
test, here or in a chart, that shows what the chart says instead.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from charts import crds
from charts.places import CHARTS
from lib.paths import ROOT, tool

TABLE = ROOT / "docs" / "validation.md"

_LITERAL = r'"(?:[^"\\]|\\.)*"'
_MADE = re.compile(
    rf"(?:fmt\.Errorf|errstd\.New|fmt\.Sprintf)\(\s*({_LITERAL}(?:\s*\+\s*{_LITERAL})*)"
)


@dataclass(frozen=True)
class Case:
    """Values that a chart refuses.

    Args:
        chart: its name.
        says: pattern of what Helm prints.
        values: the values.
        release: the release's name.
    """

    chart: str
    says: str
    values: dict[str, Any] = field(default_factory=dict)
    release: str = "demo"


def rule(**condition: Any) -> dict[str, Any]:
    return {"policy": "DeleteCluster", "condition": condition}


def job(**values: Any) -> dict[str, Any]:
    return {"job": values}


BY_RULES = {"shutdownAfterJobFinishes": False, "ttlSecondsAfterFinished": 0}
UNKNOWN = "additional properties '{}' not allowed"

CASES = {
    "name-of-a-cluster": Case("ray-cluster", "must not be longer than 53", release="a" * 54),
    "upgrade-strategy-of-a-cluster": Case(
        "ray-cluster", "/upgradeStrategy.*one of", {"upgradeStrategy": "Rolling"}
    ),
    "key-of-a-label": Case(
        "ray-cluster", "'a b' not allowed", {"workers": {"w": {"rayLabels": {"a b": "c"}}}}
    ),
    "value-of-a-label": Case(
        "ray-cluster",
        "/workers/w/rayLabels/a.*'b c'",
        {"workers": {"w": {"rayLabels": {"a": "b c"}}}},
    ),
    "negative-minReplicas": Case(
        "ray-cluster", "/workers/w/minReplicas.*minimum", {"workers": {"w": {"minReplicas": -1}}}
    ),
    "negative-maxReplicas": Case(
        "ray-cluster", "/workers/w/maxReplicas.*minimum", {"workers": {"w": {"maxReplicas": -1}}}
    ),
    "Redis-password-in-the-environment": Case(
        "ray-cluster", r"env\.REDIS_PASSWORD.*", {"env": {"REDIS_PASSWORD": "x"}}
    ),
    "Redis-user-as-a-start-parameter": Case(
        "ray-cluster",
        r"head\.rayStartParams\.redis-username[^>]*-> use gcsFaultTolerance\.redis",
        {"head": {"rayStartParams": {"redis-username": "x"}}},
    ),
    "negative-idle-timeout": Case(
        "ray-cluster",
        "/autoscaling/idleTimeoutSeconds.*minimum",
        {"autoscaling": {"idleTimeoutSeconds": -1}},
    ),
    "no-version-of-Ray": Case("ray-cluster", "/rayVersion.*pattern", {"rayVersion": ""}),
    "version-of-Ray-in-words": Case("ray-job", "/rayVersion.*pattern", {"rayVersion": "newest"}),
    "name-of-a-job": Case("ray-job", "release name.*begin with a letter", release="1demo"),
    "negative-time-to-live": Case(
        "ray-job", "/job/ttlSecondsAfterFinished.*minimum", job(ttlSecondsAfterFinished=-1)
    ),
    "selector-without-a-name": Case(
        "ray-job",
        "/job/clusterSelector.*not match",
        job(clusterSelector={"ray.io/cluster": ""}),
    ),
    "selector-by-another-label": Case(
        "ray-job", UNKNOWN.format("app"), job(clusterSelector={"app": "x"})
    ),
    "no-time-at-all": Case(
        "ray-job", "/job/activeDeadlineSeconds.*minimum", job(activeDeadlineSeconds=0)
    ),
    "no-time-to-start": Case(
        "ray-job", "/job/preRunningDeadlineSeconds.*minimum", job(preRunningDeadlineSeconds=0)
    ),
    "negative-retries": Case("ray-job", "/job/backoffLimit.*minimum", job(backoffLimit=-1)),
    "name-of-a-service": Case("ray-service", "release name.*begin with a letter", release="1demo"),
    "negative-time-to-initialize": Case(
        "ray-service", "/initializingTimeoutSeconds.*minimum", {"initializingTimeoutSeconds": -1}
    ),
    "time-to-initialize-in-words": Case(
        "ray-service", "/initializingTimeoutSeconds.*integer", {"initializingTimeoutSeconds": "5m"}
    ),
    "upgrade-strategy-of-a-service": Case(
        "ray-service", "/upgradeStrategy.*one of", {"upgradeStrategy": "Recreate"}
    ),
    "negative-deletion-delay": Case(
        "ray-service", "/clusterDeletionDelaySeconds.*minimum", {"clusterDeletionDelaySeconds": -1}
    ),
    "surge-over-100": Case(
        "ray-service", "/maxSurgePercent.*maximum", {"incrementalUpgrade": {"maxSurgePercent": 101}}
    ),
    "step-of-nothing": Case(
        "ray-service", "/stepSizePercent.*minimum", {"incrementalUpgrade": {"stepSizePercent": 0}}
    ),
    "no-time-between-steps": Case(
        "ray-service", "/intervalSeconds.*minimum", {"incrementalUpgrade": {"intervalSeconds": 0}}
    ),
    "rule-twice-for-a-deployment": Case(
        "ray-job",
        r"job\.deletionRules\[1\]: a second rule for DeleteCluster when Failed",
        job(deletionRules=[rule(jobDeploymentStatus="Failed")] * 2, **BY_RULES),
    ),
    "rule-without-a-condition": Case(
        "ray-job",
        r"job\.deletionRules\[0\]\.condition: needs either",
        job(deletionRules=[rule(ttlSeconds=1)], **BY_RULES),
    ),
    "rule-before-the-end": Case(
        "ray-job",
        "/job/deletionRules/0/condition/ttlSeconds.*minimum",
        job(deletionRules=[rule(jobStatus="FAILED", ttlSeconds=-1)], **BY_RULES),
    ),
    "schedule-in-words": Case(
        "ray-job", "job.schedule.cron.*has 2 fields", job(schedule={"cron": "every night"})
    ),
    "negative-idle-timeout-of-a-group": Case(
        "ray-cluster",
        "/workers/w/idleTimeoutSeconds.*minimum",
        {"workers": {"w": {"idleTimeoutSeconds": -1}}},
    ),
    "upgrade-strategy-of-a-job": Case(
        "ray-job", UNKNOWN.format("upgradeStrategy"), {"upgradeStrategy": "Recreate"}
    ),
    "annotations-of-a-cluster": Case(
        "ray-cluster", UNKNOWN.format("annotations"), {"annotations": {"ray.io/ft-enabled": "true"}}
    ),
    "suspended-group": Case(
        "ray-cluster", UNKNOWN.format("suspend"), {"workers": {"w": {"suspend": True}}}
    ),
    "restart-policy-of-a-head": Case(
        "ray-cluster", UNKNOWN.format("restartPolicy"), {"head": {"restartPolicy": "Always"}}
    ),
    "restart-policy-of-a-group": Case(
        "ray-cluster",
        UNKNOWN.format("restartPolicy"),
        {"workers": {"w": {"restartPolicy": "Always"}}},
    ),
    "tokens-of-Kubernetes": Case(
        "ray-service",
        UNKNOWN.format("enableK8sTokenAuth"),
        {"auth": {"enableK8sTokenAuth": True}},
    ),
    "restart-policy-as-a-last-resort": Case(
        "ray-cluster",
        UNKNOWN.format("restartPolicy"),
        {"head": {"override": {"pod": {"restartPolicy": "Always"}}}},
    ),
    "name-of-the-head-service": Case(
        "ray-service", UNKNOWN.format("name"), {"headService": {"name": "mine"}}
    ),
    "deletion-as-before": Case(
        "ray-job", UNKNOWN.format("deletionStrategy"), job(deletionStrategy={"onSuccess": {}})
    ),
}


def messages(path: Path) -> set[str]:
    """What a file of the operator says when it refuses something."""
    return {
        "".join(ast.literal_eval(part) for part in re.findall(_LITERAL, found[1]))
        for found in _MADE.finditer(path.read_text())
    }


def rows() -> list[list[str]]:
    """The cells of every row of every table, the first without its ticks."""
    lines = [line for line in TABLE.read_text().splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]
    return [[row[0].strip("`"), *row[1:]] for row in cells]


def named() -> set[str]:
    """The tests that the table names."""
    tests = [test for row in rows() if ": " in row[-1] for test in row[-1].split("; ")]
    return {test for test in tests if re.match(r"^(case|ray-\w+): ", test)}


def test_the_table_holds_what_the_operator_refuses_and_nothing_else() -> None:
    folder = crds.module()[1] / "controllers" / "ray"
    said = messages(folder / "utils" / "validation.go")
    assert len(said) > 80
    for path in (folder / "batchscheduler").glob("*/*.go"):
        if not path.name.endswith("_test.go"):
            said |= {m for m in messages(path) if "support" in m}
    table = [row[0] for row in rows()]
    assert sorted(table) == sorted(said)


def test_the_tests_that_the_table_names_are_there() -> None:
    there = {f"case: {name}" for name in CASES}
    for chart in ("ray-cluster", "ray-job", "ray-service"):
        for path in (CHARTS / chart / "tests").glob("*_test.yaml"):
            for suite in yaml.safe_load_all(path.read_text()):
                there |= {f"{chart}: {test['it']}" for test in suite["tests"]}
    assert named() - there == set()
    # and those here are named, each row but those of the last tables by one at least
    assert {f"case: {name}" for name in CASES} <= named()
    assert [row[0] for row in rows() if len(row) > 2 and not set(row[-1].split("; ")) & there] == []


@pytest.mark.parametrize("name", CASES)
def test_a_chart_refuses(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    (tmp_path / "values.json").write_text(json.dumps(case.values))
    done = subprocess.run(
        [
            tool("helm"), "template", case.release, CHARTS / case.chart, "--namespace", "team",
            "--values", CHARTS / case.chart / "ci" / "default.yaml",
            "--values", tmp_path / "values.json",
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert re.search(case.says, done.stderr, re.DOTALL), done.stderr
