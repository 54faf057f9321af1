"""Pipeline, benchmarks and sleepy-pid on a Ray of their own on this machine. Two minutes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest
from running import train_workers

from rayworks.sleepy_pid.watch import SILENCE

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start Python with arguments; whatever still runs is ended by its id."""
    started: list[subprocess.Popen[str]] = []
    clean = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}

    def begin(*arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *map(str, arguments)], env=clean, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=60)


@pytest.fixture
def rayworks(start: Start, tmp_path: Path) -> Start:
    """Start a command with the storage in tmp_path."""
    return lambda *words: start("-m", "rayworks", *words, "--storage-path", tmp_path)


def done(process: subprocess.Popen[str]) -> str:
    """What a command that ends well prints."""
    said, errors = process.communicate(timeout=250)
    assert process.returncode == 0, errors
    return said


def test_the_pipeline_writes_each_row_once_whatever_the_blocks(
    rayworks: Start, tmp_path: Path
) -> None:
    for run, blocks in (("one", 1), ("many", 3), ("many", 2)):  # the last in place of the second
        words = ("--rows", 9_000, "--columns", 4, "--blocks", blocks, "--run-name", run)
        done(rayworks("data-pipeline", *words))
    tables = []
    for run in ("one", "many"):
        folder = tmp_path / run / "data"
        result = json.loads((tmp_path / run / "result.json").read_text())
        files = list(folder.iterdir())
        counted = sum(pq.read_metadata(file).num_rows for file in files)
        assert (result["rows"], result["files"], counted) == (9_000, len(files), 9_000)
        assert result["rows_per_second"] > 0
        tables.append(pads.dataset(folder).to_table().sort_by("id"))
    one, many = tables
    assert one["id"].to_pylist() == list(range(9_000))
    assert one["label"].equals(many["label"])
    for name in ("x0", "x3"):
        values = one[name].to_numpy()
        assert values == pytest.approx(many[name].to_numpy())  # sums of another order
        assert values.mean() == pytest.approx(0, abs=1e-9)
        assert values.std() == pytest.approx(1)


@pytest.mark.full
def test_boosting_goes_on_after_a_worker_is_killed(rayworks: Start, tmp_path: Path) -> None:
    words = ("xgboost-benchmark", "--data-size-gb", 0.01, "--rounds", 12)
    done(rayworks(*words, "--run-name", "whole", "--num-workers", 1))
    cut = rayworks(*words, "--run-name", "cut", "--num-workers", 1)
    assert cut.stdout is not None
    for line in cut.stdout:
        if json.loads(line).get("epoch") == 4:
            break
    (worker,) = train_workers(cut.pid)
    os.kill(worker, signal.SIGKILL)
    said = done(cut)
    resumed = [json.loads(line) for line in said.splitlines() if '"resumed"' in line]
    assert [event["after_epoch"] >= 3 for event in resumed] == [True]
    (results,) = [line for line in said.splitlines() if line.startswith("Results: ")]
    assert "'training_time': " in results
    assert "'prediction_time': " in results

    def result(run: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((tmp_path / run / "result.json").read_text())
        return found

    whole, again = result("whole"), result("cut")
    assert [epoch["epoch"] for epoch in again["history"]] == list(range(1, 13))
    assert again["history"][-1]["logloss"] == pytest.approx(whole["history"][-1]["logloss"])
    assert again["accuracy"] == pytest.approx(whole["accuracy"], abs=1e-3)
    assert whole["accuracy"] > 0.85
    assert whole["rows"] == 26_000
    assert whole["accuracy"] == pytest.approx(1 - whole["history"][-1]["error"], abs=1e-4)


@pytest.mark.full
def test_the_network_learns_and_predicts(rayworks: Start, tmp_path: Path) -> None:
    words = ("--images", 6000, "--epochs", 4, "--num-workers", 2, "--lr", 0.05)
    said = done(rayworks("pytorch-benchmark", *words))
    assert "Results: {'training_time': " in said
    result = json.loads((tmp_path / "pytorch-benchmark" / "result.json").read_text())
    assert result["rows"] == 7000
    assert result["accuracy"] > 0.9
    assert result["world_size"] == 2
    assert (tmp_path / "pytorch-benchmark" / "learning-curve.png").exists()


SERVE = """
import sys
import ray
from ray import serve
from rayworks.sleepy_pid.app import Arguments, SleepyPid
ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
serve.start(http_options={"port": int(sys.argv[1])})
application = SleepyPid.options(
    num_replicas=2, ray_actor_options={"num_cpus": 0.1}, health_check_period_s=1
).bind(Arguments(startup_seconds=1).startup_seconds)
serve.run(application, route_prefix="/sleepy-pid/serve")
print("serving", flush=True)
sys.stdin.readline()
"""


@pytest.mark.full
def test_a_killed_replica_is_replaced_and_the_report_tells(start: Start) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    service = start("-c", SERVE, port)
    assert service.stdout is not None
    for line in service.stdout:
        if line == "serving\n":
            break
    url = f"http://127.0.0.1:{port}/sleepy-pid/serve"
    seconds = 6 * SILENCE
    watch = start("-m", "rayworks", "sleepy-pid", "watch", url, "--seconds", seconds)
    assert watch.stdout is not None
    seen = [json.loads(next(watch.stdout)) for _ in range(2)]
    # Each has then answered after the other's first answer: who is first heard after another's last
    # counts as having come in its place.
    time.sleep(2)
    with urllib.request.urlopen(url, timeout=20) as answer:
        victim = int(answer.read())
    assert victim in {event["pid"] for event in seen}
    os.kill(victim, signal.SIGKILL)
    report = json.loads(done(watch).splitlines()[-1])
    assert report["requests"] == seconds * 10
    assert report["failures"] < report["requests"] / 2
    assert len(report["pids"]) == 3
    (replaced,) = report["replacements"]
    assert replaced["lost"] == victim
    assert replaced["by"] == report["pids"][-1]
    assert 1 <= replaced["took_s"] < seconds
