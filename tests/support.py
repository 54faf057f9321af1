"""What the tests on a real cluster share: make targets as a user calls them, and what they made."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from deploy.environments import environment
from deploy.kube import Kube
from deploy.workloads import Job, StandingCluster, workload
from lib.paths import ROOT
from local import snapshot

T = TypeVar("T")


def make(
    *words: str, timeout: float = 900, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a make target as a user would, and show what it prints."""
    clean = {k: v for k, v in os.environ.items() if k not in {"MAKEFLAGS", "MAKELEVEL", "WORKLOAD"}}
    done = subprocess.run(
        ["make", *words], cwd=ROOT, env={**clean, **(env or {})}, timeout=timeout,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    print(f"$ make {' '.join(words)} → {done.returncode}\n{done.stdout}", flush=True)
    return done


@dataclass(frozen=True)
class Deployed:
    """What `make deploy` has made."""

    kube: Kube
    job: Job
    output: str
    before: snapshot.Snapshot

    def fashion_mnist(self, namespace: str, *values: Path) -> Job:
        """The same workload in another namespace, with further values files."""
        found = workload(environment("local"), "fashion-mnist", namespace, values)
        assert isinstance(found, Job)
        return found

    @staticmethod
    def cluster() -> StandingCluster:
        """The standing cluster."""
        found = workload(environment("local"), "cluster")
        assert isinstance(found, StandingCluster)
        return found

    def uid(self, kind: str, namespace: str) -> str:
        """Identity of the only object of a kind in a namespace."""
        (obj,) = self.kube.list(kind, namespace)
        return str(obj["metadata"]["uid"])


def result(job: Job) -> dict[str, object]:
    """The JSON result that was fetched for a job."""
    folder = job.results()
    assert folder is not None
    found: dict[str, object] = json.loads((folder / job.what.results[0]).read_text())
    return found


def eventually(look: Callable[[], T | None], seconds: float, what: str) -> T:
    """The first true answer; fails when there is none in time (a bound, not a measure)."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.5)
    pytest.fail(f"not within {seconds:.0f} s: {what}")
