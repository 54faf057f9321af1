"""Rounds: contenders that are up together, each with turns in a round; all are started anew."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from bench.device import Busy
from bench.turns import Contender
from lib.errors import UserError
from lib.paths import ROOT

#: What contenders, Ray's workers among them, import.
PATHS = os.pathsep.join(map(str, (ROOT / "scripts", ROOT / "workloads" / "src")))


@dataclass(frozen=True, slots=True)
class Peer:
    """One of those that are compared."""

    words: Sequence[str]
    """The module that starts it, and its arguments."""
    turns: int = 1
    """In a round. Turns differ on a shared machine: those that differ least need most of them."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one of them reached."""

    speeds: list[float] = field(default_factory=list)
    """Steps or samples per second, in each round of all starts."""
    ready: list[float] = field(default_factory=list)
    """Seconds that each start took, until it asked for its first turn."""
    busy: list[float] = field(default_factory=list)
    """Share of each turn that counts in which the GPU computed; empty without one."""


def run(
    peers: Mapping[str, Peer], *, starts: int, rounds: int, env: Mapping[str, str] | None = None
) -> dict[str, Figures]:
    """Compare them.

    Args:
        peers: by their names.
        starts: how often all are started anew.
        rounds: how many of a start count; another goes before them, in which Ray still starts
            processes.
        env: of all, beside this process's.
    """
    figures = {name: Figures() for name in peers}
    for number in range(starts):
        with ExitStack() as stack:
            contenders = {}
            for name, peer in peers.items():
                command = [sys.executable, "-m", *peer.words]
                contender = Contender(command, {"PYTHONPATH": PATHS, **(env or {})})
                contenders[name] = stack.enter_context(contender)
                figures[name].ready.append(contender.ready)
            busy = stack.enter_context(Busy())
            _round(peers, contenders)
            for _ in range(rounds):
                pace = _round(peers, contenders, busy, figures)
                for name, speed in pace.items():
                    figures[name].speeds.append(speed)
                said = ", ".join(f"{speed:.3g}" for speed in pace.values())
                print(
                    f"start {number + 1} of {starts}: {said} a second", file=sys.stderr, flush=True
                )
    return figures


def _round(
    peers: Mapping[str, Peer],
    contenders: Mapping[str, Contender],
    busy: Busy | None = None,
    figures: Mapping[str, Figures] | None = None,
) -> dict[str, float]:
    """Each contender's speed over all of its turns, which alternate with the others'."""
    turns: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(max(peer.turns for peer in peers.values())):
        for name, peer in peers.items():
            if number < peer.turns:
                begun = time.monotonic()
                turns[name].append(contenders[name].turn())
                if busy and figures and (share := busy.between(begun, time.monotonic())):
                    figures[name].busy.append(share)
    return {name: statistics.harmonic_mean(speeds) for name, speeds in turns.items()}


def prepare(*words: str) -> None:
    """Run a module to its end, as contenders are.

    Raises:
        UserError: it failed.
    """
    env = {**os.environ, "PYTHONPATH": PATHS}
    if subprocess.run([sys.executable, "-m", *words], env=env, check=False).returncode != 0:
        raise UserError(f"{' '.join(words)} failed")


def ratios(ones: Figures, others: Figures) -> list[float]:
    """Of the speeds in each round: the machine's pace changes between rounds more than in one."""
    return [one / other for one, other in zip(ones.speeds, others.speeds, strict=True)]
