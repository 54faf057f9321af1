"""Every job by its chart and as a plain command: SUCCEEDED, and the same numbers. 20 minutes.

Both have the variables that the chart gives, and so the settings, the seed and the number of
workers. They agree within AGREE, of each number.
"""

from __future__ import annotations

import ipaddress
import json
import os
import shlex
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy
import pytest
from running import Start, starter
from s3_server import BUCKET, KEYS, s3
from support import Deployed, make

from charts.check import renderings
from checks.__main__ import quick
from deploy.environments import environment
from deploy.workloads import FOLDER, Job, Service, descriptions, merged, workload
from lib.paths import ROOT
from local import box

pytestmark = pytest.mark.full

#: By how much a number may differ, as a share of it: one of the 360 digits that falls on the other
#: side is 0.3 %. Or, where it is nearly 0, by how much at all.
AGREE, AGREE_NEAR_0 = 5e-3, 1e-4

ENV = {**os.environ, "PYTHONPATH": str(ROOT / "workloads" / "src")}

#: Trained, and then served.
SERVED = {"mnist", "tune-fashion-mnist"}

JOBS = [n for n, what in descriptions().items() if what.chart == "ray-job" and n not in SERVED]

#: A text that the image has, and the same one here: both have the same version of numpy. (`pydoc`
#: is not the same in two patch versions of Python.)
TEXT_THERE = "/opt/rayworks/lib/python3.11/site-packages/numpy/__init__.pyi"
TEXT_HERE = str(Path(numpy.__file__).with_suffix(".pyi"))

#: For a shorter run than the workload's own settings on the local cluster, or one whose numbers do
#: not depend on the machine.
VARIABLES: dict[str, dict[str, Any]] = {
    "data-pipeline": {"BLOCKS": "2"},  # files, else one for each CPU
    "fashion-mnist": {"EPOCHS": "5"},
    "fine-tune": {"EPOCHS": "1", "DATASET": None, "TEXT": TEXT_THERE},
    "image-training": {"NUM_EPOCHS": "1"},
    "tune-fashion-mnist": {"TRIALS": "4", "EPOCHS": "9"},
}


@pytest.fixture(scope="module", autouse=True)
def room(deployed: Deployed) -> None:
    """Room for another job, and for a service beside it, on a small machine."""
    assert make("remove", "WORKLOAD=fashion-mnist").returncode == 0


@contextmanager
def ran(name: str, folder: Path, *, namespace: str | None = None, **values: Any) -> Iterator[Job]:
    """A job that has ended well, as a user sees it; it is gone after the block.

    Args:
        name: the workload.
        folder: for a values file.
        namespace: None: the workload's own.
        values: further ones for its chart.
    """
    file = folder / f"{name}.yaml"
    file.write_text(json.dumps(values))
    words = [f"WORKLOAD={name}", f"NAMESPACE={namespace or name}"]
    job = workload(environment("local"), name, namespace, [file])
    assert isinstance(job, Job)
    try:
        done = make("run", *words, f"VALUES={file}")
        assert done.returncode == 0
        assert "SUCCEEDED" in done.stdout
        yield job
    finally:
        assert make("remove", *words).returncode == 0
    assert job.kube.find("namespace", job.namespace) is None


@contextmanager
def command(job_name: str) -> Iterator[Start]:
    """What starts the command of a job's chart on a Ray of its own on this machine."""
    files = descriptions()[job_name].values("local")
    _, *words = shlex.split(merged(files)["job"]["entrypoint"])
    with starter(*words) as start:
        yield start


def variables(job: Job, storage: Path) -> dict[str, str]:
    """What the job's chart tells its command, with another storage."""
    obj = job.object()
    assert obj
    template = obj["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]
    env = template["spec"]["containers"][0]["env"]
    places = {"HOME", "MPLCONFIGDIR", "STORAGE_PATH"}
    told = {
        one["name"]: one["value"]
        for one in env
        if "value" in one and one["name"] not in places and not one["name"].startswith("RAY_")
    }
    if "TEXT" in told:
        told["TEXT"] = TEXT_HERE
    return {**told, "STORAGE_PATH": str(storage), "PYTHONPATH": ENV["PYTHONPATH"]}


def fetched(job: Job) -> dict[str, Any]:
    """The job's result, once all its files have been seen to be there."""
    folder = job.results()
    assert folder is not None
    for name in job.what.results:
        content = (folder / name).read_bytes()
        assert content.startswith(b"\x89PNG" if name.endswith(".png") else b"{"), name
    found: dict[str, Any] = json.loads((folder / job.what.results[0]).read_text())
    return found


def left(process: subprocess.Popen[str], job: Job, storage: Path) -> dict[str, Any]:
    """The plain command's result, at its end."""
    _, errors = process.communicate(timeout=400)
    assert process.returncode == 0, errors
    path = storage / job.what.name / job.what.results[0]
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def numbers(result: dict[str, Any]) -> dict[str, Any]:
    """What counts in a result, and each epoch's numbers, less what tells of the speed."""
    found = {name: result[name] for name in result["headline"]}
    for epoch in result.get("history", []):
        found |= {f"epoch {epoch['epoch']}: {name}": value for name, value in epoch.items()}
    speed = ("second", "_time")
    return {
        name: value
        for name, value in found.items()
        if not isinstance(value, str) and not any(word in name for word in speed)
    }


def words(result: dict[str, Any]) -> dict[str, str]:
    """What counts and is no number, such as the data set."""
    found = {name: result[name] for name in result["headline"]}
    return {name: value for name, value in found.items() if isinstance(value, str)}


def settings(result: dict[str, Any]) -> dict[str, Any]:
    """What a result depends on, but for the place of a text."""
    found = {name: result.get(name) for name in ("world_size", "cpus_per_worker", "device")}
    return found | {n: value for n, value in result.get("settings", {}).items() if n != "text"}


def agree(there: dict[str, Any], here: dict[str, Any]) -> None:
    """Fail unless the cluster's result is the plain command's."""
    assert settings(there) == settings(here)
    assert numbers(there)
    assert numbers(there) == pytest.approx(numbers(here), rel=AGREE, abs=AGREE_NEAR_0)
    assert words(there) == words(here)


@pytest.mark.parametrize("name", JOBS)
def test_it_ends_with_the_numbers_of_the_plain_command(name: str, tmp_path: Path) -> None:
    with command(name) as start:
        with ran(name, tmp_path, env=VARIABLES.get(name, {})) as job:
            there = fetched(job)
            # while the job is taken away
            here = start(**variables(job, tmp_path))
        agree(there, left(here, job, tmp_path))


@contextmanager
def serving(namespace: str, values: Path | None = None) -> Iterator[tuple[Service, str]]:
    """mnist-service beside a training, whose namespace it leaves as it is; and its address."""
    words = ["WORKLOAD=mnist-service", f"NAMESPACE={namespace}"]
    service = workload(environment("local"), "mnist-service", namespace)
    assert isinstance(service, Service)
    try:
        done = make("run", *words, *([f"VALUES={values}"] if values else []))
        assert done.returncode == 0
        assert "ready: " in done.stdout
        with service.kube.forwarded("svc/mnist-service-serve-svc", 8000, namespace) as forwarded:
            yield service, f"{forwarded.url}/mnist"
    finally:
        assert make("remove", *words).returncode == 0
    assert service.kube.find("namespace", namespace), "the training's, with its storage"


def classified(url: str) -> list[dict[str, Any]]:
    """What `rayworks mnist classify` is answered about one of each digit, in three forms."""
    done = subprocess.run(
        [sys.executable, "-m", "rayworks", "mnist", "classify", "--url", url],
        env=ENV, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def answers_as_trained(url: str, trained: dict[str, Any]) -> None:
    """Fail unless the endpoint answers with a training's last state, and reads digits."""
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - loopback
        about = json.load(answer)
    last = trained["history"][-1]
    assert {name: about[name] for name in last} == last
    answers = classified(url)
    assert len(answers) == 30
    right = [answer for answer in answers if answer["file"] == f"a {answer['prediction']}"]
    assert len(right) >= 27, answers


def test_digits_are_trained_and_served_in_one_namespace(tmp_path: Path) -> None:
    with command("mnist") as start:
        with ran("mnist", tmp_path, namespace="digits") as job:
            there = fetched(job)
            assert there["accuracy"] >= 0.97
            with serving("digits") as (service, url):
                assert service.head() != job.head(), "each has a cluster of its own"
                answers_as_trained(url, there)
            assert fetched(job) == there
            here = start(**variables(job, tmp_path))
        agree(there, left(here, job, tmp_path))


def test_a_searchs_best_trial_is_served_by_one_command(tmp_path: Path) -> None:
    name = "tune-fashion-mnist"
    with command(name) as start:
        with ran(name, tmp_path, env=VARIABLES[name]) as job:
            there = fetched(job)
            with serving(name, FOLDER / "tune_fashion_mnist" / "serve.yaml") as (_, url):
                answers_as_trained(url, there)
            here = start(**variables(job, tmp_path))
        tried, again = (trials(one) for one in (there, left(here, job, tmp_path)))
    # Which trials are stopped, and so which is the best, depends on who was first.
    assert tried.keys() == again.keys()
    for settings, losses in tried.items():
        both = min(len(losses), len(again[settings]))
        assert losses[:both] == pytest.approx(again[settings][:both], rel=AGREE), settings


def trials(result: dict[str, Any]) -> dict[str, list[float]]:
    """Losses of each trial's epochs, by its settings."""
    return {
        json.dumps(one["settings"], sort_keys=True): [epoch["loss"] for epoch in one["history"]]
        for one in result["trials"]
    }


def test_results_and_checkpoints_go_to_an_object_store(s3_python: Path, tmp_path: Path) -> None:
    node = box.running()
    assert node is not None
    storage = f"s3://{BUCKET}/runs"
    # on this machine, at its end of the link to the node
    with s3(s3_python, str(ipaddress.ip_address(node.address) - 1)) as url:
        told = {**KEYS, "AWS_ENDPOINT_URL": url, "AWS_REGION": "us-east-1"}
        values = {
            "global": {"ray": {"storage": {"claim": "", "uri": storage}}},
            "env": {**VARIABLES["fashion-mnist"], **told},
        }
        with ran("fashion-mnist", tmp_path, namespace="object-store", **values) as job:
            assert len(fetched(job)["history"]) == 5
            assert job.storage() == f"{storage} (namespace object-store)"


@pytest.fixture
def made() -> Iterator[str]:
    """A workload that `rayworks new` has written to this checkout; it is gone after the test."""
    name = "made-by-a-test"
    package = name.replace("-", "_")
    folder, test = FOLDER / package, ROOT / "tests" / "workloads" / f"test_{package}.py"
    assert not folder.exists()
    try:
        subprocess.run([sys.executable, "-m", "rayworks", "new", name], env=ENV, check=True)
        yield name
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        test.unlink(missing_ok=True)


def test_a_new_workload_passes_the_checks_and_deploys(made: str, tmp_path: Path) -> None:
    for check in quick():
        if check.name in {"format", "lint", "types", "yaml"}:
            done = subprocess.run(
                check.command, cwd=ROOT, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr
    (rendering,) = [one for one in renderings() if one.title == f"{made} on local"]
    assert "kind: RayJob" in rendering.text()
    with command(made) as start:
        with ran(made, tmp_path) as job:
            there = fetched(job)
            here = start(**variables(job, tmp_path))
        agree(there, left(here, job, tmp_path))
