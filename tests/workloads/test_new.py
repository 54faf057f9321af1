"""`rayworks new` in a small copy of this checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

import rayworks
from rayworks.cli import main
from rayworks.common.errors import UserError
from rayworks.new.copy import LONGEST, create, renamed

ROOT = Path(rayworks.__file__).parents[3]

Done = subprocess.CompletedProcess[str]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What of a checkout a new workload touches."""
    shutil.copytree(
        ROOT / "workloads" / "src",
        tmp_path / "workloads" / "src",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    (tmp_path / "tests" / "workloads").mkdir(parents=True)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name in ("conftest.py", "test_hello.py"):
        shutil.copy(ROOT / "tests" / "workloads" / name, tmp_path / "tests" / "workloads")
    return tmp_path


@pytest.fixture
def run(checkout: Path) -> Callable[..., Done]:
    """Call Python in that checkout."""
    path = str(checkout / "workloads" / "src")

    def call(*arguments: str) -> Done:
        return subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=checkout,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )

    return call


@pytest.mark.slow
def test_what_it_writes_is_a_workload(checkout: Path, run: Callable[..., Done]) -> None:
    done = run("rayworks", "new", "my-job")
    assert done.returncode == 0, done.stderr
    assert "make run WORKLOAD=my-job" in done.stdout
    package = checkout / "workloads" / "src" / "rayworks" / "my_job"
    assert yaml.safe_load((package / "workload.yaml").read_text())["chart"] == "ray-job"
    values = yaml.safe_load((package / "values.yaml").read_text())
    assert values["job"]["entrypoint"] == "rayworks my-job"
    assert "my-job" in run("rayworks", "--help").stdout
    assert "my-job" in run("rayworks", "my-job", "--help").stdout
    written = [str(package), str(checkout / "tests" / "workloads" / "test_my_job.py")]
    assert not [path for path in written if "hello" in Path(path).name]
    for check in (["check"], ["format", "--check"]):
        done = run("ruff", *check, *written)
        assert done.returncode == 0, done.stdout
    done = run("pytest", "-q", "-m", "not cluster", written[1])
    assert done.returncode == 0, done.stdout


def test_files_are_in_form_under_any_name(checkout: Path, run: Callable[..., Done]) -> None:
    for name in ("a", "alpha", "omega", "o" * LONGEST):  # before and behind rayworks.common
        written = [str(path) for path in create(name, checkout) if path.suffix == ".py"]
        for check in (["check"], ["format", "--check"]):
            done = run("ruff", *check, *written)
            assert done.returncode == 0, done.stdout


@pytest.mark.cluster
@pytest.mark.timeout(300)
def test_its_own_test_passes(checkout: Path, run: Callable[..., Done]) -> None:
    assert run("rayworks", "new", "time").returncode == 0
    done = run("pytest", "-q", "-m", "cluster", "tests/workloads/test_time.py")
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("My-Job", "cannot be a workload's name"),
        ("my_job", "cannot be a workload's name"),
        ("9lives", "cannot be a workload's name"),
        ("a--b", "cannot be a workload's name"),
        ("../x", "cannot be a workload's name"),
        ("a" * 39, "cannot be a workload's name"),
        ("import", "is a word of Python"),
        ("filter", "is a word of Python"),
        ("hello", "is taken: there is workloads/src/rayworks/hello"),
        ("common", "is taken: there is workloads/src/rayworks/common"),
        ("fashion-mnist", "is taken: there is workloads/src/rayworks/fashion_mnist"),
        ("cli", "is taken: there is workloads/src/rayworks/cli"),
    ],
)
def test_names_that_are_refused(checkout: Path, name: str, why: str) -> None:
    before = sorted(checkout.rglob("*"))
    with pytest.raises(UserError, match=why):
        create(name, checkout)
    assert sorted(checkout.rglob("*")) == before


def test_a_test_that_is_there_is_not_overwritten(checkout: Path) -> None:
    (checkout / "tests" / "workloads" / "test_mine.py").write_text("")
    with pytest.raises(UserError, match="is taken: there is tests/workloads/test_mine"):
        create("mine", checkout)


def test_outside_of_a_checkout(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no checkout of Rayworks"):
        create("mine", tmp_path)


def test_names_in_words() -> None:
    text = 'NAME = "hello"\nfrom rayworks.hello.work import run\n# `rayworks hello`, othello\n'
    assert renamed(text, "my-job") == (
        'NAME = "my-job"\nfrom rayworks.my_job.work import run\n# `rayworks my-job`, othello\n'
    )


def test_every_command_is_found_by_its_folder() -> None:
    listed = main.list_commands(None)  # type: ignore[arg-type]
    assert {"fashion-mnist", "hello", "mnist", "new"} <= set(listed)
    for name in listed:
        done = CliRunner().invoke(main, [name, "--help"])
        assert done.exit_code == 0, done.output
