"""The command on a Ray of its own on this machine, as on a laptop. About two minutes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[str]]]:
    """What a test has started; what still runs is ended by its id."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=60)


def start(storage: Path) -> subprocess.Popen[str]:
    options = ["--dataset", "digits", "--trials", 5, "--epochs", 12, "--storage-path", storage]
    return subprocess.Popen(
        [sys.executable, "-m", "rayworks", "tune-fashion-mnist", *map(str, options)],
        env={k: v for k, v in os.environ.items() if not k.startswith("RAY_")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def trial_processes(pid: int) -> list[int]:
    found = []
    for child in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            title = "".join(child.cmdline()[:1])
            if title.startswith("ray::") and "train" in title:
                found.append(child.pid)
    return found


def seen_until(process: subprocess.Popen[str], event: str, count: int = 1) -> list[dict[str, Any]]:
    assert process.stdout is not None
    seen: list[dict[str, Any]] = []
    for line in process.stdout:
        seen.append(json.loads(line))
        if [one["event"] for one in seen].count(event) == count:
            break
    return seen


@pytest.mark.full
def test_a_search_survives_a_lost_trial_and_a_lost_driver(
    processes: list[subprocess.Popen[str]], tmp_path: Path
) -> None:
    first = start(tmp_path)
    processes.append(first)
    seen = seen_until(first, "trial", 4)
    lost = trial_processes(first.pid)
    assert lost, "no trial runs"
    os.kill(lost[0], signal.SIGKILL)
    seen += seen_until(first, "trial", 8)
    first.kill()
    first.wait(timeout=60)
    assert not (tmp_path / "tune-fashion-mnist" / "result.json").exists()

    second = start(tmp_path)
    processes.append(second)
    rest = seen_until(second, "result")
    assert second.wait(timeout=60) == 0, second.stderr.read() if second.stderr else ""
    assert [event["event"] for event in rest].count("resumed") == 1
    before = {event["trial"] for event in seen if event["event"] == "trial"}
    after = {event["trial"] for event in rest if event["event"] == "trial"}
    assert before & after, "the trials that ran go on"
    folder = tmp_path / "tune-fashion-mnist"
    result = json.loads((folder / "result.json").read_text())
    assert len(result["trials"]) == 5
    for one in result["trials"]:
        epochs = [epoch["epoch"] for epoch in one["history"]]
        assert epochs == list(range(1, len(epochs) + 1))
    assert max(len(one["history"]) for one in result["trials"]) == 12
    assert min(len(one["history"]) for one in result["trials"]) < 12, "none was stopped"
    losses = [one["loss"] for one in result["trials"]]
    assert losses == sorted(losses)
    assert result["accuracy"] >= 0.9
    assert {name: result[name] for name in ("lr", "batch_size", "dropout")} == (
        result["trials"][0]["settings"]
    )
    assert (folder / "trials.png").read_bytes().startswith(b"\x89PNG\r\n")
    best = tmp_path / "tune-fashion-mnist-best"
    assert (best / "checkpoints" / "state.pt").exists()
    assert json.loads((best / "result.json").read_text())["accuracy"] == result["accuracy"]
    assert len(json.loads((folder / "metrics.json").read_text())) == len(
        result["trials"][0]["history"]
    )
