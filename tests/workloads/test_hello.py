from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from rayworks.cli import main

#: `rayworks new` puts another in its place; lines do not get longer by it.
NAME = "hello"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--tasks", "0"], "--tasks 0 must be at least 1"),
        (["--run-name", "../x"], "--run-name ../x must be letters, digits, dots and dashes"),
        (["--placement-timeout", "-1"], "--placement-timeout -1.0 must not be negative"),
    ],
)
def test_what_cannot_work_is_refused(words: list[str], said: str, tmp_path: Path) -> None:
    storage = tmp_path / "in"
    done = CliRunner().invoke(main, [NAME, "--storage-path", str(storage), *words])
    assert done.exit_code == 1
    assert done.stderr.splitlines() == [f"error: {said}", f"try:   rayworks {NAME} --help"]
    assert not list(tmp_path.iterdir())


def test_storage_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = CliRunner().invoke(main, [NAME, "--storage-path", str(tmp_path / "file" / "in")])
    assert done.exit_code == 1
    assert done.stderr.startswith("error: storage ")


@pytest.fixture
def finished(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Run the command on a Ray of its own, and return what result.json holds."""

    def run(*words: object) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "rayworks", NAME, "--storage-path", tmp_path]
            + [str(word) for word in words],
            env={k: v for k, v in os.environ.items() if not k.startswith("RAY_")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        events = [json.loads(line)["event"] for line in done.stdout.splitlines()]
        assert events == ["configuration", "cluster", "result"]
        (result,) = [json.loads(path.read_text()) for path in tmp_path.glob("*/result.json")]
        assert isinstance(result, dict)
        return result

    return run


@pytest.mark.cluster
@pytest.mark.timeout(300)
def test_it_runs_on_a_ray_of_its_own(finished: Callable[..., dict[str, Any]]) -> None:
    result = finished("--tasks", 5)
    assert result["total"] == 0 + 1 + 4 + 9 + 16
    assert sum(result["tasks_by_node"].values()) == 5
    assert result["resources"]["CPU"] >= 1
    assert result["settings"] == {"tasks": 5}
    assert result["headline"] == ["tasks", "total"]
    assert finished("--smoke-test")["total"] == 0 + 1
