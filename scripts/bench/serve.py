"""The endpoint `mnist`: the workload, FastAPI with the same network, and source 1's deployment.

The same requests, JSON with 28 x 28 values, from the same clients on this machine (`clients.py`),
64 at a time and one at a time; in turns. What each takes of the processors is told, and what the
clients take beside it.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import yaml
from rich.console import Console
from rich.table import Table

from bench import clients
from bench.turns import Frozen
from lib.errors import UserError
from lib.paths import ROOT

#: How many rounds are counted. Another goes before them, in which all that is lazy is loaded.
ROUNDS = 7

#: Numbers of clients, and for each the seconds of a turn that do not count and those that do: what
#: was frozen has things to make up for.
LEVELS = {64: (1.0, 3.0), 1: (1.0, 2.0)}

#: Seconds between waking one and loading it: HAProxy takes replicas that were frozen with it for
#: lost ones, and has to see them again.
AWAKE = 2

#: What each contender is called, and the module that starts it with its arguments.
SOURCE1, FASTAPI, RAYWORKS = "source 1 as it stands", "FastAPI and uvicorn", "rayworks mnist serve"
CONTENDERS = {
    SOURCE1: ("bench.source1_serve", "{port}"),
    FASTAPI: ("bench.fastapi_serve", "{folder}", "{port}"),
    RAYWORKS: ("rayworks", "mnist", "serve", "--storage-path", "{folder}", "--port", "{port}"),
}

#: How many images there are.
IMAGES = 10

#: The network that is served.
TRAIN = ("mnist", "train", "--dataset", "digits", "--epochs", "1", "--num-workers", "0")

#: The workload's values of its chart, by which Ray is set up in the same way here.
VALUES = ROOT / "workloads" / "src" / "rayworks" / "mnist_service" / "values.yaml"

#: HAProxy's files, which would stay in a folder of the machine's, by the variables' last words.
HAPROXY = {
    "CONFIG_FILE_LOC": "ha/haproxy.cfg",
    "SOCKET_PATH": "ha/admin.sock",
    "METRICS_SOCKET_PATH": "ha/metrics.sock",
    "SERVER_STATE_BASE": "ha",
    "SERVER_STATE_FILE": "ha/server-state",
}


@dataclass(frozen=True, slots=True)
class Turn:
    """A load, and what the contender took for it."""

    load: clients.Load
    cpu_ms: float
    """Milliseconds of a processor for each request."""


class Server(Frozen):
    """A contender that answers at /mnist."""

    def __init__(self, command: tuple[str, ...], env: dict[str, str], folder: str) -> None:
        with socket.create_server((clients.HOST, 0)) as free:
            self.port: int = free.getsockname()[1]
        words = [word.format(folder=folder, port=self.port) for word in command]
        super().__init__([sys.executable, "-m", *words], env)

    def started(self) -> bool:
        """Whether it answers."""
        try:
            self.ask(_body(0))
        except OSError:
            time.sleep(0.5)
            return False
        return True

    def ask(self, body: bytes) -> list[float]:
        """The probabilities that it answers."""
        url = f"http://{clients.HOST}:{self.port}/mnist"
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 (our own)
            content: dict[str, Any] = json.load(answer)
        return list(content["probabilities"])

    def sample(self) -> list[list[float]]:
        """What it answers to each of the images."""
        with self.awake():
            return [self.ask(_body(number)) for number in range(IMAGES)]

    def turn(self, level: int) -> Turn:
        """Let it answer for a while."""
        requests = [clients.post(self.port, "/mnist", _body(number)) for number in range(IMAGES)]
        warm, timed = LEVELS[level]
        with self.awake():
            time.sleep(AWAKE)
            before = self.cpu_seconds()
            try:
                load = clients.load(self.port, requests, clients=level, warm=warm, timed=timed)
            except (UserError, OSError) as error:
                raise self.failure(f"failed ({error})") from error
            taken = self.cpu_seconds() - before
        return Turn(load, taken / load.requests * 1000)


def measure() -> dict[str, float]:
    """Print the tables; medians over the rounds, of speeds and of their ratios in a round.

    Raises:
        UserError: one does not start, or fails to answer, or two answer otherwise.
    """
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        _train(folder)
        rounds = list(_rounds(folder))
    for level in LEVELS:
        turns = {name: [one[name, level] for one in rounds] for name in CONTENDERS}
        speeds = {name: [t.load.requests_per_second for t in turns[name]] for name in turns}
        _print(level, turns)
        figures |= {
            f"serve{level}_{key}_rps": round(statistics.median(speeds[name]), 1)
            for key, name in (("rayworks", RAYWORKS), ("fastapi", FASTAPI), ("source1", SOURCE1))
        }
        for key, name in (("fastapi", FASTAPI), ("source1", SOURCE1)):
            ratios = _ratios(speeds[RAYWORKS], speeds[name])
            figures[f"serve{level}_vs_{key}"] = round(statistics.median(ratios), 3)
            figures[f"serve{level}_vs_{key}_least"] = round(min(ratios), 3)
        p99 = statistics.median(turn.load.p99_ms for turn in turns[RAYWORKS])
        figures[f"serve{level}_p99_ms"] = round(p99, 2)
        cores = max(turn.load.cores for ones in turns.values() for turn in ones)
        figures[f"serve{level}_clients_cores"] = round(cores, 3)
    return figures


def _rounds(folder: str) -> Iterator[dict[tuple[str, int], Turn]]:
    """Start all; the turns of each round that counts, by contender and number of clients."""
    paths = os.pathsep.join(map(str, (ROOT / "scripts", ROOT / "workloads" / "src")))
    with ExitStack() as stack:
        servers = {}
        for name, command in CONTENDERS.items():
            env = {"PYTHONPATH": paths} | (_chart() if name == RAYWORKS else {})
            servers[name] = stack.enter_context(Server(command, env, folder))
        answers = {name: servers[name].sample() for name in (FASTAPI, RAYWORKS)}
        if not np.allclose(answers[FASTAPI], answers[RAYWORKS], atol=1e-5):
            raise UserError("the two do not serve the same network")
        for number in range(ROUNDS + 1):
            turns = {
                (name, level): servers[name].turn(level) for level in LEVELS for name in servers
            }
            for level in LEVELS:
                said = (turns[name, level].load.requests_per_second for name in servers)
                _say(
                    f"round {number} of {ROUNDS}, {level} at a time: "
                    f"{', '.join(f'{speed:.0f}' for speed in said)} requests/s"
                )
            if number:
                yield turns


def _print(level: int, turns: dict[str, list[Turn]]) -> None:
    table = Table(title=f"mnist, JSON, {level} at a time")
    for heading in (
        "", "requests/s (median)", "least", "most", "of FastAPI", "p50 ms", "p99 ms",
        "CPU ms/request", "clients' cores",
    ):  # fmt: skip
        table.add_column(heading, justify="right" if heading else "left")
    fastapi = [turn.load.requests_per_second for turn in turns[FASTAPI]]
    for name, ones in turns.items():
        speeds = [turn.load.requests_per_second for turn in ones]
        table.add_row(
            name,
            *(f"{value:.0f}" for value in (statistics.median(speeds), min(speeds), max(speeds))),
            f"{statistics.median(_ratios(speeds, fastapi)):.2f}",
            f"{statistics.median(turn.load.p50_ms for turn in ones):.1f}",
            f"{statistics.median(turn.load.p99_ms for turn in ones):.1f}",
            f"{statistics.median(turn.cpu_ms for turn in ones):.2f}",
            f"{statistics.median(turn.load.cores for turn in ones):.2f}",
        )
    Console().print(table)


def _ratios(ones: list[float], others: list[float]) -> list[float]:
    return [one / other for one, other in zip(ones, others, strict=True)]


def _body(number: int) -> bytes:
    """JSON with an image of noise: speed does not depend on what it shows."""
    noise = np.random.default_rng(number).integers(0, 256, (28, 28))
    return json.dumps({"data": noise.tolist()}).encode()


def _chart() -> dict[str, str]:
    """The variables of Ray's containers, as the workload's chart sets them."""
    values = yaml.safe_load(VALUES.read_text())
    haproxy = {"RAY_SERVE_ENABLE_HA_PROXY": "1"} if values.get("haproxy") else {}
    # Not in a folder of ours: paths of its sockets have 97 bytes at most, and most of them are its.
    folder = tempfile.gettempdir()
    places = {f"RAY_SERVE_HAPROXY_{name}": f"{folder}/{file}" for name, file in HAPROXY.items()}
    return {**haproxy, **places, **values.get("env", {})}


def _train(folder: str) -> None:
    command = [sys.executable, "-m", "rayworks", *TRAIN, "--storage-path", folder]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "workloads" / "src")}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise UserError(f"there is nothing to serve:\n{done.stderr[-2000:]}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
