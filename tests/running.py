"""Commands of `rayworks` that tests start as a user would, on a Ray of their own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

Start = Callable[..., "subprocess.Popen[str]"]
Event = dict[str, Any]


@contextmanager
def starter(workload: str, *options: object) -> Iterator[Start]:
    """What starts a workload with these options and more; what still runs is ended by its id.

    Variables for the process are keywords. None of RAY_* of this process is handed on.
    """
    started: list[subprocess.Popen[str]] = []
    clean = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}

    def begin(*arguments: object, **more: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "rayworks", workload, *map(str, [*options, *arguments])],
            env=clean | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    try:
        yield begin
    finally:
        for process in started:
            if process.poll() is None:
                process.terminate()
            process.communicate(timeout=60)


def free_port() -> int:
    """A port of this machine that nobody has, right now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def events(process: subprocess.Popen[str], until: Callable[[Event], bool]) -> list[Any]:
    """Events as they are printed, up to the first for which until holds."""
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        if line.startswith("Results: "):  # a benchmark's, as the sample prints them
            continue
        seen.append(json.loads(line))
        if until(seen[-1]):
            break
    return seen


def to_the_end(process: subprocess.Popen[str]) -> tuple[list[Event], dict[str, Any]]:
    """The events that are left of a run that ends well, and its result.json."""
    seen = events(process, lambda event: event["event"] == "result")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return seen, json.loads(Path(seen[-1]["path"]).read_text())


def ray_processes(pid: int) -> dict[int, str]:
    """Ray's actors under a process, by their number: what each calls itself."""
    found = {}
    for child in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            title = "".join(child.cmdline()[:1])
            if title.startswith("ray::"):
                found[child.pid] = title.removeprefix("ray::").partition(".")[0]
    return found


def train_workers(pid: int) -> list[int]:
    """Ray Train's workers under a process, or Ray Tune's trials."""
    names = {"RayTrainWorker", "ImplicitFunc"}
    return [child for child, name in ray_processes(pid).items() if name in names]


@contextmanager
def standing_ray(cpus: int) -> Iterator[str]:
    """A Ray that counts so many CPUs, whatever this machine has; yields its RAY_ADDRESS."""
    code = (
        "import sys, ray\n"
        f"ray.init('local', num_cpus={cpus}, include_dashboard=False, log_to_driver=False)\n"
        "print(ray.get_runtime_context().gcs_address, flush=True)\n"
        "sys.stdin.readline()\n"
    )
    ray = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert ray.stdout is not None
    try:
        yield ray.stdout.readline().strip()
    finally:
        ray.communicate(timeout=60)


@dataclass(frozen=True)
class Killed:
    """A run that lost a worker, beside the same run that lost none."""

    result: dict[str, Any]
    """result.json of the run that lost a worker."""
    undisturbed: dict[str, Any]
    """That of the other."""
    resumed: list[int]
    """The epochs after which it went on."""
    told_again: int
    """How many epochs were told of twice: what the loss cost."""


def worker_killed(start: Start, until: Callable[[Event], bool], *options: object) -> Killed:
    """Run twice, and once kill a worker when it has told of an event for which until holds."""
    _, undisturbed = to_the_end(start(*options, "--run-name", "undisturbed"))
    process = start(*options, "--run-name", "killed")
    seen = events(process, until)
    os.kill(train_workers(process.pid)[0], signal.SIGKILL)
    rest, result = to_the_end(process)
    epochs = [
        (event.get("trial"), event["epoch"])
        for event in [*seen, *rest]
        if event["event"] in {"epoch", "trial"}
    ]
    resumed = [event["after_epoch"] for event in rest if event["event"] == "resumed"]
    return Killed(result, undisturbed, resumed, len(epochs) - len(set(epochs)))


#: How fast an epoch was: what two runs differ in.
_SPEEDS = {
    "seconds", "images_per_second", "tokens_per_second", "training_time", "prediction_time"
}  # fmt: skip


def numbers(result: dict[str, Any]) -> list[float]:
    """All that a result.json tells of how well each epoch did, and the run in the end."""
    named = [*result["history"], {name: result[name] for name in result["headline"]}]
    return [
        value
        for numbers in named
        for name, value in sorted(numbers.items())
        if name not in _SPEEDS and isinstance(value, int | float)
    ]
