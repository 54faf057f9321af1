from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rayworks.classifier import data
from rayworks.classifier.data import Images
from rayworks.common.errors import UserError

WriteIdx = Callable[[Path, NDArray[np.uint8]], None]

TRAIN = "train-images-idx3-ubyte"
LABELS = "train-labels-idx1-ubyte"


def same(left: Images, right: Images) -> bool:
    return all(
        np.array_equal(getattr(left, name), getattr(right, name)) for name in Images.__slots__
    )


def test_reads_what_was_written(idx_folder: Path, images: Images) -> None:
    assert same(data.from_idx("fashion-mnist", idx_folder), images)


def test_reads_packed_files(idx_folder: Path, images: Images) -> None:
    for path in list(idx_folder.iterdir()):
        (idx_folder / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert same(data.from_idx("fashion-mnist", idx_folder), images)


def test_reads_torchvisions_folders(idx_folder: Path, images: Images, tmp_path: Path) -> None:
    place = tmp_path / "root" / "FashionMNIST"
    place.mkdir(parents=True)
    idx_folder.rename(place / "raw")
    assert same(data.from_idx("fashion-mnist", tmp_path / "root"), images)


def test_truncated(idx_folder: Path) -> None:
    path = idx_folder / TRAIN
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"has 100351 values where its header says 128 x 28 x 28"):
        data.from_idx("fashion-mnist", idx_folder)


def test_too_long(idx_folder: Path) -> None:
    path = idx_folder / TRAIN
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(UserError, match=r"has 100353 values where its header says 128 x 28 x 28"):
        data.from_idx("fashion-mnist", idx_folder)


@pytest.mark.parametrize("length", [0, 3, 4, 15])
def test_ends_in_the_header(idx_folder: Path, length: int) -> None:
    path = idx_folder / TRAIN
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(UserError, match=r"begins with|in its header"):
        data.from_idx("fashion-mnist", idx_folder)


def test_truncated_packing(idx_folder: Path) -> None:
    path = idx_folder / TRAIN
    packed = gzip.compress(path.read_bytes())
    path.unlink()
    (idx_folder / f"{TRAIN}.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(UserError, match="cannot be read"):
        data.from_idx("fashion-mnist", idx_folder)


def test_not_packed_at_all(idx_folder: Path) -> None:
    path = idx_folder / TRAIN
    path.rename(idx_folder / f"{TRAIN}.gz")
    with pytest.raises(UserError, match="cannot be read"):
        data.from_idx("fashion-mnist", idx_folder)


def test_labels_in_place_of_images(idx_folder: Path) -> None:
    (idx_folder / TRAIN).write_bytes((idx_folder / LABELS).read_bytes())
    with pytest.raises(UserError, match="begins with 00000801, not 00000803") as caught:
        data.from_idx("fashion-mnist", idx_folder)
    assert str(idx_folder / TRAIN) in caught.value.message
    assert caught.value.hint


def test_images_of_another_size(idx_folder: Path, write_idx: WriteIdx) -> None:
    write_idx(idx_folder / TRAIN, np.zeros((128, 32, 32), np.uint8))
    with pytest.raises(UserError, match="holds 128 x 32 x 32 pixels, not images of 28 x 28"):
        data.from_idx("fashion-mnist", idx_folder)


def test_no_images_at_all(idx_folder: Path, write_idx: WriteIdx) -> None:
    write_idx(idx_folder / TRAIN, np.zeros((0, 28, 28), np.uint8))
    with pytest.raises(UserError, match="holds 0 x 28 x 28"):
        data.from_idx("fashion-mnist", idx_folder)


def test_labels_of_other_images(idx_folder: Path, write_idx: WriteIdx) -> None:
    write_idx(idx_folder / LABELS, np.zeros(64, np.uint8))
    with pytest.raises(UserError, match="has 64 labels for 128 images"):
        data.from_idx("fashion-mnist", idx_folder)


def test_a_class_that_is_none(idx_folder: Path, write_idx: WriteIdx) -> None:
    write_idx(idx_folder / LABELS, np.full(128, 10, np.uint8))
    with pytest.raises(UserError, match="has class 10; the classes are 0 to 9"):
        data.from_idx("fashion-mnist", idx_folder)


def test_a_file_missing(idx_folder: Path) -> None:
    (idx_folder / LABELS).unlink()
    with pytest.raises(UserError, match=f"has no {LABELS}"):
        data.from_idx("fashion-mnist", idx_folder)


def test_digits_are_real_and_disjoint() -> None:
    digits = data.digits()
    assert digits.train_images.shape == (1437, 28, 28)
    assert digits.test_images.shape == (360, 28, 28)
    assert digits.train_images.dtype == np.uint8
    assert digits.train_images.max() == 255
    assert set(digits.test_labels) == set(range(10))
    # The same as scikit-learn's own reader gives, each sample once.
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]

    small = np.concatenate([digits.train_images, digits.test_images])[:, 3:-2:3, 3:-2:3]
    whole = sorted(small.reshape(-1, 64).tolist())
    wanted = (load_digits().images * (255 / 16)).round().astype(int).reshape(-1, 64)
    assert whole == sorted(wanted.tolist())


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that torchvision takes for Fashion-MNIST's server."""
    from torchvision.datasets import FashionMNIST  # type: ignore[import-untyped]

    folder = tmp_path / "mirror"
    folder.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr(FashionMNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
    yield folder
    server.shutdown()
    server.server_close()
    thread.join()


def test_downloads_with_checksums(
    mirror: Path,
    idx_folder: Path,
    images: Images,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import hashlib

    from torchvision.datasets import FashionMNIST

    resources = []
    for path in idx_folder.iterdir():
        packed = gzip.compress(path.read_bytes())
        (mirror / f"{path.name}.gz").write_bytes(packed)
        md5 = hashlib.md5(packed, usedforsecurity=False).hexdigest()
        resources.append((f"{path.name}.gz", md5))
    monkeypatch.setattr(FashionMNIST, "resources", resources)
    assert same(data.from_idx("fashion-mnist", tmp_path / "new"), images)


def test_download_with_a_wrong_checksum(mirror: Path, tmp_path: Path) -> None:
    (mirror / f"{TRAIN}.gz").write_bytes(gzip.compress(b"not the data set"))
    with pytest.raises(UserError, match=r"cannot be downloaded: .*corrupted"):
        data.from_idx("fashion-mnist", tmp_path / "new")


def test_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import FashionMNIST

    monkeypatch.setattr(FashionMNIST, "mirrors", ["http://127.0.0.1:9/"])
    with pytest.raises(UserError, match=r"cannot be downloaded: .*refused") as caught:
        data.from_idx("fashion-mnist", tmp_path / "new")
    assert caught.value.hint
    assert "--dataset digits" in caught.value.hint
