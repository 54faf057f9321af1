"""That an answer of a condition on which no test depends is found, and that charts have none."""

from __future__ import annotations

from pathlib import Path

import pytest

from charts import branches
from charts.places import APPLICATIONS, CHARTS
from charts.refusals import Refusal
from lib.errors import UserError
from lib.paths import ROOT
from lib.shell import run

pytestmark = pytest.mark.slow

FILES = {
    "Chart.yaml": "{apiVersion: v2, name: small, version: 1.0.0}",
    "values.yaml": "{one: true, two: false}",
    "templates/map.yaml": """\
apiVersion: v1
kind: ConfigMap
metadata: {name: small}
data:
  always: there
  {{- if .Values.one }}
  one: here
  {{- end }}
  {{- if .Values.two }}
  two: here
  {{- end }}
""",
    "templates/NOTES.txt": "{{ if .Values.one }}One.{{ else if .Values.two }}Two.{{ end }}",
    "tests/map_test.yaml": """\
suite: map
templates: [map.yaml]
tests:
  - it: has one
    asserts:
      - equal: {path: data.one, value: here}
""",
}

#: What makes the tests whole.
REST = """\
suite: the rest
tests:
  - it: has not one, and two
    template: map.yaml
    set: {one: false, two: true}
    asserts:
      - equal: {path: data, value: {always: there, two: here}}
  - it: has not two
    template: map.yaml
    asserts:
      - notExists: {path: data.two}
  - it: says one
    template: NOTES.txt
    asserts:
      - equalRaw: {value: One.}
  - it: says two
    template: NOTES.txt
    set: {one: false, two: true}
    asserts:
      - equalRaw: {value: Two.}
  - it: says nothing
    template: NOTES.txt
    set: {one: false}
    asserts:
      - equalRaw: {value: ""}
"""

FAIL = """\
{{- define "ray.fail" -}}
{{- fail (printf "\\n\\n  %s: %s\\n  -> %s\\n" (index . 0) (index . 1) (index . 2)) -}}
{{- end -}}
"""
GUARD = (
    '{{- if .Values.bad }}{{ include "ray.fail" (list "bad" "is bad" "leave it out") }}{{ end }}'
)
CASE = Refusal("small", "refuses bad", ('{"bad": true}',), "demo", "team", ("bad:", "leave it out"))


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> list[Refusal]:
    cases: list[Refusal] = []
    monkeypatch.setattr(branches, "refusals", lambda: iter(cases))
    return cases


@pytest.fixture
def chart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: list[Refusal]) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "small" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(branches, "CHARTS", tmp_path)
    monkeypatch.setattr(branches, "APPLICATIONS", ("small",))
    return tmp_path / "small"


def test_an_answer_that_no_case_depends_on_is_named(chart: Path) -> None:
    assert [str(one) for one in branches.survivors("small")] == [
        "charts/small/templates/NOTES.txt:1: .Values.one, taken as false",
        "charts/small/templates/NOTES.txt:1: .Values.one, taken as true",
        "charts/small/templates/NOTES.txt:1: .Values.two, taken as false",
        "charts/small/templates/NOTES.txt:1: .Values.two, taken as true",
        "charts/small/templates/map.yaml:6: .Values.one, taken as true",
        "charts/small/templates/map.yaml:9: .Values.two, taken as false",
        "charts/small/templates/map.yaml:9: .Values.two, taken as true",
    ]


def test_a_case_for_each_answer_is_enough(chart: Path) -> None:
    (chart / "tests" / "rest_test.yaml").write_text(REST)
    assert not list(branches.survivors("small"))


def test_a_refusal_that_nobody_asks_for_is_named(chart: Path, refused: list[Refusal]) -> None:
    (chart / "tests" / "rest_test.yaml").write_text(REST)
    (chart / "templates" / "_fail.tpl").write_text(FAIL)
    (chart / "templates" / "guard.yaml").write_text(GUARD)
    assert [str(one) for one in branches.survivors("small")] == [
        "charts/small/templates/guard.yaml:1: .Values.bad, taken as false"
    ]
    refused.append(CASE)
    assert not list(branches.survivors("small"))


def test_a_suite_that_fails_in_any_case_proves_nothing(chart: Path) -> None:
    broken = chart / "tests" / "broken_test.yaml"
    broken.write_text(FILES["tests/map_test.yaml"].replace("data.one", "data.two"))
    with pytest.raises(UserError, match=r"charts/small/tests/broken_test\.yaml"):
        list(branches.survivors("small"))


def test_the_charts_that_render_a_part_of_the_library_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what it includes, itself or through another part, and by what an umbrella holds."""
    texts = {
        "ray-common/templates/_parts.tpl": """\
{{- define "outer" -}}{{ include "inner" . }}{{- end -}}
{{- define "inner" -}}
{{- if .Values.one }}one{{ end -}}
{{- end -}}
{{- define "other" -}}{{- end -}}
""",
        "user/templates/map.yaml": '{{ include "outer" . }}',
        "neighbour/templates/map.yaml": '{{ include "other" . }}',
        "umbrella/charts/user/Chart.yaml": "",
        "umbrella/charts/ray-common/Chart.yaml": "",
        "umbrella/templates/NOTES.txt": "",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(branches, "CHARTS", tmp_path)
    monkeypatch.setattr(branches, "APPLICATIONS", ("user", "neighbour", "umbrella"))
    branches._included.cache_clear()
    try:
        found = [branches._users(one) for one in branches.branches("ray-common")]
    finally:
        branches._included.cache_clear()
    assert found == [{"user", "umbrella"}] * 2


@pytest.mark.full
@pytest.mark.parametrize("name", [*APPLICATIONS, branches.LIBRARY])
def test_a_case_depends_on_each_answer_of_a_chart_that_has_changed_last(name: str) -> None:
    """All charts at once take half an hour: `python -m charts branches`."""
    last = run(["git", "rev-list", "-1", "HEAD", "--", "charts"], cwd=ROOT).stdout.strip()
    changed = ["git", "diff", "--quiet", f"{last}~1", "HEAD", "--", str(CHARTS / name)]
    if run(changed, cwd=ROOT, check=False).returncode == 0:
        pytest.skip("as it was before the last change of the charts")
    assert [str(one) for one in branches.survivors(name)] == []
