"""The command on a Ray of its own on this machine, as on a laptop. About a minute."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import Start, events, ray_processes, starter

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start `rayworks fashion-mnist` with the digits."""
    with starter("fashion-mnist", "--dataset", "digits", "--storage-path", tmp_path) as begin:
        yield begin


def test_a_killed_run_goes_on_by_its_name(start: Start, tmp_path: Path) -> None:
    whole = start("--epochs", 12, "--run-name", "whole")
    assert whole.wait(timeout=200) == 0
    cut = start("--epochs", 12, "--run-name", "cut")
    events(cut, lambda event: event["event"] == "epoch" and event["epoch"] == 3)
    rays_own = {"DashboardAgent", "RuntimeEnvAgent", "IDLE"}
    needed = {"SynchronizationActor", "RayTrainWorker"}
    assert set(ray_processes(cut.pid).values()) - rays_own == needed
    cut.kill()
    cut.wait(timeout=60)
    assert not (tmp_path / "cut" / "result.json").exists()
    again = start("--epochs", 12, "--run-name", "cut")
    seen = events(again, lambda event: event["event"] == "result")
    assert again.wait(timeout=60) == 0
    assert [event["event"] for event in seen[:2]] == ["configuration", "resumed"]
    assert seen[1]["after_epoch"] >= 2

    def numbers(run: str) -> list[float]:
        result = json.loads((tmp_path / run / "result.json").read_text())
        return [epoch[name] for epoch in result["history"] for name in ("loss", "accuracy")]

    assert numbers("cut") == pytest.approx(numbers("whole"), rel=1e-4)


def test_more_workers_than_fit(start: Start) -> None:
    process = start("--num-workers", 4096, "--batch-size", 4096)
    _, said = process.communicate(timeout=200)
    assert process.returncode == 1
    assert "error: 4096 workers with 1 CPU each do not fit: the cluster has" in said
    assert "try:   fewer --num-workers" in said
    assert "Traceback" not in said


def test_it_makes_do_with_the_workers_that_fit(start: Start, tmp_path: Path) -> None:
    half = (os.cpu_count() or 2) // 2
    few = ("--num-workers", 3, "--min-workers", 1, "--cpus-per-worker", half, "--batch-size", 36)
    process = start("--epochs", 3, *few)
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    result = json.loads((tmp_path / "fashion-mnist" / "result.json").read_text())
    assert result["world_size"] == 2
    assert [epoch["epoch"] for epoch in result["history"]] == [1, 2, 3]


def test_another_ray_that_was_here_is_left_alone(start: Start) -> None:
    # short: the paths of Ray's sockets lie under it
    with tempfile.TemporaryDirectory(prefix="ray-") as folder:
        (Path(folder) / "ray").mkdir()
        (Path(folder) / "ray" / "ray_current_cluster").write_text("127.0.0.1:1")
        process = start("--epochs", 1, RAY_TMPDIR=folder)
        said, errors = process.communicate(timeout=200)
        assert process.returncode == 0, errors
        assert "accuracy" in said
