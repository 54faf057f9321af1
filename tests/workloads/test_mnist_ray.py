"""Train on a Ray of its own on this machine, then serve what came of it. About two minutes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from running import free_port, ray_processes

import rayworks
from rayworks.classifier.checkpoint import load, newest
from rayworks.common.storage import Store
from rayworks.mnist import client
from rayworks.mnist.inputs import from_image

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

ENV = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")} | {
    "PYTHONPATH": str(Path(rayworks.__file__).parents[1])
}

MNIST = [sys.executable, "-m", "rayworks", "mnist"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The folder of a run with the defaults, of the digits."""
    folder = tmp_path_factory.mktemp("runs")
    done = subprocess.run(
        [*MNIST, "train", "--dataset", "digits", "--storage-path", folder],
        env=ENV,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Store(str(folder / "mnist"), read_only=True)


def test_digits_are_read(trained: Store) -> None:
    result = trained.read_json("result.json")
    assert result
    assert result["world_size"] == 2
    assert result["accuracy"] >= 0.97


def test_it_serves_what_was_trained(trained: Store) -> None:
    port = free_port()
    process = subprocess.Popen(
        [*MNIST, "serve", "--storage-path", str(Path(trained.uri).parent), "--port", str(port)],
        env=ENV,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline() or "{}")
        url = ready.get("url")
        assert url == f"http://127.0.0.1:{port}/mnist", process.communicate()
        about = httpx.get(url, timeout=30).json()
        assert about["checkpoint"] == newest(trained)
        assert about["checkpoint"].startswith("checkpoints/checkpoint_")
        files = client.samples()
        images = np.stack([from_image(file) for file in files.values()])
        expected = load(trained).probabilities(images)
        answers = list(client.classify(url, files))
        assert len(answers) == 3 * len(files)
        for number, answer in enumerate(answers):
            wanted = expected[number // 3]
            assert answer["probabilities"] == pytest.approx(wanted.tolist(), abs=1e-5)
            assert answer["prediction"] == wanted.argmax()
            assert answer["confidence"] == max(answer["probabilities"])

        for body in (b"no image", b'{"data": [[NaN]]}', b" " * 2_000_000):
            refused = httpx.post(url, content=body, timeout=30)
            assert refused.status_code == 400
            assert refused.json()["error"]
        assert httpx.delete(url, timeout=30).status_code == 405

        done = subprocess.run(
            [*MNIST, "load", "--url", url, "--requests", "100", "--form", "image"],
            env=ENV, capture_output=True, text=True, check=True,
        )  # fmt: skip
        measured = json.loads(done.stdout.splitlines()[-1])
        assert measured["failed"] == 0
        assert measured["requests_per_second"] > 0
        assert measured["p50_ms"] <= measured["p99_ms"]
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors


def test_a_share_of_a_gpu_that_is_not_there(trained: Store) -> None:
    folder = str(Path(trained.uri).parent)
    share = ("--gpu-share", "0.5", "--num-replicas", "2", "--port", str(free_port()))
    done = subprocess.run(
        [*MNIST, "serve", "--storage-path", folder, *share],
        env=ENV, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "error: 2 workers with 0.5 CPU, 0.5 GPU each do not fit: the cluster has" in done.stderr
    assert "0 GPU (" in done.stderr
    assert "try:   fewer --num-replicas, or a smaller --gpu-share" in done.stderr


@pytest.mark.full
def test_a_checkpoint_that_cannot_be_loaded_is_never_served(trained: Store, tmp_path: Path) -> None:
    state = tmp_path / "mnist" / "checkpoints" / "state.pt"
    state.parent.mkdir(parents=True)
    state.write_bytes((trained.read(newest(trained)) or b"")[:5000])
    done = subprocess.run(
        [
            *MNIST,
            "serve",
            "--storage-path",
            tmp_path,
            "--num-replicas",
            "1",
            "--port",
            str(free_port()),
        ],
        env=ENV,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "ready" not in done.stdout
    assert f"error: {state} cannot be loaded: " in done.stderr
    assert "Traceback" not in done.stderr.partition("error: ")[2]


#: Changes what two replicas answer with while they are asked all the time.
CHANGES = """
import json, sys, threading, time
from collections import Counter
import httpx
from rayworks.common.cluster import connected
storage, port, old, new = sys.argv[1:]
url = f"http://127.0.0.1:{port}/mnist"
body = json.dumps({"data": [[0] * 28] * 28})
said, over = Counter(), threading.Event()
def ask():
    with httpx.Client(timeout=30) as client:
        while not over.is_set():
            try:
                said[client.post(url, content=body).status_code] += 1
            except httpx.HTTPError as error:
                said[type(error).__name__] += 1
def serving():
    return sorted({httpx.get(url, timeout=30).json()["checkpoint"] for _ in range(10)})
with connected(verbose=False):
    from ray import serve
    from rayworks.mnist.serve import Digits
    def run(checkpoint, **options):
        config = {"run_name": "mnist", "storage_path": storage, "checkpoint": checkpoint}
        serve.run(Digits.options(user_config=config, **options).bind(), route_prefix="/mnist")
    serve.start(http_options={"port": int(port)})
    seen = {}
    run(old)
    seen["old"] = serving()
    asking = threading.Thread(target=ask)
    asking.start()
    run(new)
    seen["new"] = serving()
    try:
        run("checkpoints/none.pt")
    except RuntimeError:
        (application,) = serve.status().applications.values()
        seen["status"] = application.status
        seen["message"] = application.deployments["Digits"].message
    seen["after failure"] = serving()
    run(old)
    seen["back"] = serving()
    over.set()
    asking.join()
    seen["said"] = said
    run(old, num_replicas=1, max_ongoing_requests=1, max_queued_requests=1)
    from rayworks.mnist.client import load
    seen["overload"] = load(url, requests=200, concurrency=20, form="data")["failures"]
    serve.shutdown()
print(json.dumps(seen))
"""


@pytest.mark.full
def test_a_change_is_taken_over_and_a_broken_one_is_not(trained: Store) -> None:
    folder = Path(trained.uri)
    old, new = (str(path.relative_to(folder)) for path in sorted(folder.rglob("state.pt")))
    done = subprocess.run(
        [sys.executable, "-c", CHANGES, str(folder.parent), str(free_port()), old, new],
        env=ENV,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    assert seen["old"] == [old]
    assert seen["new"] == [new]
    assert seen["status"] == "DEPLOY_FAILED"
    assert "checkpoints/none.pt is not there" in seen["message"]
    assert seen["after failure"] == [new]
    assert seen["back"] == [old]
    assert set(seen["said"]) == {"200"}
    assert set(seen["overload"]) == {"503"}


#: Serves with replicas of which the first to see a file has its network spoilt.
SPOILT = """
import os, sys
from rayworks.common.cluster import connected
storage, port, file = sys.argv[1:]
with connected(verbose=False):
    from ray import serve
    from rayworks.mnist.serve import Digits
    class Spoilt(Digits.func_or_class):
        async def check_health(self):
            try:
                os.unlink(file)
            except FileNotFoundError:
                pass
            else:
                next(self.trained.network.parameters()).data.fill_(float("nan"))
            await super().check_health()
    serve.start(http_options={"port": int(port)})
    config = {"run_name": "mnist", "storage_path": storage}
    deployment = serve.deployment(
        Spoilt, num_replicas=2, health_check_period_s=0.5, user_config=config,
        ray_actor_options={"num_cpus": 0.5},
    )
    serve.run(deployment.bind(), route_prefix="/mnist")
    sys.__stdout__.write("ready\\n")
    sys.__stdout__.flush()
    sys.stdin.readline()
    serve.shutdown()
"""


@pytest.mark.full
def test_a_replica_that_is_not_healthy_is_replaced(trained: Store, tmp_path: Path) -> None:
    port, file = free_port(), tmp_path / "spoil"
    process = subprocess.Popen(
        [sys.executable, "-c", SPOILT, str(Path(trained.uri).parent), str(port), str(file)],
        env=ENV, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip

    def replicas() -> set[int]:
        found = ray_processes(process.pid).items()
        return {number for number, name in found if name.startswith("ServeReplica")}

    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.communicate()
        before = replicas()
        assert len(before) == 2
        file.write_text("")
        end = time.monotonic() + 60
        while len(before & replicas()) != 1 or len(replicas()) != 2:
            assert time.monotonic() < end, f"{before} {replicas()}"
            time.sleep(0.5)
        answers = list(client.classify(f"http://127.0.0.1:{port}/mnist", client.samples()))
        assert all(np.isfinite(answer["probabilities"]).all() for answer in answers)
    finally:
        process.communicate("\n", timeout=60)
