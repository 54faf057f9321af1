"""Versions in one place: whatever is written elsewhere, and differs, is found."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import replace

import pytest

from lib.errors import UserError
from versions.components import (
    Component,
    components,
    modules,
    texts,
    unmet_needs,
)


def rules() -> list[tuple[str, str, str]]:
    """Each component with each way in which its version is written elsewhere, and where."""
    return [
        (name, pattern, glob)
        for name, one in components().items()
        for pattern, glob in [
            *((text, "*") for text in one.written),
            *map(reversed, one.lines.items()),
        ]
    ]


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return texts()


@pytest.mark.parametrize(("name", "pattern", "glob"), rules())
def test_another_version_is_found_wherever_one_is_written(
    name: str, pattern: str, glob: str, files: dict[str, str]
) -> None:
    component = replace(components()[name], written=(), lines={glob: pattern})
    regex = component._pattern(pattern)
    changed = 0
    for path in fnmatch.filter(files, glob):
        text = files[path]
        for found in re.finditer(regex, text, re.MULTILINE):
            other = re.sub(r"\d", "7", found[1]).replace("bookworm", "woody")
            broken = text[: found.start(1)] + other + text[found.end(1) :]
            one = replace(component, lines={path: pattern})
            said = list(one.disagreements({path: broken}))
            line = text.count("\n", 0, found.start(1)) + 1
            assert any(word.startswith(f"{path}:{line}: {name} ") for word in said), said
            changed += 1
    assert changed


def test_a_pattern_that_nothing_fits_is_found(files: dict[str, str]) -> None:
    one = replace(components()["Ray"], written=("no such place: {version}",), lines={})
    assert list(one.disagreements(files)) == [
        "versions.yaml: Ray: nothing fits 'no such place: {version}': remove it"
    ]


def test_a_file_that_lost_its_version_is_found() -> None:
    one = replace(
        components()["Ray"], written=(), lines={"charts/gone/Chart.yaml": "app: {version}"}
    )
    (said,) = one.disagreements({})
    assert said.startswith("charts/gone/Chart.yaml: no version of Ray")


@pytest.mark.parametrize(
    ("written", "agrees"),
    [("3.11", True), ("311", True), ("3, 11", True), ("3", True), ("3.12", False), ("31", False)],
)
def test_a_leading_part_of_a_version_agrees(written: str, agrees: bool) -> None:
    assert components()["Python"].agrees(written) == agrees


def test_a_version_that_another_component_cannot_live_with_is_found() -> None:
    known = {**components(), "Ray": replace(components()["Ray"], needs={"Python": ">=3.12"})}
    version = known["Ray"].version
    assert list(unmet_needs(known)) == [
        f"Ray {version} needs Python >=3.12, and workloads/pyproject.toml pins 3.11"
    ]
    gone = {"Ray": replace(known["Ray"], needs={"Pascal": ">=1"})}
    assert list(unmet_needs(gone)) == ["versions.yaml: Ray needs Pascal, which is no component"]


def test_wrapper_modules_that_differ_are_found() -> None:
    """chart-proof takes another Kubernetes than the node runs: without leave it is found."""
    known = {**components(), "Kubernetes": replace(components()["Kubernetes"], others=())}
    (said,) = modules(known)
    assert said.startswith("scripts/tools/chart-proof/go.mod: k8s.io/kubernetes ")


def test_a_pin_that_is_not_there_is_told() -> None:
    with pytest.raises(UserError, match="no tool 'gone'"):
        _ = Component("Gone", {"go": "gone"}).version
    with pytest.raises(UserError, match="has no version of Gone"):
        _ = Component("Gone", {"lock": "workloads/requirements.lock", "package": "gone"}).version
    with pytest.raises(UserError, match="of no known form"):
        _ = Component("Gone", {"url": "x"}).version
