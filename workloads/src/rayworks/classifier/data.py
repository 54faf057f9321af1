"""The images: idx files of MNIST or Fashion-MNIST, or the digits that scikit-learn ships.

Read with numpy alone: the driver hands them to the workers through Ray's object store, and so
needs neither torch nor scikit-learn in memory, which would each cost it a second or more.
"""

from __future__ import annotations

import gzip
import math
import socket
import struct
import zlib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from rayworks.common.errors import UserError

Bytes = NDArray[np.uint8]

#: idx: two zero bytes, 8 for unsigned bytes, then the number of dimensions.
#: The sizes follow as big-endian 32-bit numbers, then the values.
UNSIGNED_BYTE = 0x08

HELD_OUT_DIGITS = 360

#: What torchvision calls the data sets: the class, and the folder that it keeps them in.
TORCHVISION = {"fashion-mnist": "FashionMNIST", "mnist": "MNIST"}


@dataclass(frozen=True, slots=True)
class Images:
    """Grey images of 28 x 28 pixels in 0 … 255, (n, 28, 28), and their classes 0 … 9, (n,)."""

    train_images: Bytes
    train_labels: Bytes
    test_images: Bytes
    test_labels: Bytes


def load(dataset: str, folder: Path) -> Images:
    """The data set, checked.

    Args:
        dataset: fashion-mnist, mnist or digits.
        folder: where idx files are, or go when they are missing.

    Raises:
        UserError: a file that is not what it should be, or a download that fails.
    """
    return digits() if dataset == "digits" else from_idx(dataset, folder)


def from_idx(dataset: str, folder: Path) -> Images:
    """A data set's images to train on and to test (60,000 and 10,000), from its four idx files.

    The files may be packed (.gz), and may lie in <torchvision's class>/raw, where torchvision puts
    them. When none is there, torchvision downloads them and compares their checksums.
    """
    raw = folder / TORCHVISION[dataset] / "raw"
    if not any(_find(place, "train-images-idx3-ubyte") for place in (folder, raw)):
        _download(dataset, folder)
    place = folder if _find(folder, "train-images-idx3-ubyte") else raw
    train_images, train_labels = _pair(place, "train")
    test_images, test_labels = _pair(place, "t10k")
    return Images(train_images, train_labels, test_images, test_labels)


def digits() -> Images:
    """Real handwriting: the 1,797 digits of 8 x 8 pixels that come with scikit-learn.

    Each pixel becomes 3 x 3, with a border of 2. A fixed fifth, 360 images, is held out.
    """
    place = metadata.distribution("scikit-learn").locate_file("sklearn/datasets/data/digits.csv.gz")
    table = np.loadtxt(cast(Path, place), delimiter=",")
    small = (table[:, :64] * (255 / 16)).round().astype(np.uint8).reshape(-1, 8, 8)
    images = np.pad(small.repeat(3, axis=1).repeat(3, axis=2), ((0, 0), (2, 2), (2, 2)))
    labels = table[:, 64].astype(np.uint8)
    order = np.random.default_rng(0).permutation(len(labels))
    test, train = order[:HELD_OUT_DIGITS], order[HELD_OUT_DIGITS:]
    return Images(images[train], labels[train], images[test], labels[test])


def read_idx(path: Path, dimensions: int) -> Bytes:
    """The unsigned bytes of an idx file.

    Args:
        path: the file, packed if its name ends in .gz.
        dimensions: how many it must have: 3 for images, 1 for labels.

    Raises:
        UserError: the file is something else, or too short, or too long.
    """
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise _bad(path, f"cannot be read: {error}") from error
    wanted = bytes([0, 0, UNSIGNED_BYTE, dimensions])
    if content[:4] != wanted:
        raise _bad(path, f"begins with {content[:4].hex()}, not {wanted.hex()}")
    head = 4 + 4 * dimensions
    if len(content) < head:
        raise _bad(path, f"ends after {len(content)} bytes, in its header")
    shape = struct.unpack(f">{dimensions}I", content[4:head])
    values = np.frombuffer(content, np.uint8, offset=head)
    if len(values) != math.prod(shape):
        size = " x ".join(str(n) for n in shape)
        raise _bad(path, f"has {len(values)} values where its header says {size}")
    return values.reshape(shape)


def _pair(folder: Path, part: str) -> tuple[Bytes, Bytes]:
    """Images and labels of a part, which must belong together."""
    paths = []
    for name in (f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"):
        path = _find(folder, name)
        if path is None:
            raise UserError(
                f"{folder} has no {name} (nor {name}.gz)",
                "put all four files of the data set there, or none to have them downloaded",
            )
        paths.append(path)
    images, labels = read_idx(paths[0], 3), read_idx(paths[1], 1)
    if images.shape[1:] != (28, 28) or not len(images):
        size = " x ".join(str(n) for n in images.shape)
        raise _bad(paths[0], f"holds {size} pixels, not images of 28 x 28")
    if len(images) != len(labels):
        raise _bad(paths[1], f"has {len(labels)} labels for {len(images)} images")
    if labels.max() > 9:
        raise _bad(paths[1], f"has class {labels.max()}; the classes are 0 to 9")
    return images, labels


def _find(folder: Path, name: str) -> Path | None:
    found = [path for path in (folder / name, folder / f"{name}.gz") if path.is_file()]
    return found[0] if found else None


def _bad(path: Path, why: str) -> UserError:
    return UserError(f"{path} {why}", "remove the file and run again to have it downloaded")


def _download(dataset: str, folder: Path) -> None:
    from torchvision import datasets  # type: ignore[import-untyped]

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(20)  # a firewall that drops packets must not hold the job for ever
    try:
        getattr(datasets, TORCHVISION[dataset])(str(folder), download=True)
    except (OSError, RuntimeError) as error:
        said = str(error).strip().splitlines()[-1] if str(error).strip() else repr(error)
        raise UserError(
            f"{dataset} is not in {folder} and cannot be downloaded: {said}",
            "--data-dir with its four idx files, or --dataset digits, which needs no network",
        ) from error
    finally:
        socket.setdefaulttimeout(before)
