"""Requests that come while the network is busy are answered together.

Serve's own `@serve.batch` does the same, with tasks, a timer and six metrics for each batch: more
work than this network has with one image.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

One = TypeVar("One")
Answer = TypeVar("Answer")


class Batches(Generic[One, Answer]):
    """In one event loop, which is also where it computes.

    Args:
        compute: answers many, in their order.
        most: how many it is given at once.
    """

    def __init__(self, compute: Callable[[list[One]], Sequence[Answer]], most: int) -> None:
        self._compute, self._most = compute, most
        self._waiting: list[tuple[One, asyncio.Future[Answer]]] = []

    async def answer(self, one: One) -> Answer:
        """The answer to one of many.

        Raises:
            Exception: what computing its batch raised.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((one, answer))
        if len(self._waiting) == 1:
            loop.call_soon(self._run)  # behind all that has come in by now
        return await answer

    def _run(self) -> None:
        batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._run)
        asked = [(one, answer) for one, answer in batch if not answer.done()]  # who hung up, has
        if not asked:
            return
        try:
            answers = self._compute([one for one, _ in asked])
        except Exception as error:
            for _, answer in asked:
                answer.set_exception(error)
        else:
            for (_, answer), found in zip(asked, answers, strict=True):
                answer.set_result(found)
