"""The command on a Ray of its own on this machine, as on a laptop. About three minutes."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from mlflow import MlflowClient
from mlflow_server import Server
from PIL import Image
from running import Start, events, starter, train_workers

from rayworks.common import shapes
from rayworks.common.images import decode
from rayworks.doggos.clip import MEAN, STD, Embed, edge

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start `rayworks doggos` with the tiny model."""
    options = ("--model", "tiny", "--batch-size", 32, "--storage-path", tmp_path)
    with starter("doggos", *options) as begin:
        yield begin


def finished(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What each step brought, by its name."""
    said, errors = process.communicate(timeout=250)
    assert process.returncode == 0, errors
    lines = [json.loads(line) for line in said.splitlines()]
    return {event["step"]: event for event in lines if event["event"] == "step_done"}


def test_it_tells_made_classes_apart_and_embeds_once(
    start: Start, tmp_path: Path, mlflow_python: Path
) -> None:
    folder = Path(shapes.generated(str(tmp_path), 400, 64))
    (folder / "red-circle" / "zz.jpg").write_bytes(b"no image")
    again = folder / "red-circle" / "zz-again.jpg"
    again.write_bytes(Path(folder, "red-circle", "000002.jpg").read_bytes())
    first = finished(start("--data", folder, "--until", "embed"))
    assert list(first) == ["embed"]
    assert (first["embed"]["images"], first["embed"]["embedded"]) == (401, 400)
    assert first["embed"]["corrupt"] == 1

    server = Server(mlflow_python, tmp_path)
    server.start()
    try:
        steps = finished(start("--data", folder, MLFLOW_TRACKING_URI=server.uri))
        assert list(steps) == ["embed", "train", "infer", "evaluate", "register"]
        assert [step["again"] for step in steps.values()] == [True, False, False, False, False]
        client = MlflowClient(server.uri)
        version = client.get_model_version("doggos", "1")
        tracked = client.get_run(version.run_id or "")
        history = client.get_metric_history(version.run_id or "", "val_loss")
    finally:
        server.kill()
    run = tmp_path / "doggos"
    result = json.loads((run / "result.json").read_text())
    assert result["accuracy"] >= 0.95
    assert min(result["precision"], result["recall"], result["f1"]) >= 0.94
    assert result["corrupt_images"] == 1
    assert result["registered"] == {"model": "doggos", "version": 1}
    lowest = min(result["history"], key=lambda epoch: epoch["val_loss"])
    assert result["best_epoch"] == lowest["epoch"]
    assert [kept.step for kept in history] == list(range(1, 21))
    assert tracked.data.params["hidden"] == "256"
    assert tracked.data.metrics["test_accuracy"] == result["accuracy"]
    assert len(pq.read_table(run / "predictions.parquet")) == 60
    assert (run / "confusion-matrix.png").read_bytes().startswith(b"\x89PNG")

    other = finished(start("--data", folder, "--run-name", "other", "--until", "embed"))
    assert other["embed"]["embedded"] == 0, "the same content is not embedded twice"


@pytest.mark.full
def test_a_registry_that_was_away_gets_the_model_with_the_next_start(
    start: Start, tmp_path: Path, mlflow_python: Path
) -> None:
    server = Server(mlflow_python, tmp_path)
    options = ("--data", "generated", "--generated-images", 160, "--epochs", 2)
    steps = finished(start(*options, MLFLOW_TRACKING_URI=server.uri))
    assert "register" not in steps
    run = tmp_path / "doggos"
    before = json.loads((run / "result.json").read_text())
    assert before["registered"] is None
    server.start()
    try:
        steps = finished(start(*options, MLFLOW_TRACKING_URI=server.uri))
        client = MlflowClient(server.uri)
        version = client.get_model_version("doggos", "1")
        tracked = client.get_run(version.run_id or "")
    finally:
        server.kill()
    done = [True, True, True, True, False]
    assert [step["again"] for step in steps.values()] == done
    after = json.loads((run / "result.json").read_text())
    assert after["registered"] == {"model": "doggos", "version": 1}
    assert after["history"] == before["history"]
    assert tracked.info.status == "FINISHED"
    last = before["history"][-1]
    assert tracked.data.metrics["val_loss"] == pytest.approx(last["val_loss"], abs=1e-5)


@pytest.mark.full
def test_a_killed_worker_changes_no_number(start: Start, tmp_path: Path) -> None:
    options = ("--data", "generated", "--generated-images", 160, "--epochs", 60)
    process = start(*options)
    events(process, lambda event: event["event"] == "epoch" and event["epoch"] == 2)
    (worker,) = train_workers(process.pid)
    os.kill(worker, signal.SIGKILL)
    seen = events(process, lambda event: event["event"] == "result")
    assert process.wait(timeout=60) == 0
    assert [event for event in seen if event["event"] == "resumed"]
    finished(start(*options, "--run-name", "whole"))

    def history(run: str) -> Any:
        return json.loads((tmp_path / run / "result.json").read_text())["history"]

    assert history("doggos") == history("whole")


def test_images_reach_the_model_as_clips_processor_would_have_them() -> None:
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    processor = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=32)
    assert [*processor.image_mean, *processor.image_std] == [*MEAN, *STD]
    noise = np.random.default_rng(0).integers(0, 256, (50, 81, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    wanted = processor(Image.fromarray(noise), return_tensors="np")["pixel_values"][0]
    ours = decode(buffer.getvalue(), 32, stretch=False).transpose(2, 0, 1) / 255
    ours = (ours - np.reshape(MEAN, (3, 1, 1))) / np.reshape(STD, (3, 1, 1))
    assert np.abs(ours - wanted).max() < 1e-2


def test_a_whole_clip_is_loaded_from_a_folder(tmp_path: Path) -> None:
    import torch
    from transformers import CLIPConfig, CLIPModel

    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    small |= {"num_attention_heads": 2}
    torch.manual_seed(1)
    whole = CLIPModel(
        CLIPConfig(
            vision_config={**small, "image_size": 48, "patch_size": 16},
            text_config={**small, "vocab_size": 99},
            projection_dim=24,
        )
    ).eval()
    whole.save_pretrained(tmp_path)
    assert edge(str(tmp_path), None) == 48
    images = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 3), dtype=np.uint8)
    pixels = images.transpose(0, 3, 1, 2) / 255
    pixels = (pixels - np.reshape(MEAN, (3, 1, 1))) / np.reshape(STD, (3, 1, 1))
    with torch.inference_mode():
        wanted = whole.get_image_features(torch.tensor(pixels, dtype=torch.float32))
    ours = Embed(str(tmp_path), None, "cpu", 1).embed(images)
    assert ours.shape == (3, 24)
    assert np.abs(ours - wanted.pooler_output.numpy()).max() < 1e-5
