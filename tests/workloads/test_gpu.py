"""Trainings and the endpoint on this machine's GPU, on a Ray of their own. Some four minutes.

`make test-gpu`: without a GPU they fail, since then nothing of this was shown.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from running import free_port, numbers, starter, to_the_end

from rayworks.classifier.checkpoint import load
from rayworks.common import cluster
from rayworks.common.storage import Store
from rayworks.mnist import client
from rayworks.mnist.inputs import from_image

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(300)]

#: A training's smoke test, with one worker. It takes the GPU without being told to.
TRAININGS = {
    words[0]: words
    for words in (
        ("fashion-mnist",),
        ("mnist", "train"),
        ("image-training",),
        ("doggos",),
        ("fine-tune",),
        ("pytorch-benchmark",),
        ("tune-fashion-mnist",),
    )
}


def test_there_is_a_gpu() -> None:
    assert cluster.gpus() >= 1, "this machine has no GPU that Ray can see"


@pytest.mark.parametrize("words", TRAININGS.values(), ids=TRAININGS)
def test_it_trains_on_the_gpu_and_ends_where_the_cpu_does(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    ends = {}
    for device, told in (("cuda", ()), ("cpu", ("--no-use-gpu",))):
        with starter(*words) as start:
            process = start(
                *(
                    "--smoke-test",
                    "--num-workers",
                    1,
                    "--storage-path",
                    tmp_path,
                    "--run-name",
                    device,
                    *told,
                ),
            )
            _, ends[device] = to_the_end(process)
    assert [end["device"] for end in ends.values()] == list(ends)
    on_gpu, on_cpu = (numbers(end) for end in ends.values())
    assert on_gpu == pytest.approx(on_cpu, rel=0.25, abs=0.1)  # bfloat16 has three digits


def test_two_workers_want_two_gpus(tmp_path: Path) -> None:
    with starter("fashion-mnist", "--smoke-test", "--storage-path", tmp_path) as start:
        process = start("--num-workers", cluster.gpus() + 1, "--use-gpu")
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "GPU each do not fit" in errors
    assert "Traceback" not in errors


def test_two_replicas_share_it(tmp_path: Path) -> None:
    with starter("mnist") as start:
        to_the_end(start("train", "--smoke-test", "--storage-path", tmp_path))
        url = f"http://127.0.0.1:{(port := free_port())}/mnist"
        process = start(
            *("serve", "--storage-path", tmp_path, "--port", port),
            *("--num-replicas", 2, "--gpu-share", 0.5),
        )
        assert process.stdout is not None
        assert json.loads(process.stdout.readline() or "{}").get("url") == url
        about: dict[str, Any] = httpx.get(url, timeout=30).json()
        assert about["device"] == "cuda"
        files = client.samples()
        model = load(Store(str(tmp_path / "mnist"), read_only=True))
        expected = model.probabilities(np.stack([from_image(file) for file in files.values()]))
        for number, answer in enumerate(client.classify(url, files)):
            assert answer["probabilities"] == pytest.approx(
                expected[number // 3].tolist(), abs=1e-2
            )
