"""Small data sets, and the command as a user calls it."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray

import rayworks
from rayworks.classifier.config import Config
from rayworks.classifier.data import Images
from rayworks.cli import main

WriteIdx = Callable[[Path, NDArray[np.uint8]], None]


@pytest.fixture
def write_idx() -> WriteIdx:
    """Write an idx file of unsigned bytes."""

    def write(path: Path, values: NDArray[np.uint8]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        head = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
        path.write_bytes(head + values.tobytes())

    return write


@pytest.fixture(autouse=True, scope="module")
def subprocesses_find_the_package() -> Iterator[None]:
    """What a test, or a fixture of a module, starts imports the checkout, as the test does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(rayworks.__file__).parents[1]))
        yield


@pytest.fixture
def images() -> Images:
    """128 images to train on, 64 to test, whose class shows in the brightness of a row."""
    rng = np.random.default_rng(1)

    def part(count: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        labels = rng.integers(0, 10, count, dtype=np.uint8)
        pixels = rng.integers(0, 40, (count, 28, 28), dtype=np.uint8)
        pixels[np.arange(count), labels * 2] = 250
        return pixels, labels

    return Images(*part(128), *part(64))


@pytest.fixture
def idx_folder(tmp_path: Path, images: Images, write_idx: WriteIdx) -> Path:
    """The four files of a data set."""
    folder = tmp_path / "idx"
    write_idx(folder / "train-images-idx3-ubyte", images.train_images)
    write_idx(folder / "train-labels-idx1-ubyte", images.train_labels)
    write_idx(folder / "t10k-images-idx3-ubyte", images.test_images)
    write_idx(folder / "t10k-labels-idx1-ubyte", images.test_labels)
    return folder


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Three epochs in this process."""
    return Config(
        workload="fashion-mnist",
        model="rayworks.fashion_mnist.model:Classifier",
        dataset="fashion-mnist",
        epochs=3,
        lr=0.05,
        num_workers=0,
        storage_path=str(tmp_path / "store"),
        run_name="test",
    )


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Call `rayworks fashion-mnist` with the storage in tmp_path/store."""
    for name in ("DATASET", "EPOCHS", "NUM_WORKERS", "CPUS_PER_WORKER", "USE_GPU", "RUN_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STORAGE_PATH", str(tmp_path / "store"))

    def call(*arguments: object) -> Result:
        return CliRunner().invoke(main, ["fashion-mnist", *map(str, arguments)])

    return call
