"""Runs whose storage is an object store, on a Ray of their own. About two minutes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from running import Event, events, free_port, starter
from s3_server import BUCKET, KEYS, s3

from deploy import workloads
from deploy.environments import environment
from deploy.workloads import Description, Job
from lib import errors
from lib.kube import Kube
from rayworks.common.errors import UserError
from rayworks.common.storage import Store

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


STORAGE = f"s3://{BUCKET}/runs"


@pytest.fixture(autouse=True)
def server(s3_python: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The store, empty, as the clients of this test and what it starts find it."""
    with s3(s3_python) as url:
        for name, value in {**KEYS, "AWS_ENDPOINT_URL": url, "AWS_REGION": "us-east-1"}.items():
            monkeypatch.setenv(name, value)
        yield


def ended(process: subprocess.Popen[str]) -> list[Event]:
    """What a command has told, at its end."""
    said, errors = process.communicate(timeout=250)
    assert process.returncode == 0, errors
    return [json.loads(line) for line in said.splitlines()]


def test_files_of_a_store() -> None:
    store = Store(f"{STORAGE}/run")
    assert store.read("a/b.json") is None
    store.write_json("a/b.json", {"c": 1})
    store.write_json("a/b.json", {"c": 2})
    store.write("a/d", b"")
    assert Store(f"{STORAGE}/run", read_only=True).read_json("a/b.json") == {"c": 2}
    assert store.read("a/d") == b""
    assert store.modified("a/b.json") is not None
    assert store.modified("a/c.json") is None
    for name in ("a/b.json", "a", "a", "none"):
        store.delete(name)
    assert store.read("a/d") is None


def test_a_bucket_that_is_not_there() -> None:
    with pytest.raises(UserError, match="storage s3://none/run is not writable: "):
        Store("s3://none/run")


def test_a_killed_run_goes_on_and_its_results_are_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--dataset", "digits", "--epochs", 12, "--storage-path", STORAGE)
    with starter("fashion-mnist", *options) as start:
        cut = start()
        events(cut, lambda event: event["event"] == "epoch" and event["epoch"] == 3)
        cut.kill()
        cut.wait(timeout=60)
        store = Store(f"{STORAGE}/fashion-mnist", read_only=True)
        assert store.read("result.json") is None
        told = ended(start())
    (resumed,) = [event for event in told if event["event"] == "resumed"]
    assert resumed["after_epoch"] >= 2
    result = store.read_json("result.json") or {}
    assert [epoch["epoch"] for epoch in result["history"]] == list(range(1, 13))
    assert result["accuracy"] >= 0.9
    assert told[-1]["path"] == f"{STORAGE}/fashion-mnist/result.json"

    # as `make run` does it, with the command of the pod as a process of this machine
    def here(self: Kube, *words: str, namespace: str | None = None) -> list[str]:
        assert words[:3] == ("exec", "head", "--")
        return [sys.executable, *words[4:]]

    monkeypatch.setattr(Kube, "command", here)
    monkeypatch.setattr(Job, "head_pod", lambda self: {"metadata": {"name": "head"}})
    monkeypatch.setattr(Job, "object", lambda self: {"metadata": {"name": "job-1"}})
    monkeypatch.setattr(workloads, "RESULTS", tmp_path)
    monkeypatch.setenv("STORAGE_PATH", f"{STORAGE}/")
    monkeypatch.setenv("RUN_NAME", "fashion-mnist")
    names = ("result.json", "learning-curve.png")
    job = Job(environment("local"), Description("fashion-mnist", "ray-job", tmp_path, names))
    assert job.result() == result
    folder = job.results()
    assert folder is not None
    assert (folder / "learning-curve.png").read_bytes().startswith(b"\x89PNG")
    monkeypatch.setenv("RUN_NAME", "other")
    with pytest.raises(errors.UserError, match=rf"{STORAGE}/other/result.json is not there"):
        job.fetch()


@pytest.mark.full
def test_a_table_is_written() -> None:
    with starter("data-pipeline", "--rows", 5000, "--storage-path", STORAGE) as start:
        told = ended(start())
        again = ended(start())
    assert told[-1]["rows"] == again[-1]["rows"] == 5000, "in place of those before"


@pytest.mark.full
def test_images_are_embedded_once() -> None:
    options = ("--data", "generated", "--model", "tiny", "--generated-images", 160)
    with starter("doggos", *options, "--batch-size", 32, "--storage-path", STORAGE) as start:
        first = ended(start())
        other = ended(start("--run-name", "other", "--until", "embed"))
    assert first[-1]["accuracy"] > 0.5
    (embedded,) = [event for event in other if event["event"] == "step_done"]
    assert embedded["images"] == 160
    assert embedded["embedded"] == 0


@pytest.mark.full
def test_a_checkpoint_is_served() -> None:
    options = ("--storage-path", STORAGE)
    with starter("mnist", "train", "--smoke-test", *options) as start:
        ended(start())
    result: dict[str, Any] = Store(f"{STORAGE}/mnist", read_only=True).read_json("result.json")
    with starter("mnist", "serve", *options, "--port", free_port()) as start:
        (ready,) = events(start(), lambda event: event["event"] == "ready")
        about = httpx.get(ready["url"], timeout=30).json()
    assert about["accuracy"] == result["accuracy"]
    assert about["checkpoint"].startswith("checkpoints/checkpoint_")
