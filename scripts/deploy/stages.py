"""A stage of a deployment: is it done, do it, undo it; and how a list of them is run."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text


class Report(Protocol):
    """Tells the user what a stage is doing now, in a few words."""

    def __call__(self, detail: str) -> None:
        """Show the detail."""


class Undoable(Protocol):
    """Something that can be taken away."""

    name: str

    def undo(self, report: Report) -> str:
        """Take away all that was made; no error when nothing is there."""


class Stage(Undoable, Protocol):
    """The third contract of the design. An action may be run again after any interruption."""

    def check(self) -> str | None:
        """What is there, in a few words, when nothing is left to do; else None. Changes nothing."""

    def action(self, report: Report) -> str:
        """Do it, and say in a few words what is there now."""


@runtime_checkable
class Asking(Protocol):
    """A stage whose action costs money: the user sees what it would do before."""

    def confirm(self, console: Console) -> None:
        """Show what the action would do; raise UserError unless the user wants it."""


@dataclass(slots=True)
class Outcome:
    """What became of one stage."""

    stage: str
    seconds: float
    detail: str
    done_before: bool


@dataclass(slots=True)
class Progress:
    """Shows stages: a live line at a terminal, one line an event elsewhere."""

    console: Console = field(default_factory=lambda: Console(highlight=False))
    outcomes: list[Outcome] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[Report]:
        """Show one stage while the block runs."""
        begun = time.monotonic()
        if not self.console.is_terminal:
            last = [""]

            def say(detail: str) -> None:
                if detail != last[0]:
                    last[0] = detail
                    self._line("…", name, time.monotonic() - begun, detail)

            yield say
            return

        line = _LiveLine(name, begun)
        with Live(line, console=self.console, refresh_per_second=8, transient=True):
            yield line.say

    def finished(self, name: str, seconds: float, detail: str, *, before: bool = False) -> None:
        """Keep a line of what became of a stage."""
        self.outcomes.append(Outcome(name, seconds, detail, before))
        self._line("=" if before else "✓", name, seconds, detail)

    def failed(self, name: str, seconds: float) -> None:
        """Say which stage failed; the reason follows as the error."""
        self._line("✗", name, seconds, "failed")
        self.console.file.flush()

    def _line(self, mark: str, name: str, seconds: float, detail: str) -> None:
        colour = {"✓": "green", "=": "green", "✗": "red"}.get(mark, "dim")
        self.console.print(
            f"[{colour}]{mark}[/] {name:<12} {seconds:6.1f} s  {escape(detail)}", soft_wrap=True
        )
        sys.stdout.flush()


class _LiveLine:
    """A spinner, the stage, its age and what it does now, drawn anew by rich."""

    def __init__(self, name: str, begun: float) -> None:
        self.name = name
        self.begun = begun
        self.detail = ""
        self.spinner = Spinner("dots")

    def say(self, detail: str) -> None:
        self.detail = detail

    def __rich__(self) -> Table:
        grid = Table.grid(padding=(0, 1), expand=True)
        grid.add_column(width=1)
        grid.add_column(width=12, no_wrap=True)
        grid.add_column(width=8, justify="right", no_wrap=True)
        grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1)  # what the others leave
        age = f"{time.monotonic() - self.begun:.1f} s"
        grid.add_row(self.spinner, self.name, age, Text(self.detail))
        return grid


def run_stages(stages: Sequence[Stage], progress: Progress) -> None:
    """Run the stages that are not done, in their order."""
    for stage in stages:
        with _told(stage, progress) as begun:
            with progress.stage(stage.name):
                found = stage.check()
            detail = found
            if detail is None:
                if isinstance(stage, Asking):
                    stage.confirm(progress.console)
                with progress.stage(stage.name) as report:
                    detail = stage.action(report)
        before = found is not None
        progress.finished(stage.name, time.monotonic() - begun, detail, before=before)


def undo_stages(stages: Sequence[Undoable], progress: Progress) -> None:
    """Undo the stages, last first."""
    for stage in reversed(stages):
        with _told(stage, progress) as begun, progress.stage(stage.name) as report:
            detail = stage.undo(report)
        progress.finished(stage.name, time.monotonic() - begun, detail)


@contextmanager
def _told(stage: Undoable, progress: Progress) -> Iterator[float]:
    """Say which stage fails, if one does; yields when it began."""
    begun = time.monotonic()
    try:
        yield begun
    except BaseException:
        progress.failed(stage.name, time.monotonic() - begun)
        raise
