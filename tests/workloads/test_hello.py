from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from rayworks.cli import main


def test_a_number_of_tasks_that_cannot_be() -> None:
    done = CliRunner().invoke(main, ["hello", "--tasks", "0"])
    assert done.exit_code == 2
    assert "--tasks" in done.stderr


def test_storage_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = CliRunner().invoke(main, ["hello", "--storage-path", str(tmp_path / "file" / "in")])
    assert done.exit_code == 1
    assert done.stderr.startswith("error: storage ")


@pytest.mark.cluster
@pytest.mark.timeout(300)
def test_it_runs_on_a_ray_of_its_own(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rayworks", "hello", "--tasks", "5", "--storage-path", tmp_path],
        env={k: v for k, v in os.environ.items() if not k.startswith("RAY_")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (result,) = [json.loads(path.read_text()) for path in tmp_path.glob("*/result.json")]
    assert result["total"] == 0 + 1 + 4 + 9 + 16
    assert sum(result["tasks_by_node"].values()) == 5
    assert result["resources"]["CPU"] >= 1
    events = [json.loads(line)["event"] for line in done.stdout.splitlines()]
    assert events == ["cluster", "result"]
