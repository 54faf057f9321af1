"""Constant requests to the service, and what came of them.

Each request is sent when it is due, whatever became of those before, and on a connection of its
own, so that it may reach any proxy. While something is killed, the report tells what users see.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import httpx

from rayworks.common.errors import UserError
from rayworks.common.progress import Emit

#: Seconds without an answer of a replica after which it counts as lost. Serve chooses at random
#: among replicas: in shorter times one may be left out.
SILENCE = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request; times in seconds since the first was sent."""

    sent: float
    ended: float
    pid: int | None = None
    """Who answered; None when it failed."""
    error: str | None = None
    """Why it failed."""


@dataclass(slots=True)
class Watch:
    """What came of all requests up to now."""

    answers: list[Answer] = field(default_factory=list)

    def report(self, seconds: float) -> dict[str, Any]:
        """The figures, all JSON.

        Args:
            seconds: how long it has been watched.
        """
        good = sorted(answer.ended for answer in self.answers if answer.pid is not None)
        edges = [0.0, *good, seconds]
        latencies = sorted(a.ended - a.sent for a in self.answers if a.pid is not None)
        pids = self._pids()
        return {
            "seconds": round(seconds, 3),
            "requests": len(self.answers),
            "failures": len(self.answers) - len(good),
            "errors": self._errors(),
            "pids": [pid for pid, _, _ in pids],
            "longest_gap_s": round(max(b - a for a, b in pairwise(edges)), 3),
            "median_latency_s": round(latencies[len(latencies) // 2], 4) if latencies else None,
            "outages": self._outages(),
            "replacements": _replacements(pids, seconds),
        }

    def _errors(self) -> dict[str, int]:
        counts: dict[str, int] = defaultdict(int)
        for answer in self.answers:
            if answer.error is not None:
                counts[answer.error] += 1
        return dict(counts)

    def _pids(self) -> list[tuple[int, float, float]]:
        """Each replica with the times of its first and its last answer, in order of the first."""
        heard: dict[int, list[float]] = defaultdict(list)
        for answer in self.answers:
            if answer.pid is not None:
                heard[answer.pid].append(answer.ended)
        spans = [(pid, min(times), max(times)) for pid, times in heard.items()]
        return sorted(spans, key=lambda span: span[1])

    def _outages(self) -> list[dict[str, Any]]:
        """Runs of failures in the order of sending: when, how many, and until an answer came."""
        found: list[dict[str, Any]] = []
        going = False
        for answer in sorted(self.answers, key=lambda one: one.sent):
            if answer.pid is None:
                if not going:
                    found.append(
                        {"at_s": round(answer.sent, 3), "failures": 0, "recovered_s": None}
                    )
                found[-1]["failures"] += 1
            elif going:
                found[-1]["recovered_s"] = round(answer.ended - found[-1]["at_s"], 3)
            going = answer.pid is None
        return found


def _replacements(pids: Iterable[tuple[int, float, float]], seconds: float) -> list[dict[str, Any]]:
    """Replicas that fell silent, and how long it took until a new one answered.

    Which one stands in for which cannot be seen from outside: they are matched in their order.
    """
    spans = list(pids)
    lost = sorted((last, pid) for pid, _, last in spans if last < seconds - SILENCE)
    new = [(first, pid) for pid, first, _ in spans]
    found: list[dict[str, Any]] = []
    for at, pid in lost:
        heir = next(((first, other) for first, other in new if first > at), None)
        if heir is not None:
            new.remove(heir)
        found.append(
            {
                "lost": pid,
                "at_s": round(at, 3),
                "by": heir and heir[1],
                "took_s": heir and round(heir[0] - at, 3),
            }
        )
    return found


async def watch(
    url: str, seconds: float, interval: float, timeout: float, emit: Emit
) -> dict[str, Any]:
    """Send requests for a while, emit each failure, and return the report.

    Args:
        url: of the service.
        seconds: how long requests are sent.
        interval: seconds between two of them.
        timeout: seconds after which one has failed.
        emit: hears of each failure, and of each replica that answers for the first time.

    Raises:
        UserError: nothing has ever answered.
    """
    watched, known = Watch(), set[int]()
    begin = time.perf_counter()
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    async with (
        httpx.AsyncClient(timeout=timeout, limits=limits) as client,
        asyncio.TaskGroup() as tasks,
    ):

        async def ask() -> None:
            sent = time.perf_counter() - begin
            pid, error = await _ask(client, url)
            answer = Answer(sent, time.perf_counter() - begin, pid, error)
            watched.answers.append(answer)
            if error is not None:
                emit({"event": "failure", "at_s": round(answer.ended, 3), "error": error})
            elif pid is not None and pid not in known:
                known.add(pid)
                emit({"event": "replica", "at_s": round(answer.ended, 3), "pid": pid})

        for number in range(max(1, round(seconds / interval))):
            await asyncio.sleep(number * interval - (time.perf_counter() - begin))
            tasks.create_task(ask())
    if not known:
        said = ", ".join(watched.report(seconds)["errors"])
        raise UserError(f"{url} never answered: {said}", "is it forwarded, and is this its path?")
    return watched.report(time.perf_counter() - begin)


async def _ask(client: httpx.AsyncClient, url: str) -> tuple[int | None, str | None]:
    """Who answered, or why nobody did."""
    try:
        response = await client.get(url, headers={"Connection": "close"})
    except httpx.HTTPError as error:
        return None, type(error).__name__
    if response.status_code != httpx.codes.OK:
        return None, f"HTTP {response.status_code}"
    if not response.text.strip().isdigit():
        return None, "not a process id"
    return int(response.text), None
