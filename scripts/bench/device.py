"""What contenders compute on, all cores or the GPU where there is one, and how busy that GPU is."""

from __future__ import annotations

import os
import statistics
import subprocess
import threading
import time
from types import TracebackType
from typing import Self

import torch

#: Whether there is a GPU.
GPU = torch.cuda.is_available()

#: torch's name of what they compute on.
DEVICE = "cuda" if GPU else "cpu"

#: The machine's, and those of them that a worker takes: a GPU's leaves the others to decode.
CORES = os.cpu_count() or 1
WORKER_CORES = 1 if GPU else CORES

#: What tables call it.
NAME = torch.cuda.get_device_name() if GPU else f"{CORES} cores"


def settle() -> None:
    """Wait until the GPU has done all that this process asked it to."""
    if GPU:
        torch.cuda.synchronize()


class Busy:
    """How much of the time the GPU computes, as its driver counts; knows of none without a GPU."""

    #: Seconds that the driver looks back over, and more.
    WINDOW = 1.2

    def __init__(self) -> None:
        self._samples: list[tuple[float, float]] = []

    def __enter__(self) -> Self:
        """Begin to watch."""
        if GPU:
            query = ("--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms", "100")
            self._watcher = subprocess.Popen(
                ("nvidia-smi", *query), stdout=subprocess.PIPE, text=True
            )
            threading.Thread(target=self._follow, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        """End it."""
        if GPU:
            self._watcher.terminate()
            self._watcher.communicate()

    def between(self, begun: float, ended: float) -> float | None:
        """Share of the time, as time.monotonic() has it; None: no GPU, or too short to tell."""
        begun += self.WINDOW
        seen = [share for when, share in list(self._samples) if begun <= when <= ended]
        return statistics.mean(seen) / 100 if seen else None

    def _follow(self) -> None:
        assert self._watcher.stdout is not None  # noqa: S101 - it is a pipe
        for line in self._watcher.stdout:
            self._samples.append((time.monotonic(), float(line)))
