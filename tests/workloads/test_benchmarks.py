"""What the benchmarks accept, generate and predict: no Ray cluster."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from rayworks.cli import main
from rayworks.common.storage import Store
from rayworks.common.table import CHUNK, Generated
from rayworks.pytorch_benchmark import data as images
from rayworks.xgboost_benchmark import data as trees

Call = Callable[..., Result]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    for name in ("NUM_WORKERS", "CPUS_PER_WORKER", "USE_GPU", "RUN_NAME", "EPOCHS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STORAGE_PATH", str(tmp_path))
    return lambda *words: CliRunner().invoke(main, [str(word) for word in words])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("data-pipeline", "--rows", 0), "--rows 0 must be at least 1"),
        (("data-pipeline", "--columns", -1), "--columns -1 must be at least 1"),
        (("data-pipeline", "--blocks", 0), "--blocks 0 must be at least 1"),
        (("data-pipeline", "--seed", -1), "--seed -1 must not be negative"),
        (("data-pipeline", "--run-name", "../x"), "--run-name ../x must be letters"),
        (("data-pipeline", "--placement-timeout", -1), "--placement-timeout -1.0 must not be"),
        (("xgboost-benchmark", "--data-size-gb", 0), "--data-size-gb 0.0 has not even a row"),
        (("xgboost-benchmark", "--rounds", 0), "--rounds 0 must be at least 1"),
        (("xgboost-benchmark", "--num-workers", 0), "--num-workers 0 must be at least 1"),
        (("xgboost-benchmark", "--use-gpu"), "--use-gpu: XGBoost is installed as its build"),
        (("pytorch-benchmark", "--images", 10), "--images 10 are fewer than a step takes, 256"),
        (("pytorch-benchmark", "--num-workers", 0), "--num-workers 0 must be at least 1"),
    ],
)
def test_what_cannot_work_is_refused(call: Call, words: tuple[Any, ...], said: str) -> None:
    done = call(*words)
    assert done.exit_code == 1
    assert f"error: {said}" in done.output
    assert "try:" in done.output


def test_the_trees_table_can_be_learnt() -> None:
    table = Generated(CHUNK, 0, trees.generate).chunk(0)
    features, labels = trees.arrays([table])
    assert features.shape == (CHUNK, 47)
    assert features.dtype == np.float32
    assert set(labels) == {0.0, 1.0}
    assert 0.2 < labels.mean() < 0.8
    assert abs(np.corrcoef(features[:, 0], labels)[0, 1]) > 0.2


def test_images_come_back_from_parts_of_tables() -> None:
    table = Generated(100, 0, images.generate).chunk(0)
    pixels, labels = images.arrays(table)
    assert pixels.shape == (100, 28, 28)
    assert bytes(pixels[42]) == table["image"][42].as_py()
    parts = pa.concat_tables([table.slice(10, 5), table.slice(50, 7)])
    some, their = images.arrays(parts)
    np.testing.assert_array_equal(some, np.concatenate([pixels[10:15], pixels[50:57]]))
    np.testing.assert_array_equal(their, np.concatenate([labels[10:15], labels[50:57]]))
    both = images.split([table.slice(0, 60), table.slice(60)], 80)
    assert len(both.train_images) == 80
    np.testing.assert_array_equal(both.test_labels, labels[80:])


def test_a_saved_booster_predicts() -> None:
    import xgboost

    from rayworks.xgboost_benchmark.train import Trees

    table = Generated(CHUNK, 0, trees.generate).chunk(0)
    data = xgboost.DMatrix(*trees.arrays([table]), nthread=1)
    booster = xgboost.train({"objective": "binary:logistic", "nthread": 1}, data, 10)
    (error,) = json.loads(json.dumps([float(booster.eval(data).split(":")[-1])]))
    assert error < 0.4
    counts = Trees(bytes(booster.save_raw("ubj")), 1)(table)
    assert counts["rows"] == [CHUNK]
    assert counts["right"][0] > 0.85 * CHUNK


def test_a_saved_network_predicts() -> None:
    import torch

    from rayworks.fashion_mnist.model import Classifier
    from rayworks.pytorch_benchmark.train import Network

    table = Generated(100, 0, images.generate).chunk(0)
    buffer = io.BytesIO()
    network = Classifier(dropout=0.0)
    torch.save({"model": network.state_dict()}, buffer)
    pixels, labels = images.arrays(table)
    logits = network(torch.tensor(pixels).flatten(1) / 127.5 - 1)
    right = int((logits.argmax(1).numpy() == labels).sum())
    assert Network(buffer.getvalue(), 1)(table) == {"rows": [100], "right": [right]}


def test_a_model_is_taken_up_where_it_was(tmp_path: Path) -> None:
    """The settings decide whether a run may go on, the number of workers does not."""
    from rayworks.xgboost_benchmark.config import Config

    def config(**more: Any) -> Config:
        return Config(workload="x", storage_path=str(tmp_path), run_name="x", **more)

    assert config(num_workers=1).settings == config(num_workers=9).settings
    assert config(rounds=3).settings != config(rounds=4).settings
    assert config(data_size_gb=0.01).rows == 26_000
    assert Store(config().folder).uri == f"{tmp_path}/x"
