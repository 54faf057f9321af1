"""Charts as others get them: versions that are due, changelogs, packages."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
import yaml

from lib.paths import ROOT, tool
from lib.shell import run
from release.charts import Chart, all_charts, digest, faults, package

CHART = ROOT / "charts" / "ray-platform"


class Repository:
    """A clone of this repository's charts, whose charts may be published and changed."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def git(self, *words: str) -> str:
        command = ["git", "-C", str(self.root), "-c", "user.name=a", "-c", "user.email=a@b.c"]
        return subprocess.run([*command, *words], check=True, capture_output=True, text=True).stdout

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "change")

    def publish(self, *names: str) -> None:
        for name in names:
            self.git("tag", f"{name}-{self.chart(name).version}")

    def chart(self, name: str) -> Chart:
        return Chart(self.root / "charts" / name)

    def edit(self, name: str, old: str, new: str, file: str = "Chart.yaml") -> None:
        path = self.root / "charts" / name / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    def faults(self) -> list[str]:
        return list(faults(self.root))


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    one = Repository(tmp_path_factory.mktemp("charts"))
    shutil.copytree(ROOT / "charts", one.root / "charts", symlinks=True)
    one.git("init", "--quiet")
    one.commit()
    return one.root


@pytest.fixture
def repository(original: Path, tmp_path: Path) -> Repository:
    shutil.copytree(original, tmp_path / "repository", symlinks=True)
    return Repository(tmp_path / "repository")


def test_nothing_hinders_the_charts_of_this_repository() -> None:
    assert list(faults()) == []


def test_a_chart_that_was_not_published_may_change(repository: Repository) -> None:
    repository.edit("ray-job", "rayVersion: ", "rayVersion:  ", "values.yaml")
    assert repository.faults() == []


@pytest.mark.parametrize("committed", [True, False])
def test_a_published_chart_that_changed_needs_another_version(
    repository: Repository, committed: bool
) -> None:
    repository.publish("ray-job", "ray-cluster")
    assert repository.faults() == []
    repository.edit("ray-job", "rayVersion: ", "rayVersion:  ", "values.yaml")
    if committed:
        repository.commit()
    (said,) = repository.faults()
    assert said.startswith("charts/ray-job/Chart.yaml: ray-job 0.1.0 is published")
    assert "charts/ray-job/values.yaml changed since: raise its version" in said


def test_a_new_file_is_a_change(repository: Repository) -> None:
    repository.publish("ray-job")
    (repository.root / "charts/ray-job/templates/new.yaml").write_text("a: b\n")
    (said,) = repository.faults()
    assert "templates/new.yaml changed since" in said


def test_a_change_to_what_a_chart_holds_is_a_change_to_it(repository: Repository) -> None:
    repository.publish(*(chart.name for chart in all_charts() if not chart.is_library))
    repository.edit("ray-common", "{{", "{{ ", "templates/_util.tpl")
    changed = {said.split("/")[1] for said in repository.faults()}
    assert changed == {"ray-platform", *yaml_dependents("ray-common")}


def yaml_dependents(name: str) -> set[str]:
    return {
        chart.name
        for chart in all_charts()
        if name in [one["name"] for one in chart.meta.get("dependencies", [])]
    }


def test_what_a_package_leaves_out_is_no_change(repository: Repository) -> None:
    repository.publish("ray-job")
    (repository.root / "charts/ray-job/ci/another.yaml").write_text("{}\n")
    repository.edit("ray-job", "suite:", "suite: ", "tests/job_test.yaml")
    assert repository.faults() == []


def test_another_version_says_what_it_changed(repository: Repository) -> None:
    repository.publish("ray-job")
    repository.edit("ray-job", "version: 0.1.0", "version: 0.2.0")
    (said,) = repository.faults()
    assert "artifacthub.io/changes says what 0.1.0 changed: say what 0.2.0 does" in said
    repository.edit("ray-job", "First release", "A second")
    assert repository.faults() == []


def test_an_older_version_is_refused(repository: Repository) -> None:
    repository.edit("ray-job", "version: 0.1.0", "version: 0.10.0")
    repository.commit()
    repository.publish("ray-job")
    repository.edit("ray-job", "version: 0.10.0", "version: 0.9.0")
    (said,) = repository.faults()
    assert said == (
        "charts/ray-job/Chart.yaml: version 0.9.0 is older than 0.10.0, which is published"
    )


def test_a_dependency_is_of_the_version_that_is_there(repository: Repository) -> None:
    repository.edit("ray-common", "version: 0.1.0", "version: 0.2.0")
    said = repository.faults()
    assert len(said) == len(yaml_dependents("ray-common"))
    assert all("takes ray-common 0.1.0, and its version is 0.2.0" in line for line in said)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("kind: added", "kind: better"),
        ("description: First release", 'description: ""'),
        ("artifacthub.io/changes", "artifacthub.io/news"),
    ],
)
def test_a_changelog_that_artifact_hub_cannot_read_is_refused(
    repository: Repository, old: str, new: str
) -> None:
    repository.edit("ray-job", old, new)
    (said,) = repository.faults()
    assert said.startswith("charts/ray-job/Chart.yaml: ")
    assert "artifacthub.io/changes" in said


def test_a_package_is_the_same_from_another_checkout(
    repository: Repository, tmp_path: Path
) -> None:
    here = package(repository.chart("ray-platform"), tmp_path / "one")
    for path in repository.root.glob("charts/**/*"):
        path.touch()
    there = package(repository.chart("ray-platform"), tmp_path / "two")
    assert digest(here) == digest(there)
    with tarfile.open(here) as file:
        names = file.getnames()
    # Helm reads it as what it was made of.
    command = [tool("helm"), "template", "demo", "--namespace", "ray-system"]
    shown = [run([*command, one]).stdout for one in (here, CHART)]
    assert shown[0] == shown[1]
    assert "ray-platform/charts/ray-operator/charts/ray-common/Chart.yaml" in names
    assert "ray-platform/charts/ray-operator/templates/tests/ready.yaml" in names
    assert not [
        name for name in names if "/ci/" in name or name.endswith((".gotmpl", "_test.yaml"))
    ]


def test_only_what_is_installed_is_published() -> None:
    assert [chart.name for chart in all_charts() if chart.is_library] == ["ray-common"]
    assert yaml.safe_load(Chart(ROOT / "charts/ray-job").changes)
