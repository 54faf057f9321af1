"""The umbrella: one release that an empty cluster takes at once, and that Helm can keep."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from charts import measure
from charts.check import Rendering
from charts.places import CHARTS, scenarios
from lib.paths import tool
from lib.shell import run

DEFINITION = "CustomResourceDefinition"


@cache
def rendered(scenario: str) -> list[dict[str, Any]]:
    """Objects of the platform in a scenario."""
    one = Rendering("ray-platform", scenario, (scenarios("ray-platform")[scenario],))
    return [obj for obj in yaml.load_all(one.text(), Loader=yaml.CSafeLoader) if obj]


@pytest.mark.parametrize("scenario", scenarios("ray-platform"))
def test_holds_nothing_of_a_kind_that_it_defines(scenario: str) -> None:
    objects = rendered(scenario)
    defined = {obj["spec"]["names"]["kind"] for obj in objects if obj["kind"] == DEFINITION}
    assert defined.isdisjoint(obj["kind"] for obj in objects)


@pytest.mark.parametrize("scenario", scenarios("ray-platform"))
def test_no_two_parts_make_the_same_object(scenario: str) -> None:
    names = [
        (obj["kind"], obj["metadata"].get("namespace"), obj["metadata"]["name"])
        for obj in rendered(scenario)
    ]
    assert len(names) == len(set(names))


def test_a_part_is_there_when_it_is_asked_for() -> None:
    kinds = [obj["kind"] for obj in rendered("default")]
    assert kinds.count(DEFINITION) == 4
    assert kinds.count("Deployment") == 2
    assert DEFINITION not in [obj["kind"] for obj in rendered("parts")]
    off = Rendering("ray-platform", "nothing", ())
    values = yaml.safe_load((CHARTS / "ray-platform" / "values.yaml").read_text())
    settings = ",".join(f"components.{name}=false" for name in values["components"])
    left = {obj["kind"] for obj in yaml.safe_load_all(off.text("--set", settings))}
    assert left == {"PriorityClass"}


def test_every_dependency_has_a_link_a_condition_and_one_version() -> None:
    described = yaml.safe_load((CHARTS / "ray-platform" / "Chart.yaml").read_text())
    parts = {one["name"]: one for one in described["dependencies"]}
    links = {path.name: path for path in (CHARTS / "ray-platform" / "charts").iterdir()}
    assert parts.keys() == links.keys()
    components = yaml.safe_load((CHARTS / "ray-platform" / "values.yaml").read_text())["components"]
    asked = {f"components.{name}" for name in components}
    for name, part in parts.items():
        assert links[name].resolve() == CHARTS / name
        chart = yaml.safe_load((CHARTS / name / "Chart.yaml").read_text())
        assert part["version"] == chart["version"]
        if chart["type"] == "application":
            asked.remove(part["condition"])
    assert not asked


def test_a_package_holds_what_the_links_lead_to(tmp_path: Path) -> None:
    run([tool("helm"), "package", CHARTS / "ray-platform", "--destination", tmp_path])
    (package,) = tmp_path.glob("*.tgz")
    words = [tool("helm"), "template", "demo", package, "-n", "ray-system"]
    default = Rendering("ray-platform", "default", ())
    assert run(words).stdout == default.text()


def test_helm_can_keep_its_release() -> None:
    assert measure.stored("ray-platform") < measure.LIMIT
