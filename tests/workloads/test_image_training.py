"""image-training without Ray: its options, its loop, its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from rayworks.cli import main
from rayworks.common.distributed import Place
from rayworks.common.errors import UserError
from rayworks.image_training import data
from rayworks.image_training.config import BUCKET, Config
from rayworks.image_training.loop import Training
from rayworks.image_training.run import _perf

Make = Callable[..., Config]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def config(**changes: Any) -> Config:
        fields: dict[str, Any] = {
            "workload": "image-training", "run_name": "test", "storage_path": str(tmp_path),
            "data_uri": "generated", "data_size_gb": 0.0002, "weights": "none", "num_epochs": 2,
            "batch_size": 4, "num_workers": 1,
        }  # fmt: skip
        return Config(**{**fields, **changes})

    return config


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_workers": 0}, "--num-workers 0 must be at least 1"),
        ({"num_epochs": 0}, "--num-epochs 0 must be at least 1"),
        ({"data_size_gb": -1.0}, "--data-size-gb -1.0 must be a positive number"),
        ({"data_uri": BUCKET, "data_size_gb": 0.5}, "--data-size-gb 0.5 must be whole"),
        ({"batch_size": 5, "num_workers": 2}, "--batch-size 5 cannot be shared evenly"),
    ],
)
def test_what_cannot_work_is_refused(make: Make, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make(**changes)


def test_a_missing_folder_is_said_before_ray_starts(tmp_path: Path) -> None:
    arguments = ["--data-uri", tmp_path / "none", "--storage-path", tmp_path]
    done = CliRunner().invoke(main, ["image-training", *map(str, arguments)])
    assert done.exit_code == 1
    assert done.stderr.splitlines() == [
        f"error: there is no folder {tmp_path}/none",
        "try:   --data-uri with a folder of images, or --data-uri generated",
    ]


def test_generated_data_have_about_the_size_asked_for(make: Make) -> None:
    found = data.source(make())
    assert found.gigabytes == pytest.approx(0.0002, rel=0.3)
    assert len(found.classes) == 4


def test_braces_in_a_folders_name_are_its_own(make: Make, tmp_path: Path) -> None:
    folder = tmp_path / "{size}{}" / "pug"
    folder.mkdir(parents=True)
    (folder / "1.jpg").write_bytes(b"x")
    assert data.source(make(data_uri=str(folder.parent))).classes == ["pug"]


def test_the_result_has_the_structure_of_the_sample(make: Make) -> None:
    perf = _perf(make(num_epochs=2), 1.0, 79.76)
    assert perf["data_size_gb"] == 1
    assert perf["num_epochs"] == 2
    metrics = {m["perf_metric_name"]: m for m in perf["perf_metrics"]}
    assert metrics["total_time_s"]["perf_metric_value"] == 79.76
    assert metrics["total_time_s"]["perf_metric_type"] == "LATENCY"
    for name in ("throughout_MB_s", "throughput_MB_s"):
        assert metrics[name]["perf_metric_value"] == 25.68
        assert metrics[name]["perf_metric_type"] == "THROUGHPUT"


def test_rows_of_parquet() -> None:
    files = np.array(["f.parquet"] * 2, object)
    rows = {"bytes": b"1", "path": "a.jpg"}, {"bytes": b"2", "path": "b.jpg"}
    batch = {"image": np.array(rows, object), "path": files, "label": np.array([3, 4])}
    names, contents, labels = data._parquet_rows(batch)
    assert len(set(names)) == 2
    assert contents == [b"1", b"2"]
    assert labels == [3, 4]
    bare = {"image": np.array([b"1", None], object), "path": files}
    assert data._parquet_rows(bare)[1:] == ([b"1", b""], [0, 0])
    with pytest.raises(UserError, match="no column image, but path"):
        data._parquet_rows({"path": files})
    with pytest.raises(UserError, match="whole numbers from 0 to 999"):
        data._parquet_rows({**batch, "label": np.array([0, 1000])})


def batches(epoch: int) -> Iterator[dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(epoch)
    for _ in range(2):
        shape = (4, 32, 32, 3)
        image = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
        yield {"image": image, "label": torch.arange(4)}


def quiet(images: int) -> None:
    pass


def test_a_training_that_resumes_ends_as_one_that_does_not(make: Make) -> None:
    whole = Training(make(), Place(), None)
    seen: list[int] = []
    whole.epoch(batches(1), seen.append)
    assert seen == [4, 8]
    whole.epoch(batches(2), quiet)
    cut = Training(make(), Place(), None)
    cut.epoch(batches(1), quiet)
    again = Training(make(seed=1), Place(), None)
    again.load(cut.state())
    again.epoch(batches(2), quiet)
    assert [e.train_loss for e in again.history] == [e.train_loss for e in whole.history]
    assert whole.history[1].images == 8
    assert whole.history[1].train_loss < whole.history[0].train_loss


def test_an_epoch_without_images_fails(make: Make) -> None:
    with pytest.raises(ValueError, match="no image could be decoded"):
        Training(make(), Place(), None).epoch([], quiet)
