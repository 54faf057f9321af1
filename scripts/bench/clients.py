"""Clients of an HTTP endpoint on this machine, made to take as little of it as they can.

Each keeps one connection, and asks again as soon as it is answered. They share one thread; requests
are bytes that are made beforehand, and answers are parsed in C. What they take of the processors
is told, since the endpoint goes without it.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import httptools
import numpy as np
import uvloop

from lib.errors import UserError

HOST = "127.0.0.1"

#: The most requests of a load, whatever time it has.
MOST = 200_000

#: Seconds within which the last answers have to come.
PATIENCE = 30


@dataclass(frozen=True, slots=True)
class Load:
    """What came of it."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    """Latency, of those answered in the time that counts."""
    requests: int
    """How many were answered, in all of the time."""
    cores: float
    """Processors that the clients took."""


def post(port: int, path: str, body: bytes) -> bytes:
    """A request with JSON in it."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def load(port: int, requests: list[bytes], *, clients: int, warm: float, timed: float) -> Load:
    """Ask for a while.

    Args:
        port: of the endpoint on this machine.
        requests: what is asked, in turn.
        clients: how many ask at a time.
        warm: seconds at the beginning that do not count.
        timed: seconds that do.

    Raises:
        UserError: an answer was not 200, or did not come.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_load(port, requests, clients, warm, timed))


async def _load(port: int, requests: list[bytes], clients: int, warm: float, timed: float) -> Load:
    begun, cpu = time.perf_counter(), time.process_time()
    end = begun + warm + timed
    asked = itertools.islice(itertools.cycle(requests), MOST)
    users = [_Client(port, asked, end) for _ in range(clients)]
    try:
        async with asyncio.timeout(warm + timed + PATIENCE):
            await asyncio.gather(*(user.run() for user in users))
    except TimeoutError:
        raise UserError(f"an answer did not come within {PATIENCE} s") from None
    seconds = time.perf_counter() - begun
    answers = [answer for user in users for answer in user.answers]
    latencies = [took for at, took in answers if begun + warm <= at < end]
    if not latencies:
        raise UserError(f"nothing was answered within {timed} s")
    p50, p99 = np.percentile(latencies, [50, 99]) * 1000
    return Load(
        requests_per_second=len(latencies) / timed, p50_ms=float(p50), p99_ms=float(p99),
        requests=len(answers), cores=(time.process_time() - cpu) / seconds,
    )  # fmt: skip


class _Client(asyncio.Protocol):
    """One that asks again and again until END."""

    def __init__(self, port: int, requests: Iterator[bytes], end: float) -> None:
        self.answers: list[tuple[float, float]] = []
        """When each came, and how long it took."""
        self._port, self._requests, self._end = port, requests, end

    async def run(self) -> None:
        """Over with the last answer.

        Connects anew where the endpoint asks for that, as HAProxy does when it has been given
        another replica.

        Raises:
            UserError: a request was not answered, or not with 200.
        """
        loop = asyncio.get_running_loop()
        self._over = False
        while not self._over:
            self._parser = httptools.HttpResponseParser(self)
            self._done: asyncio.Future[None] = loop.create_future()
            await loop.create_connection(lambda: self, HOST, self._port)
            try:
                await self._done
            finally:
                self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._said = body

    def on_message_complete(self) -> None:
        now = time.perf_counter()
        if (status := self._parser.get_status_code()) != 200:
            self._fail(f"an answer was {status}: {self._said.decode(errors='replace')}")
            return
        self.answers.append((now, now - self._asked))
        if self._parser.should_keep_alive():
            self._ask()
        else:
            self._done.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(f"a connection was closed: {error or 'by the endpoint'}")

    def _ask(self) -> None:
        self._asked = time.perf_counter()
        request = next(self._requests, None)
        if self._asked < self._end and request is not None:
            self._transport.write(request)
        else:
            self._over = True
            self._done.set_result(None)

    def _fail(self, why: str) -> None:
        if not self._done.done():
            self._done.set_exception(UserError(why))
