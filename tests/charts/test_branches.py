"""That a condition on which no unit test depends is found, on a chart made for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from charts import branches
from lib.errors import UserError

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


@pytest.fixture
def chart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "small" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(branches, "CHARTS", tmp_path)
    monkeypatch.setattr(branches, "APPLICATIONS", ("small",))
    return tmp_path / "small"


def test_what_no_case_depends_on_is_named(chart: Path) -> None:
    assert [str(one) for one in branches.survivors("small")] == [
        "charts/small/templates/NOTES.txt:1: .Values.one",
        "charts/small/templates/NOTES.txt:1: .Values.two",
        "charts/small/templates/map.yaml:9: .Values.two",
    ]


def test_a_case_for_each_is_enough(chart: Path) -> None:
    (chart / "tests" / "rest_test.yaml").write_text("""\
suite: the rest
tests:
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
""")
    assert not list(branches.survivors("small"))


def test_a_suite_that_fails_in_any_case_proves_nothing(chart: Path) -> None:
    broken = chart / "tests" / "broken_test.yaml"
    broken.write_text(FILES["tests/map_test.yaml"].replace("data.one", "data.two"))
    with pytest.raises(UserError, match=r"charts/small/tests/broken_test\.yaml"):
        list(branches.survivors("small"))
