"""Random values: each is refused in words, or makes objects that nobody refuses."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from charts import check, conform, proof, refusals, sweep
from charts.places import CHARTS
from charts.proof import Prover


@pytest.fixture(scope="module")
def prover() -> Iterator[Prover]:
    with Prover() as running:
        yield running


@pytest.mark.slow
def test_a_small_sweep_finds_nothing(prover: Prover) -> None:
    tally = sweep.sweep(prover, sweep.with_values(), 120, seed=4)
    assert [f"{fault.example}\n{fault.said}" for fault in tally.faults] == []
    assert sweep.conform(tally.manifests) == []
    assert tally.answers.total() >= 120
    for chart in sweep.with_values():
        assert tally.answers[chart, "rendered"]


@pytest.mark.full
def test_a_large_sweep_finds_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with capfd.disabled():
        sweep.main(2000, None, None)


@pytest.mark.full
def test_the_charts_render_for_every_version_of_kubernetes_that_they_claim() -> None:
    assert check.conform(conform.versions()) == []


@pytest.mark.slow
def test_the_same_seed_gives_the_same_examples(prover: Prover) -> None:
    first, second = (
        sweep.sweep(prover, ["ray-cluster"], 20, seed=5).manifests.values() for _ in range(2)
    )
    assert list(map(str, first)) == list(map(str, second))


@pytest.mark.slow
def test_a_fault_is_found_and_made_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prover: Prover
) -> None:
    for name in ("ray-cluster", "ray-common"):
        shutil.copytree(CHARTS / name, tmp_path / name, symlinks=True)
    (tmp_path / "ray-cluster" / "templates" / "wrong.yaml").write_text(
        "{{ if lt (int .Values.terminationGracePeriodSeconds) 30 }}{{ .Values.no.such }}{{ end }}\n"
    )
    monkeypatch.setattr(proof, "CHARTS", tmp_path)
    monkeypatch.setattr(sweep, "scenarios", lambda chart: {"default": tmp_path / "none.yaml"})
    (tmp_path / "none.yaml").write_text("")
    (fault,) = sweep.sweep(prover, ["ray-cluster"], 300, seed=1).faults
    assert fault.example.changes["terminationGracePeriodSeconds"] < 30
    # Of up to seven changes; one that changes nothing may stay.
    assert len(fault.example.changes) <= 2
    assert "nil pointer" in fault.said


@pytest.mark.parametrize(
    ("error", "who"),
    [
        (
            "values don't meet the specifications of the schema(s) in the following chart(s):",
            "schema",
        ),
        ("execution error at (x.yaml:1:1): \n\n  a.b: is wrong\n  -> write c\n", "chart"),
        ('release name "A": invalid', "Helm"),
        ("chart dependencies processing failed: type mismatch on mlflow: true", "Helm"),
        ("chart dependencies processing failed: no such file", ""),
        ("nil pointer evaluating interface {}.x", ""),
        ("execution error at (x.yaml:1:1): no", ""),
    ],
)
def test_a_refusal_is_known_by_its_words(error: str, who: str) -> None:
    assert refusals.refused(error) == who
