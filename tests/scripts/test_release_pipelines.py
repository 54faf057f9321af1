"""Pipelines: what is not pinned, no make target or not documented is found."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from lib.paths import ROOT
from release import pipelines
from release.pipelines import GITHUB, PAGE, RENOVATE, Job, foreign, jobs, lint, undocumented
from versions.components import texts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of .github."""
    shutil.copytree(GITHUB, tmp_path / ".github")
    return tmp_path / ".github"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert re.search(old, text)
    path.write_text(re.sub(old, new, text, count=1))


def test_nothing_is_wrong_with_the_pipelines() -> None:
    assert pipelines.faults() == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("workflows/ci.yml", "checkout@[0-9a-f]{40} # v7.0.1", "checkout@v7", "unpinned-uses"),
        ("actions/setup/action.yml", "cache@[0-9a-f]{40} # v5", "cache@v5 # v5", "unpinned-uses"),
        ("workflows/ci.yml", "persist-credentials: false", "clean: true", "artipacked"),
        (
            "workflows/ci.yml",
            r"permissions: \{\}",
            "permissions: write-all",
            "excessive-permissions",
        ),
        ("workflows/ci.yml", "  pull_request:", "  pull_request_target:", "dangerous-triggers"),
        ("workflows/ci.yml", "make check", "make ${{ github.head_ref }}", "template-injection"),
        ("workflows/images.yml", r"needs: scan", "needs: skan", "skan"),
        ("workflows/images.yml", r"matrix\.machine", "matrix.mashine", "mashine"),
    ],
)
def test_a_pipeline_that_is_not_safe_or_not_one_is_found(
    folder: Path, file: str, old: str, new: str, said: str
) -> None:
    edit(folder / file, old, new)
    assert said in "\n".join(lint(folder))


def test_a_step_that_is_no_make_target_is_found() -> None:
    found = [
        Job("ci", "check", ("check",)),
        Job("ci", "gone", ("gone",)),
        Job("ci", "script", ("curl https://example.com | sh",)),
        Job("ci", "nothing", ()),
    ]
    said = list(foreign(found, {"check"}))
    assert [line.split(": ")[1].split()[0] for line in said] == ["gone", "script", "nothing"]


def test_steps_are_read_as_make_targets(folder: Path) -> None:
    edit(folder / "workflows/ci.yml", "run: make docs", "run: make docs && make more")
    found = {(job.workflow, job.name): job.targets for job in jobs(folder)}
    assert found["ci", "check"] == ("check",)
    assert found["ci", "cluster"] == ("test",)  # as root
    assert found["nightly", "history"] == ("bench-history",)  # with a variable
    assert found["ci", "docs"] == ("make docs && make more",)


def test_a_job_that_the_page_does_not_list_as_it_is_is_found() -> None:
    page = PAGE.read_text()
    real = list(jobs(GITHUB))
    assert not list(undocumented(real, page))
    (new,) = undocumented([*real, Job("ci", "new", ("check",))], page)
    assert "ci/new runs ('check',), and the table says nothing" in new
    (gone,) = undocumented(real[1:], page)
    assert "runs nothing" in gone
    (other,) = undocumented(real, page.replace("`make docs`", "`make check`"))
    assert other.startswith("docs/pipelines.md: ci/docs runs ('docs',)")


def test_each_rule_of_the_update_bot_finds_versions() -> None:
    """Its regular expressions are JavaScript's, whose groups Python writes (?P<name>…)."""
    files = texts()
    for manager in json.loads(RENOVATE.read_text())["customManagers"]:
        patterns = [pattern[1:-1] for pattern in manager["managerFilePatterns"]]
        chosen = [name for name in files if any(re.search(one, name) for one in patterns)]
        for text in manager["matchStrings"]:
            regex = re.compile(text.replace("(?<", "(?P<"), re.MULTILINE)
            found = [match for name in chosen for match in regex.finditer(files[name])]
            assert found, text
            assert all(match["currentValue"] for match in found)


def test_every_image_that_the_charts_pull_is_known_to_the_update_bot() -> None:
    text = (ROOT / "charts/ray-common/templates/_global.tpl").read_text()
    (manager,) = (
        one
        for one in json.loads(RENOVATE.read_text())["customManagers"]
        if one.get("description", "").startswith("Images that the charts pull")
    )
    regex = manager["matchStrings"][0].replace("(?<", "(?P<")
    images = {match["depName"] for match in re.finditer(regex, text)}
    assert images == set(re.findall(r"\{repository: ([^,]+), tag:", text))
