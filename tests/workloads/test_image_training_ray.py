"""The command on a Ray of its own on this machine, as on a laptop. About three minutes."""

from __future__ import annotations

import io
import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from running import Start, events, starter, train_workers

from rayworks.common import shapes

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

IMAGES = 24


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start `rayworks image-training` on small steps."""
    options = ("--weights", "none", "--batch-size", 8, "--storage-path", tmp_path)
    with starter("image-training", *options) as begin:
        yield begin


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images of four classes, and two files that only look like images."""
    uri = Path(shapes.generated(str(tmp_path), IMAGES, 64))
    (uri / "red-circle" / "zz-half.jpg").write_bytes(shapes.draw("red-circle", 64, 0, 0)[:300])
    (uri / "red-circle" / "zz-none.png").write_bytes(b"no image")
    return uri


def is_done(step: str) -> Callable[[dict[str, Any]], bool]:
    return lambda event: event["event"] == "step_done" and event["step"] == step


@pytest.mark.full
def test_a_worker_and_then_the_run_are_killed(start: Start, tmp_path: Path, folder: Path) -> None:
    options = ("--data-uri", folder, "--num-epochs", 3, "--pipeline")
    whole = start(*options, "--run-name", "whole")
    assert whole.wait(timeout=200) == 0, whole.stderr.read() if whole.stderr else ""
    history = json.loads((tmp_path / "whole" / "result.json").read_text())["history"]

    cut = start(*options)
    events(cut, lambda event: event["event"] == "epoch" and event["epoch"] == 1)
    (worker,) = train_workers(cut.pid)
    os.kill(worker, signal.SIGKILL)
    seen = events(cut, is_done("train"))
    cut.kill()
    cut.wait(timeout=60)
    assert [event["after_epoch"] for event in seen if event["event"] == "resumed"]
    run = tmp_path / "image-training"
    assert not (run / "result.json").exists()

    again = start(*options, TEST_OUTPUT_JSON=str(tmp_path / "out.json"))
    seen = events(again, lambda event: event["event"] == "result")
    assert again.wait(timeout=60) == 0
    done = [event for event in seen if event["event"] == "step_done"]
    assert [(event["step"], event["again"]) for event in done] == [
        ("train", True),
        ("predict", False),
    ]
    assert not [event for event in seen if event["event"] == "epoch"], "trained twice"
    assert len([event for event in seen if event["event"] == "corrupt"]) == 2

    result = json.loads((run / "result.json").read_text())
    assert result["corrupt_images"] == 2
    assert [epoch["images"] for epoch in result["history"]] == [IMAGES] * 3
    losses = [epoch["train_loss"] for epoch in result["history"]]
    assert losses == pytest.approx([epoch["train_loss"] for epoch in history], rel=1e-4)
    predictions = pq.read_table(run / "predictions").to_pandas()
    assert len(predictions) == predictions["path"].nunique() == IMAGES
    assert predictions["label"].value_counts().tolist() == [IMAGES // 4] * 4
    sample = json.loads((tmp_path / "out.json").read_text())
    assert set(sample) == {"data_size_gb", "num_epochs", "perf_metrics"}
    names = [metric["perf_metric_name"] for metric in sample["perf_metrics"]]
    assert names == ["total_time_s", "throughout_MB_s", "throughput_MB_s"]
    assert (run / "learning-curve.png").read_bytes().startswith(b"\x89PNG")


def test_a_finished_training_that_is_asked_for_predictions_only_predicts(
    start: Start, tmp_path: Path, folder: Path
) -> None:
    options = ("--data-uri", folder, "--num-epochs", 1)
    trained = start(*options)
    _, errors = trained.communicate(timeout=200)
    assert trained.returncode == 0, errors
    run = tmp_path / "image-training"
    first = json.loads((run / "result.json").read_text())

    cut = start(*options, "--pipeline")
    events(cut, is_done("train"))
    cut.kill()
    cut.wait(timeout=60)
    again = start(*options, "--pipeline")
    seen = events(again, lambda event: event["event"] == "result")
    assert again.wait(timeout=60) == 0
    done = [(event["step"], event["again"]) for event in seen if event["event"] == "step_done"]
    assert done == [("train", True), ("predict", False)]
    result = json.loads((run / "result.json").read_text())
    assert result["history"] == first["history"]
    assert result["perf_metrics"] == first["perf_metrics"]
    assert result["pipeline"]["images"] == len(pq.read_table(run / "predictions")) == IMAGES


def test_parquet_with_a_corrupt_image(start: Start, tmp_path: Path) -> None:
    kinds = list(shapes.SHAPES)
    images = [shapes.draw(kinds[n % 4], 64, 0, n) for n in range(8)]
    table = pa.table({"image": [*images, b"none"], "label": [*[n % 4 for n in range(8)], 0]})
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    (tmp_path / "parquet").mkdir()
    (tmp_path / "parquet" / "part.parquet").write_bytes(buffer.getvalue())
    options = ("--data-uri", tmp_path / "parquet", "--num-epochs", 1)
    skipped = start(*options)
    _, errors = skipped.communicate(timeout=200)
    assert skipped.returncode == 0, errors
    result = json.loads((tmp_path / "image-training" / "result.json").read_text())
    assert (result["images"], result["corrupt_images"]) == (8, 1)
    refused = start(*options, "--on-corrupt", "refuse")
    _, errors = refused.communicate(timeout=200)
    assert refused.returncode == 1
    (error,) = [line for line in errors.splitlines() if line.startswith("error: ")]
    path = f"{tmp_path}/parquet/part.parquet"
    assert error.startswith(f"error: the images cannot be read: {path}#")
    assert " is corrupt: " in error
    assert error.endswith("; --on-corrupt skip goes on without it")
