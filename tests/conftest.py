"""A real cluster for the tests: made by `make deploy`, taken away by `make destroy`."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import Deployed, make

from deploy.environments import environment
from deploy.workloads import Job, workload
from lib.kube import Kube
from lib.paths import LOCAL
from local import cluster, snapshot
from tools import venv
from tools.progress import Progress


def pytest_configure() -> None:
    """Let Ctrl-C reach what the tests start, also where a pipeline ignores SIGINT."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests that take the cluster away behind all others."""
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)


@pytest.fixture(scope="session")
def deployed() -> Iterator[Deployed]:
    """The main job, from nothing; whatever happens after it, everything is taken away."""
    if LOCAL.exists():
        pytest.fail("a local cluster of this checkout is there: `make destroy` first")
    if cluster.leftovers():  # of another checkout's cluster that has died
        make("destroy")
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


def _python(name: str) -> Path:
    """The interpreter of an environment, which is made if it is not there."""
    progress = Progress()
    try:
        venv.make(name, progress, quiet=True)
    finally:
        progress.close()
    return venv.ENVIRONMENTS[name].path / "bin" / "python"


@pytest.fixture(scope="session")
def mlflow_python() -> Path:
    """The interpreter with what MLflow's image holds."""
    return _python("mlflow")


@pytest.fixture(scope="session")
def s3_python() -> Path:
    """The interpreter with a server of S3."""
    return _python("s3")


@pytest.fixture(scope="session")
def aws_python() -> Path:
    """The interpreter with an AWS account."""
    return _python("aws")


@pytest.fixture(scope="session")
def deepspeed_packages() -> Path:
    """The folder with DeepSpeed, to be put on the path of a workload."""
    (packages,) = _python("deepspeed").parents[1].glob("lib/python3.*/site-packages")
    return packages


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
