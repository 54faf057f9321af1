"""Runs steps that need one another, each as soon as what it needs is done."""

from __future__ import annotations

import graphlib
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

#: Between two looks at something that is awaited, in seconds.
INTERVAL = 0.05

Action = Callable[[threading.Event], None]


class StoppedError(Exception):
    """Another step failed, so this one gave up."""


@dataclass(frozen=True)
class Step:
    """Something to do.

    Attributes:
        action: does it, and returns when it is done; it ends early with ``StoppedError`` when the
            event that it is given is set.
        needs: names of the steps that come before.
    """

    action: Action
    needs: Sequence[str] = ()


def run(steps: Mapping[str, Step]) -> None:
    """Run every step, side by side where nothing forbids it.

    Raises:
        graphlib.CycleError: steps need each other in a circle.
        KeyError: a step needs one that does not exist.
        Exception: what the first failing step raised, after the others have stopped.
    """
    order = list(graphlib.TopologicalSorter({n: s.needs for n, s in steps.items()}).static_order())
    stop = threading.Event()
    futures: dict[str, Future[None]] = {}

    def go(step: Step) -> None:
        for need in step.needs:
            try:
                futures[need].result()
            except Exception as error:
                raise StoppedError from error
        if stop.is_set():
            raise StoppedError
        step.action(stop)

    with ThreadPoolExecutor(len(steps)) as pool:
        try:
            for name in order:
                futures[name] = pool.submit(go, steps[name])
            done, _ = wait(futures.values(), return_when=FIRST_EXCEPTION)
        finally:
            stop.set()
        failures = [error for future in done if (error := future.exception())]
    # An interrupted step is never the cause: the one that interrupted it is among the others.
    for error in [f.exception() for f in futures.values()] + failures:
        if error is not None and not isinstance(error, StoppedError):
            raise error


def until(ready: Callable[[], bool], stop: threading.Event, timeout: float) -> bool:
    """Wait until something holds; False when it does not within the time.

    Raises:
        StoppedError: another step failed meanwhile.
    """
    waited = 0.0
    while not ready():
        if waited >= timeout:
            return False
        if stop.wait(INTERVAL):
            raise StoppedError
        waited += INTERVAL
    return True
