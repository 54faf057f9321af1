"""The command on a Ray of its own on this machine, as on a laptop. About two minutes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from running import Start, events, starter, train_workers

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start `rayworks fine-tune` tiny on a small text."""
    corpus = tmp_path / "corpus.txt"
    corpus.write_text(" ".join(f"{n} and {n} are {2 * n}." for n in range(3000)))
    options = (
        "--model", "tiny", "--text", corpus, "--block-size", 64, "--batch-size", 16,
        "--micro-batch-size", 8, "--epochs", 4, "--lr", 1e-3, "--storage-path", tmp_path,
    )  # fmt: skip
    with starter("fine-tune", *options) as begin:
        yield begin


def after_epoch(number: int) -> Callable[[dict[str, Any]], bool]:
    return lambda event: event["event"] == "epoch" and event["epoch"] == number


def to_the_end(process: subprocess.Popen[str]) -> list[Any]:
    rest = events(process, lambda event: event["event"] == "result")
    process.wait(timeout=60)
    assert process.returncode == 0, process.stderr.read() if process.stderr else ""
    return rest


def numbers(run: Path) -> list[float]:
    result = json.loads((run / "result.json").read_text())
    assert [epoch["epoch"] for epoch in result["history"]] == [1, 2, 3, 4]
    return [epoch[name] for epoch in result["history"] for name in ("train_loss", "loss")]


@pytest.mark.full
def test_lost_workers_and_another_world_size_change_no_number(start: Start, tmp_path: Path) -> None:
    # Two workers, one of which is killed: it costs at most one epoch.
    whole = start("--run-name", "whole", "--num-workers", 2)
    events(whole, after_epoch(2))
    workers = train_workers(whole.pid)
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    rest = to_the_end(whole)
    (resumed,) = [event for event in rest if event["event"] == "resumed"]
    assert resumed["after_epoch"] >= 1

    # Two workers until the driver is killed, then one.
    cut = start("--run-name", "cut", "--num-workers", 2)
    events(cut, after_epoch(2))
    cut.kill()
    cut.wait(timeout=60)
    assert not (tmp_path / "cut" / "result.json").exists()
    seen = to_the_end(start("--run-name", "cut", "--num-workers", 1))
    (resumed,) = [event for event in seen if event["event"] == "resumed"]
    assert resumed["after_epoch"] >= 1
    (first,) = [event for event in seen if event["event"] == "first_step"]
    assert first["world_size"] == 1

    assert numbers(tmp_path / "cut") == pytest.approx(numbers(tmp_path / "whole"), rel=1e-3)
    assert (tmp_path / "cut" / "model" / "model.safetensors").exists()
    assert (tmp_path / "cut" / "learning-curve.png").read_bytes().startswith(b"\x89PNG\r\n")
    assert len(json.loads((tmp_path / "cut" / "metrics.json").read_text())) == 4


@pytest.mark.full
def test_deepspeed_trains_the_numbers_of_fsdp_and_goes_on(
    start: Start, tmp_path: Path, deepspeed_packages: Path
) -> None:
    to_the_end(start("--run-name", "fsdp", "--num-workers", 2))
    # As in an image, which has no compiler that DeepSpeed could call for its own operations
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "sh"):
        (programs / name).symlink_to(f"/bin/{name}")
    path = f"{os.environ['PYTHONPATH']}:{deepspeed_packages}"

    def zero() -> subprocess.Popen[str]:
        options = ("--run-name", "zero", "--num-workers", 2, "--strategy", "deepspeed")
        return start(*options, PATH=str(programs), PYTHONPATH=path)

    cut = zero()
    events(cut, after_epoch(2))
    cut.kill()
    cut.wait(timeout=60)
    seen = to_the_end(zero())
    (resumed,) = [event for event in seen if event["event"] == "resumed"]
    assert resumed["after_epoch"] >= 1
    assert numbers(tmp_path / "zero") == pytest.approx(numbers(tmp_path / "fsdp"), rel=1e-3)
    assert (tmp_path / "zero" / "model" / "model.safetensors").exists()
