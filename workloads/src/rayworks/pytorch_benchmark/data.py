"""The table: grey images of 28 x 28 pixels, and their classes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from rayworks.classifier.data import Images

PIXELS = 28 * 28
CLASSES = 10


def generate(rng: np.random.Generator, first: int, count: int) -> pa.Table:
    """A chunk: noise in which a brighter pair of rows tells the class."""
    labels = rng.integers(0, CLASSES, count, dtype=np.uint8)
    pixels = rng.integers(0, 200, (count, 28, 28), dtype=np.uint8)
    which = np.arange(count)
    for row in (0, 1):
        pixels[which, labels * 2 + row] += 55
    buffers = [None, pa.py_buffer(pixels)]
    images = pa.Array.from_buffers(pa.binary(PIXELS), count, buffers)
    return pa.table({"image": images, "label": labels})


def arrays(table: pa.Table) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images (n, 28, 28) and labels (n,) of a table."""
    images = [
        np.frombuffer(chunk.buffers()[1], np.uint8, len(chunk) * PIXELS, chunk.offset * PIXELS)
        for chunk in table["image"].chunks
    ]
    return np.concatenate(images).reshape(-1, 28, 28), table["label"].to_numpy()


def split(tables: Iterable[pa.Table], train: int) -> Images:
    """The whole table in memory: the first images to train on, the others to test with."""
    images, labels = arrays(pa.concat_tables(tables))
    return Images(images[:train], labels[:train], images[train:], labels[train:])
