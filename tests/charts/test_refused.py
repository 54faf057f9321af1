"""What the charts refuse (refused.yaml), and that they refuse nothing that is good."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from charts import check
from charts.places import APPLICATIONS, scenarios
from charts.proof import Prover
from charts.refusals import Refusal, refusals

CASES = list(refusals())
GOOD = [
    # `python -m charts check` has chart-proof render them all; `helm template` takes far longer.
    pytest.param(
        one,
        id=one.title.replace(" ", "-"),
        marks=[] if one.title.endswith("scenario default") else pytest.mark.slow,
    )
    for one in check.renderings()
]


@pytest.fixture(scope="module")
def prover() -> Iterator[Prover]:
    with Prover() as running:
        yield running


def test_the_table_is_as_long_as_it_should_be() -> None:
    print(f"{len(CASES)} cases of values that are refused")
    assert len(CASES) >= 120


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.chart}-{c.title.replace(' ', '-')}")
def test_a_chart(prover: Prover, case: Refusal) -> None:
    assert case.fault(prover) == ""


@pytest.mark.parametrize(
    ("cron", "good"),
    [
        ("0 2 * * *", True),
        ("*/5 0-6,22 1,15 jan-mar MON-FRI", True),
        ("@daily", True),
        ("61 * * * *", False),
        ("* 24 * * *", False),
        ("* * * * 7", False),
        ("* * * *", False),
        ("foo bar a b c", False),
        ("*/0 * * * *", False),
    ],
)
def test_a_schedule_is_one_that_kubernetes_takes(prover: Prover, cron: str, good: bool) -> None:
    said = prover.prove("ray-job", [json.dumps({"job": {"schedule": {"cron": cron}}})])
    assert not said.faults
    assert (said.error == "") == good, said.error
    assert good or "job.schedule.cron: " in said.error


@pytest.mark.parametrize("one", GOOD)
def test_what_is_good_renders_as_helm_renders_it(prover: Prover, one: check.Rendering) -> None:
    proof = prover.prove(one.chart, one.texts)
    assert not proof.error
    assert not proof.faults
    assert prover.prove(one.chart, one.texts).manifest == proof.manifest
    assert proof.manifest == one.text()


@pytest.mark.parametrize("chart", APPLICATIONS)
def test_a_namespace_may_look_like_a_number(prover: Prover, chart: str) -> None:
    spaces = {"operator": {"namespace": "007"}, "monitoring": {"namespace": "007"}}
    texts = [scenarios(chart)["default"].read_text(), json.dumps({"global": {"ray": spaces}})]
    proof = prover.prove(chart, texts, place="007")
    assert not proof.error
    assert not proof.faults
