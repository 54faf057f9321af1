"""doggos without Ray: its options, splits, loop and scores."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ranks
import torch

from rayworks.common import tracking
from rayworks.common.distributed import Place
from rayworks.common.errors import UserError
from rayworks.common.storage import Store
from rayworks.doggos import registry, saved
from rayworks.doggos.config import Config
from rayworks.doggos.data import images
from rayworks.doggos.evaluate import confusion, scores
from rayworks.doggos.loop import Arrays, Training

Make = Callable[..., Config]

RANK = """
import dataclasses, json
import numpy as np
from rayworks.common.distributed import Place
from rayworks.doggos.config import Config
from rayworks.doggos.loop import Arrays, Training

folder = sys.argv[3]
kept = np.load(f"{folder}/arrays.npz")
arrays = Arrays((kept["train"], kept["train_labels"]), (kept["val"], kept["val_labels"]))
training = Training(Config(**json.load(open(f"{folder}/config.json"))), arrays, 3, Place(rank, 2))
training.run(lambda _: None)
history = [dataclasses.asdict(epoch) for epoch in training.history]
model = {name: value.tolist() for name, value in training.model.state_dict().items()}
print(json.dumps([history, model]))
"""


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def config(**changes: Any) -> Config:
        fields: dict[str, Any] = {
            "workload": "doggos", "run_name": "test", "storage_path": str(tmp_path / "store"),
            "data": str(tmp_path / "data"), "model": "tiny", "num_workers": 1, "epochs": 6,
            "batch_size": 16, "hidden": 16,
        }  # fmt: skip
        return Config(**{**fields, **changes})

    return config


def touch(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number:03}.jpg").write_bytes(b"x")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "--epochs 0 must be at least 1"),
        ({"dropout": 1.0}, "--dropout 1.0 must be from 0 to less than 1"),
        ({"batch_size": 5, "num_workers": 2}, "--batch-size 5 cannot be shared evenly"),
        ({"batch_size": 1}, "--batch-size 1 must be at least 2: batch norm"),
    ],
)
def test_what_cannot_work_is_refused(make: Make, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make(**changes)


def test_splits_are_fixed_by_the_seed(make: Make, tmp_path: Path) -> None:
    for name in ("pug", "collie"):
        touch(tmp_path / "data" / name, 20)
    first = images(make())
    assert first.classes == ["collie", "pug"]
    for name in first.classes:
        parts = [part for path, part in first.splits.items() if f"/{name}/" in path]
        assert sorted(parts) == ["test"] * 3 + ["train"] * 14 + ["val"] * 3
    assert images(make()).splits == first.splits
    assert images(make(seed=1)).splits != first.splits
    touch(tmp_path / "data" / "beagle", 20)
    more = images(make()).splits
    assert {path: more[path] for path in first.splits} == first.splits


def test_splits_that_the_data_come_with(make: Make, tmp_path: Path) -> None:
    for part, count in {"train": 20, "test": 5}.items():
        for name in ("pug", "collie"):
            touch(tmp_path / "data" / part / name, count)
    found = images(make())
    assert found.classes == ["collie", "pug"]
    counts = {part: list(found.splits.values()).count(part) for part in ("train", "val", "test")}
    assert counts == {"train": 34, "val": 6, "test": 10}
    touch(tmp_path / "data" / "val" / "pug", 1)
    assert list(images(make()).splits.values()).count("train") == 40


def test_images_beside_the_folders_of_classes_are_left_out(make: Make, tmp_path: Path) -> None:
    for part in ("train", "val", "test"):
        for name in ("pug", "collie"):
            touch(tmp_path / "data" / part / name, 3)
    own = images(make())
    (tmp_path / "data" / "samara.png").write_bytes(b"x")
    (tmp_path / "data" / "test" / "loose.jpg").write_bytes(b"x")
    touch(tmp_path / "data" / "more" / "pug", 2)
    found = images(make())
    assert found.left_out == 4
    assert found.classes == ["collie", "pug"]
    assert found.splits == own.splits
    assert found.files.paths == own.files.paths == sorted(found.labels)


def test_a_class_may_be_called_as_a_split_is(make: Make, tmp_path: Path) -> None:
    for name in ("train", "test", "bus"):
        touch(tmp_path / "data" / name, 20)
    (tmp_path / "data" / "map.png").write_bytes(b"x")
    found = images(make())
    assert (found.classes, found.left_out) == (["bus", "test", "train"], 1)
    assert list(found.splits.values()).count("train") == 3 * 14


def test_too_few_images(make: Make, tmp_path: Path) -> None:
    touch(tmp_path / "data" / "pug", 2)
    with pytest.raises(UserError, match="images of 1 class; it takes two"):
        images(make())
    touch(tmp_path / "data" / "collie", 2)
    with pytest.raises(UserError, match="4 images, too few for test and val"):
        images(make())


@pytest.fixture
def arrays() -> Arrays:
    rng = np.random.default_rng(0)

    def part(count: int) -> Any:
        labels = rng.integers(0, 3, count)
        embeddings = rng.normal(size=(count, 8)).astype(np.float32)
        embeddings[np.arange(count), labels] += 3
        return embeddings, labels

    return Arrays(part(97), part(31))  # 97 = 6 x 16 + 1: no number of ranks divides either


def nothing(epoch: object) -> None:
    pass


def test_training_learns_and_keeps_the_best_epoch(make: Make, arrays: Arrays) -> None:
    training = Training(make(epochs=20), arrays, 3, Place())
    training.run(nothing)
    losses = [epoch.val_loss for epoch in training.history]
    assert training.history[-1].val_accuracy > 0.8
    best = Training(make(), arrays, 3, Place())
    best.model.load_state_dict(training.best)
    assert best._evaluate()[0] == pytest.approx(min(losses))


def test_a_training_that_resumes_ends_as_one_that_does_not(make: Make, arrays: Arrays) -> None:
    whole = Training(make(), arrays, 3, Place())
    whole.run(nothing)
    cut = Training(make(epochs=3), arrays, 3, Place())
    cut.run(nothing)
    again = Training(make(seed=0), arrays, 3, Place())
    again.load(cut.state())
    again.run(nothing)
    assert again.history == whole.history
    for name, weights in whole.best.items():
        assert torch.equal(again.best[name], weights)


@pytest.mark.slow
def test_two_ranks_train_the_numbers_of_one(make: Make, arrays: Arrays, tmp_path: Path) -> None:
    alone = Training(make(), arrays, 3, Place())
    alone.run(nothing)
    (tmp_path / "config.json").write_text(json.dumps(dataclasses.asdict(make())))
    (train, train_labels), (val, val_labels) = arrays.train, arrays.val
    labels = {"train_labels": train_labels, "val_labels": val_labels}
    np.savez(tmp_path / "arrays.npz", train=train, val=val, **labels)
    ours, theirs = (json.loads(printed) for printed in ranks.run(RANK, tmp_path))
    assert ours == theirs, "losses, weights and what batch norm has counted"
    history, model = ours
    for there, here in zip(history, alone.history, strict=True):
        assert there["train_loss"] == pytest.approx(here.train_loss, rel=1e-5)
        assert there["val_loss"] == pytest.approx(here.val_loss, rel=1e-5)
        assert there["val_accuracy"] == here.val_accuracy
    counted = alone.model.state_dict()["layers.1.running_var"].tolist()
    assert model["layers.1.running_var"] == pytest.approx(counted, rel=1e-4)


def test_the_class_map_goes_with_the_model(make: Make, arrays: Arrays, tmp_path: Path) -> None:
    training = Training(make(), arrays, 3, Place())
    training.run(nothing)
    about = saved.Metadata(classes=["a", "b", "c"], clip="tiny", embedding=8, hidden=16, epoch=1)
    store = Store(str(tmp_path / "model"))
    with pytest.raises(UserError, match=r"model\.pt is missing"):
        saved.load(store)
    saved.save(store, about, {k: v.numpy() for k, v in training.best.items()})
    model, loaded = saved.load(store)
    assert loaded == about
    training.model.load_state_dict(training.best)
    inputs = torch.from_numpy(arrays.val[0])
    assert torch.equal(model(inputs), training.model.eval()(inputs))


def test_a_registry_that_comes_back_gets_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "RETRY", 0.0)
    left = [ConnectionError("away"), ConnectionError("away")]

    def attempt(*_: object) -> dict[str, Any]:
        if left:
            raise left.pop()
        return {"model": "doggos", "version": 1}

    monkeypatch.setattr(registry, "_register", attempt)
    store = Store(str(tmp_path))
    assert registry.register(store, "doggos", {}) == {"model": "doggos", "version": 1}
    left.append(ConnectionError("away for good"))
    monkeypatch.setattr(tracking, "PATIENCE", 0.0)
    with pytest.raises(ConnectionError, match="away for good"):
        registry.register(store, "doggos", {})


def test_scores() -> None:
    labels, predictions = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 1, 1, 1, 2])
    found = scores(labels, predictions, ["a", "b", "c"])
    assert found["accuracy"] == pytest.approx(4 / 6, abs=1e-4)
    assert found["classes"] == {
        "a": {"precision": 1.0, "recall": 0.66667, "f1": 0.8},
        "b": {"precision": 0.66667, "recall": 0.66667, "f1": 0.66667},
    }
    assert found["f1"] == pytest.approx((0.8 + 2 / 3) / 2, abs=1e-4)
    picture = confusion(labels, predictions, ["a", "b", "c"])
    assert picture.startswith(b"\x89PNG")
