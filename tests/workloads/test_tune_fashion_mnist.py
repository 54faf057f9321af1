from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rayworks.classifier.data import Images
from rayworks.classifier.loop import Training
from rayworks.common.errors import UserError
from rayworks.tune_fashion_mnist.config import Search
from rayworks.tune_fashion_mnist.search import leave, measure, picture, serving, split


@pytest.fixture
def search(tmp_path: Path) -> Search:
    return Search(
        workload="tune-fashion-mnist",
        dataset="digits",
        trials=2,
        epochs=2,
        storage_path=str(tmp_path / "store"),
        run_name="search",
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"dataset": "cifar"},
            "--dataset cifar is not one of fashion-mnist, mnist, digits, generated",
        ),
        ({"trials": 0}, "--trials 0 must be at least 1"),
        ({"epochs": 0}, "--epochs 0 must be at least 1"),
        ({"num_workers": 0}, "--num-workers 0 must be at least 1"),
        ({"seed": -1}, "--seed -1 must not be negative"),
    ],
)
def test_refuses(change: dict[str, Any], message: str) -> None:
    fields = {"dataset": "digits", "epochs": 1, "storage_path": "x", "run_name": "x"}
    with pytest.raises(UserError) as caught:
        Search(workload="tune-fashion-mnist", **fields | change)
    assert caught.value.message == message


def test_trials_are_compared_by_images_they_do_not_train_on(images: Images) -> None:
    images.train_images[:, 0, 0] = np.arange(128)  # tells one from another
    parts = split(images, 3)
    trained, compared = parts.train_images[:, 0, 0], parts.test_images[:, 0, 0]
    assert len(compared) == 21
    assert set(trained) | set(compared) == set(range(128))
    assert not set(trained) & set(compared)
    for pixels, labels in (
        (trained, parts.train_labels),
        (compared, parts.test_labels),
    ):
        assert labels.tolist() == images.train_labels[pixels].tolist()
    assert split(images, 3).test_labels.tolist() == parts.test_labels.tolist()
    assert split(images, 4).test_labels.tolist() != parts.test_labels.tolist()


def test_the_best_is_left_as_a_run_of_fashion_mnist(search: Search, images: Images) -> None:
    config = search.trial(lr=0.05, batch_size=16, dropout=0.1)
    training = Training(config, split(images, 0), 0, 1, torch.device("cpu"))
    training.run(lambda *_: None, lambda: None)
    history = training.metadata()["history"]
    loss, accuracy = measure(config, images, training.state())
    store = leave(config, training.state(), history, {"started": 0.0}, loss=loss, accuracy=accuracy)
    assert store.uri.endswith("/store/search-best")
    command = f"rayworks mnist serve --storage-path {search.storage_path} --run-name search-best"
    assert serving(config) == command
    result = store.read_json("result.json")
    assert result is not None
    assert (result["workload"], result["accuracy"]) == ("fashion-mnist", accuracy)
    assert (store.read_json("run.json") or {})["settings"] == config.settings
    assert store.read_json("metrics.json") == history
    state = store.read("checkpoints/state.pt")
    assert state is not None
    again = Training(config, images, 0, 1, torch.device("cpu"))
    again.load(state)
    assert again.evaluate() == (loss, accuracy)
    assert json.dumps(again.metadata()["settings"]["lr"]) == "0.05"


def test_the_picture_shows_trials_of_any_length() -> None:
    trials = [
        {
            "settings": {"lr": 0.01 * n, "batch_size": 16 * n, "dropout": 0.1 * n},
            "loss": 1 / n,
            "history": [{"epoch": e, "loss": 1 / n} for e in range(1, n + 1)],
        }
        for n in (1, 3)
    ]
    failed = {"settings": {"lr": 1.0, "batch_size": 16, "dropout": 0.0}, "history": []}
    assert picture("title", [*trials, failed]).startswith(b"\x89PNG\r\n")
