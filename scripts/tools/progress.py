"""Progress of long work: a live line at a terminal, plain lines elsewhere."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

#: Seconds between the signs of life of long work where there is no terminal.
HEARTBEAT = 30.0


def duration(seconds: float) -> str:
    """Seconds as people say them: `0.3 s`, `12 s`, `3 min 05 s`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02d} s"


class Progress:
    """Shows tasks, several at a time if need be: each ends as one line with its elapsed time.

    Args:
        stream: where the lines go; live when it is a terminal.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._live = self._stream.isatty()
        self._lock = threading.Lock()
        self._running: dict[str, float] = {}
        self._stop = threading.Event()
        self._ticker: threading.Thread | None = None

    def done(self, name: str, result: str) -> None:
        """Print the line of a task that took no time."""
        with self._lock:
            self._print("ok", name, result)

    @contextmanager
    def task(self, name: str) -> Iterator[None]:
        """Show a task while the body runs; its line says `failed` when the body raises."""
        start = time.monotonic()
        with self._lock:
            self._running[name] = start
            if self._ticker is None:
                self._ticker = threading.Thread(target=self._tick, daemon=True)
                self._ticker.start()
        mark = "failed"
        try:
            yield
            mark = "ok"
        except KeyboardInterrupt:
            mark = "stopped"
            raise
        finally:
            with self._lock:
                del self._running[name]
                self._print(mark, name, duration(time.monotonic() - start))

    def close(self) -> None:
        """End the live line."""
        self._stop.set()
        if self._ticker:
            self._ticker.join()

    def _print(self, mark: str, name: str, result: str) -> None:
        if self._live:
            self._stream.write("\r\033[K")
        self._stream.write(f"{mark:<8}{name:<42} {result}\n")
        self._stream.flush()

    def _tick(self) -> None:
        while not self._stop.wait(1.0 if self._live else HEARTBEAT):
            with self._lock:
                now = time.monotonic()
                least = 0.0 if self._live else HEARTBEAT / 2
                ages = {name: now - start for name, start in self._running.items()}
                line = "  ".join(f"{k} {duration(v)}" for k, v in ages.items() if v >= least)
                if not line:
                    continue
                if self._live:
                    width = shutil.get_terminal_size().columns - 1
                    self._stream.write(f"\r\033[K{'…':<8}{line}"[: width + 4])
                else:
                    self._stream.write(f"{'…':<8}{line}\n")
                self._stream.flush()
