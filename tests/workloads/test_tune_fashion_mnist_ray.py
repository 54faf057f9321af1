"""The command on a Ray of its own on this machine, as on a laptop. About two minutes."""

from __future__ import annotations

import json
import os
import shlex
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from running import Start, events, free_port, ray_processes, starter

from rayworks.mnist import client

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start `rayworks tune-fashion-mnist` on the digits."""
    options = ("--dataset", "digits", "--trials", 5, "--epochs", 12, "--storage-path", tmp_path)
    with starter("tune-fashion-mnist", *options) as begin:
        yield begin


def trials(count: int) -> Callable[[dict[str, Any]], bool]:
    """Whether so many epochs of trials have been told, this event included."""
    left = count

    def reached(event: dict[str, Any]) -> bool:
        nonlocal left
        left -= event["event"] == "trial"
        return left == 0

    return reached


def served(command: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What the command that a search names serves: what it says of itself, and what it answers."""
    rayworks, workload, *words = shlex.split(command)
    assert rayworks == "rayworks"
    with starter(workload, *words, "--port", free_port()) as start:
        process = start()
        (ready,) = events(process, lambda event: event["event"] == "ready")
        about = httpx.get(ready["url"], timeout=30).json()
        return about, list(client.classify(ready["url"], client.samples()))


@pytest.mark.full
def test_a_search_survives_a_lost_trial_and_a_lost_driver(start: Start, tmp_path: Path) -> None:
    first = start()
    seen = events(first, trials(4))
    lost = [child for child, name in ray_processes(first.pid).items() if name == "ImplicitFunc"]
    assert lost, ray_processes(first.pid)
    os.kill(lost[0], signal.SIGKILL)
    seen += events(first, trials(4))
    first.kill()
    first.wait(timeout=60)
    assert not (tmp_path / "tune-fashion-mnist" / "result.json").exists()

    second = start()
    rest = events(second, lambda event: event["event"] == "result")
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
    about, answers = served(rest[-1]["serve"])
    assert about["checkpoint"] == "checkpoints/state.pt"
    assert about["loss"] == result["trials"][0]["loss"]
    assert len(answers) == 30
    assert len(json.loads((folder / "metrics.json").read_text())) == len(
        result["trials"][0]["history"]
    )
