"""A real cluster for the tests: made by `make deploy`, taken away by `make destroy`."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.environments import environment
from deploy.kube import Kube
from deploy.workloads import Job, StandingCluster, workload
from lib.paths import LOCAL, ROOT
from local import snapshot


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

    def fashion_mnist(self, namespace: str) -> Job:
        """The same workload in another namespace."""
        found = workload(environment("local"), "fashion-mnist", namespace)
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


@pytest.fixture(scope="session")
def deployed() -> Iterator[Deployed]:
    """The main job, from nothing; whatever happens after it, everything is taken away."""
    if LOCAL.exists():
        pytest.fail("a local cluster of this checkout is there: `make destroy` first")
    before = snapshot.take()
    try:
        done = make("deploy", timeout=3600)
        if done.returncode != 0:
            # what is needed to mend it, before it is taken away
            make("status")
            make("cluster-status")
            pytest.fail("make deploy failed")
        place = environment("local")
        job = workload(place, "fashion-mnist")
        assert isinstance(job, Job)
        yield Deployed(Kube(place.kubeconfig), job, done.stdout, before)
    finally:
        make("destroy")


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A folder with a script that asks the cluster for its nodes."""
    (tmp_path / "x.py").write_text(
        "import sys, ray\n"
        "from helper import square\n"
        "ray.init()\n"
        "print('squares', ray.get([ray.remote(square).remote(i) for i in range(4)]))\n"
        "sys.exit(int(sys.argv[1]) if len(sys.argv) > 1 else 0)\n"
    )
    (tmp_path / "helper.py").write_text("def square(x):\n    return x * x\n")
    return tmp_path
