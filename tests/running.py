"""Commands of `rayworks` that tests start as a user would, on a Ray of their own."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
        seen.append(json.loads(line))
        if until(seen[-1]):
            break
    return seen


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
    """Ray Train's workers under a process."""
    return [child for child, name in ray_processes(pid).items() if name == "RayTrainWorker"]
