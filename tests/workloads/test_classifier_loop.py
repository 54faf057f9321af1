from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import ranks
import torch
from torch import nn

from rayworks.classifier.config import Config
from rayworks.classifier.data import Images
from rayworks.classifier.loop import Training

RANK = """
import json
import numpy as np
from rayworks.classifier.config import Config
from rayworks.classifier.data import Images
from rayworks.classifier.loop import Training

folder = sys.argv[3]
images = Images(**np.load(f"{folder}/images.npz"))
config = Config(**json.load(open(f"{folder}/config.json")))
training = Training(config, images, rank, 2, torch.device("cpu"))
training.run(lambda *_: None, lambda: None)
print(json.dumps(training.metadata()["history"]))
"""


def train(config: Config, images: Images, state: bytes | None = None) -> Training:
    training = Training(config, images, 0, 1, torch.device("cpu"))
    if state is not None:
        training.load(state)
    training.run(lambda *_: None, lambda: None)
    return training


def numbers(training: Training) -> list[tuple[int, float, float, float]]:
    return [(e.epoch, e.train_loss, e.loss, e.accuracy) for e in training.history]


def test_it_learns(config: Config, images: Images) -> None:
    training = train(dataclasses.replace(config, epochs=8), images)
    assert training.history[-1].accuracy > 0.9
    assert training.history[-1].loss < training.history[0].loss


def test_the_numbers_are_those_of_the_model(config: Config, images: Images) -> None:
    training = train(config, images)
    pixels = torch.tensor(images.test_images).reshape(64, -1) / 127.5 - 1
    labels = torch.tensor(images.test_labels, dtype=torch.int64)
    with torch.inference_mode():
        logits = training.model.eval()(pixels)
    last = training.history[-1]
    assert last.loss == pytest.approx(float(nn.functional.cross_entropy(logits, labels)), rel=1e-5)
    assert last.accuracy == float((logits.argmax(1) == labels).double().mean())
    assert logits.min() < 0, "the logits must not pass through a ReLU"


def test_same_seed_same_numbers(config: Config, images: Images) -> None:
    first = train(config, images)
    torch.rand(5)  # what else draws random numbers must not matter
    assert numbers(train(config, images)) == numbers(first)
    other = train(dataclasses.replace(config, seed=1), images)
    assert numbers(other) != numbers(first)


@pytest.mark.parametrize("after", [1, 2])
def test_resumed_is_as_never_interrupted(config: Config, images: Images, after: int) -> None:
    whole = train(config, images)
    part = train(dataclasses.replace(config, epochs=after), images)
    resumed = train(config, images, part.state())
    assert numbers(resumed) == numbers(whole)
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name])


def test_nothing_left_to_train(config: Config, images: Images) -> None:
    whole = train(config, images)
    assert numbers(train(config, images, whole.state())) == numbers(whole)


def test_steps_are_told(config: Config, images: Images) -> None:
    told: list[tuple[int, int, int]] = []
    training = Training(config, images, 0, 1, torch.device("cpu"))
    training.run(lambda *step: told.append(step), lambda: None)
    assert told == [(1, 1, 12), (2, 5, 12), (3, 9, 12)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "model", ["rayworks.fashion_mnist.model:Classifier", "rayworks.mnist.model:Cnn"]
)
def test_two_ranks_train_the_numbers_of_one(
    config: Config, images: Images, tmp_path: Path, model: str
) -> None:
    # With dropout, and as many images as no step divides: what differs is rounding only.
    config = dataclasses.replace(config, model=model)
    images = dataclasses.replace(
        images, train_images=images.train_images[:101], train_labels=images.train_labels[:101]
    )
    alone = train(config, images)
    (tmp_path / "config.json").write_text(json.dumps(dataclasses.asdict(config)))
    np.savez(tmp_path / "images.npz", **{n: getattr(images, n) for n in Images.__slots__})
    histories = [json.loads(printed) for printed in ranks.run(RANK, tmp_path)]
    for history in histories:
        for there, here in zip(history, alone.history, strict=True):
            assert there["train_loss"] == pytest.approx(here.train_loss, rel=1e-4)
            assert there["loss"] == pytest.approx(here.loss, rel=1e-4)
            assert there["accuracy"] == pytest.approx(here.accuracy, abs=1 / 64)
