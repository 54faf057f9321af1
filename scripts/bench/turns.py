"""Turns: all contenders are up, one of them runs, the others are frozen.

The pace of a shared machine changes from second to second. Many short turns, one after the other,
meet the same pace, and nothing of a contender runs beside another.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from lib.errors import UserError

#: Where a contender finds the socket at which it asks for its turns.
VARIABLE = "BENCH_TURNS"

#: Seconds within which a contender must have started, and have done a turn.
PATIENCE = 300


class Turns:
    """A contender's side, held by its rank 0.

    Args:
        warm: steps at the beginning of a turn that are not timed: what was frozen has things to
            make up for.
        timed: steps that are.
        size: what a step counts for in the speed: 1, or the samples in it.
        settle: waits until all steps up to now are done, where a GPU does them later.
    """

    def __init__(
        self, warm: int, timed: int, size: int = 1, settle: Callable[[], None] = lambda: None
    ) -> None:
        self._warm, self._timed, self._size, self._settle = warm, timed, size, settle
        self._begun = 0.0
        bench = socket.socket(socket.AF_UNIX)
        bench.connect(os.environ[VARIABLE])
        self._lines = bench.makefile("rw")
        self._lines.readline()

    def step(self, done: int) -> None:
        """Sleep between turns.

        Args:
            done: steps up to now. A call after every step is not needed, but one after those that
                end the parts of a turn.
        """
        match done % (self._warm + self._timed):
            case self._warm:
                self._settle()
                self._begun = time.perf_counter()
            case 0:
                self._settle()
                speed = self._timed * self._size / (time.perf_counter() - self._begun)
                print(speed, file=self._lines, flush=True)
                self._lines.readline()


class FromFirstStep:
    """Turns that begin after a first step, with which a contender's start ends.

    Args:
        warm: as for Turns.
        timed: as for Turns.
        size: as for Turns.
        settle: as for Turns.
    """

    def __init__(
        self, warm: int, timed: int, size: int, settle: Callable[[], None] = lambda: None
    ) -> None:
        self._arguments = warm, timed, size, settle
        self._settle = settle
        self._turns: Turns | None = None
        self._done = 0

    def step(self) -> None:
        """Sleep between turns; call it after every step."""
        if self._turns is None:
            self._settle()
            self._turns = Turns(*self._arguments)
        else:
            self._done += 1
            self._turns.step(self._done)


class Frozen:
    """The bench's side: a command that runs when it is woken, and is frozen otherwise.

    Args:
        command: what starts it.
        env: its environment, beside this process's.

    Raises:
        UserError: it ended before its time; the message holds its last words.
    """

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._log = Path(self._folder.name, "log")
        self._begun = time.perf_counter()
        #: Seconds from its start until it was ready, once it is.
        self.ready = 0.0
        with self._log.open("wb") as log:
            self._process = psutil.Popen(
                command, env={**os.environ, **env}, stdout=log, stderr=log,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def __enter__(self) -> Self:
        """Wait until it is ready, and freeze it."""
        deadline = time.monotonic() + PATIENCE
        try:
            while not self.started():
                if self._process.poll() is not None:
                    raise self.failure("ended")
                if time.monotonic() > deadline:
                    raise self.failure("did not start")
            self.ready = time.perf_counter() - self._begun
        except BaseException:
            self.close()
            raise
        self._each(psutil.Process.suspend)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        """End it."""
        self.close()

    def started(self) -> bool:
        """Whether it is ready; waits for that for a second at most."""
        raise NotImplementedError

    @contextlib.contextmanager
    def awake(self) -> Iterator[None]:
        """Let it run."""
        self._each(psutil.Process.resume)
        yield
        self._each(psutil.Process.suspend)

    def cpu_seconds(self) -> float:
        """What it has taken of the processors up to now."""
        taken = []

        def add(process: psutil.Process) -> None:
            times = process.cpu_times()
            taken.append(times.user + times.system)

        self._each(add)
        return sum(taken)

    def close(self) -> None:
        """End it at once, with all that it started."""
        tree = self._each(psutil.Process.kill)
        psutil.wait_procs(tree, timeout=10)
        self._folder.cleanup()

    def failure(self, how: str) -> UserError:
        """What to raise when it did not do its part."""
        said = self._log.read_text(errors="replace")[-2000:]
        return UserError(f"a contender {how} before its turn was over:\n{said}")

    def _each(self, act: Callable[[psutil.Process], None]) -> list[psutil.Process]:
        """Do something to every process of the contender that is still there."""
        if not self._process.is_running():
            return []
        tree = [self._process, *self._process.children(recursive=True)]
        for process in tree:
            with contextlib.suppress(psutil.NoSuchProcess):
                act(process)
        return tree


class Contender(Frozen):
    """One that trains when told to, by `Turns`."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self._home = tempfile.TemporaryDirectory()
        address = str(Path(self._home.name, "socket"))
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(address)
        self._server.listen()
        self._server.settimeout(1)
        super().__init__(command, {**env, VARIABLE: address})

    def started(self) -> bool:
        """Whether it asks for a turn."""
        try:
            connection, _ = self._server.accept()
        except TimeoutError:
            return False
        connection.settimeout(PATIENCE)
        self._lines = connection.makefile("rw")
        return True

    def turn(self) -> float:
        """Let it train for a while; its speed, as Turns has it."""
        with self.awake():
            print(file=self._lines, flush=True)
            try:
                answer = self._lines.readline()
            except TimeoutError:
                raise self.failure(f"was silent for {PATIENCE} s") from None
            if not answer:
                raise self.failure("ended")
        return float(answer)

    def close(self) -> None:
        """End it."""
        super().close()
        self._server.close()
        self._home.cleanup()


def own_session() -> None:
    """Leave the session of the Ray that started this worker.

    A desktop kernel (autogroup) gives each session its share, so that workers of one session get
    in each other's way. In pods each has a control group, and torchrun gives each a session: two
    plain ranks reach 290 steps/s so, and 268 in one session (medians of 6 turns, 2 cores).
    """
    os.setpgid(0, os.getpgid(os.getppid()))  # the leader of a process group could not leave
    os.setsid()
