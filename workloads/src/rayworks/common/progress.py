"""How a run tells what it does: a bar for people, a JSON line an event for programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

#: An event: `event` names it, the rest are its values (all JSON).
Event = dict[str, Any]
Emit = Callable[[Event], None]


class Lines:
    """One JSON object a line on stdout, with the time of each; steps are left out."""

    def __init__(self) -> None:
        self._out = sys.stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def emit(self, event: Event) -> None:
        """Print an event."""
        if event["event"] != "step":
            time = datetime.now(UTC).isoformat(timespec="milliseconds")
            try:
                print(json.dumps({"time": time, **event}), file=self._out, flush=True)
            except BrokenPipeError:
                # Who read has gone; the run has not, and neither has what it will leave.
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._out.fileno())


class Bar:
    """A bar over all steps, and a line for every other event."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(),
            console=Console(file=sys.stdout),
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def emit(self, event: Event) -> None:
        """Show an event."""
        if event["event"] == "step":
            if self._task is None:
                self._task = self._progress.add_task("", total=event["of"])
            text = f"epoch {event['epoch']}/{event['epochs']}"
            self._progress.update(self._task, completed=event["done"], description=text)
            return
        values = " · ".join(f"{k.replace('_', ' ')} {_short(v)}" for k, v in event.items())
        self._progress.console.print(values.removeprefix("event "), highlight=False)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def reporter() -> Bar | Lines:
    """The bar when stdout is a terminal, else lines."""
    return Bar() if at_terminal() else Lines()


def at_terminal() -> bool:
    """Whether someone watches: who trains elsewhere need not tell of each step otherwise."""
    return sys.__stdout__ is not None and sys.__stdout__.isatty()
