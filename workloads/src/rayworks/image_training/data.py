"""The images, and Ray Data's way from files to batches.

Pixels stay bytes until they are on the worker's device: a quarter of what floats would take in
the object store and on the way to a GPU.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import ray.data

from rayworks.common.errors import UserError
from rayworks.common.images import Corrupt, Files, decode, each_decoded, find, read
from rayworks.image_training.config import BUCKET, GENERATED, Config

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Both sides of an image once it is read, as in the sample, and of the middle that is trained on.
READ, CROP = 256, 224

#: Images that a task decodes, and hands on together: 9.6 MB.
ROWS = 64


@dataclass(frozen=True, slots=True)
class Source:
    """Where the images are, and what they are."""

    uri: str
    """The folder."""
    files: Files
    """What lies in it."""
    classes: list[str]
    """Names of the classes in their order; empty where Parquet has numbers, or none."""
    gigabytes: float
    """GiB of data: what was asked for from the bucket, else what there is."""


def source(config: Config) -> Source:
    """Find the images.

    Raises:
        UserError: there are none.
    """
    if config.data_uri == GENERATED:
        from rayworks.common import shapes

        count = shapes.count_for(config.data_size_gb, READ)
        uri = shapes.generated(config.storage_path, count, READ, config.seed)
    elif config.data_uri == BUCKET:
        uri = BUCKET.format(size=config.data_size_gb)
    else:
        uri = config.data_uri
    files = find(uri, "--data-uri with a folder of images, or --data-uri generated")
    measured = files.bytes / 2**30
    gigabytes = config.data_size_gb if config.data_uri == BUCKET else measured
    if files.parquet:
        return Source(uri, files, [], gigabytes)
    classes = sorted({files.folder(path) for path in files.paths})
    if len(classes) > 1000:
        raise UserError(
            f"{uri} has images in {len(classes)} folders, but the network has 1000 classes",
            "--data-uri with at most 1000 folders",
        )
    return Source(uri, files, classes, gigabytes)


def images(config: Config, source: Source, corrupt: Corrupt) -> ray.data.Dataset:
    """All images that can be decoded: image (224, 224, 3) bytes, label, path.

    Files come in an order that depends on the seed only.
    """
    paths = source.files.paths
    order = np.random.default_rng(config.seed).permutation(len(paths))
    shuffled = [paths[n] for n in order]
    rows: Any
    if source.files.parquet:
        rows = partial(_parquet_rows)
        raw = ray.data.read_parquet(
            shuffled, filesystem=source.files.filesystem, include_paths=True
        )
    else:
        labels = {name: number for number, name in enumerate(source.classes)}
        rows = partial(_file_rows, source.files, labels)
        raw = read(source.files, shuffled, ROWS)
    decoded = partial(_decoded, rows, config.on_corrupt == "refuse", corrupt.ear)
    return raw.map_batches(decoded, batch_size=ROWS)


def _decoded(
    rows: Any, refuse: bool, ear: str, batch: dict[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    names, contents, labels = rows(batch)
    kept, pixels = each_decoded(names, contents, partial(decode, size=READ, crop=CROP), refuse, ear)
    shape = (len(pixels), CROP, CROP, 3)
    return {
        "image": np.stack(pixels) if pixels else np.empty(shape, np.uint8),
        "label": np.array([labels[n] for n in kept], np.int64),
        "path": np.array([names[n] for n in kept], object),
    }


def _file_rows(
    files: Files, labels: dict[str, int], batch: dict[str, NDArray[Any]]
) -> tuple[list[str], list[bytes], list[int]]:
    """Names, contents and labels of image files."""
    paths = batch["path"].tolist()
    return paths, list(batch["bytes"]), [labels[files.folder(path)] for path in paths]


def _parquet_rows(batch: dict[str, NDArray[Any]]) -> tuple[list[str], list[bytes], list[int]]:
    """Names, contents and labels of rows: `image` is bytes, or {"bytes", "path"} as in the hub."""
    if "image" not in batch:
        raise UserError(f"the Parquet files have no column image, but {', '.join(batch)}")
    contents = [(row["bytes"] if isinstance(row, dict) else row) or b"" for row in batch["image"]]
    paths = batch["path"].tolist()
    names = [f"{path}#{zlib.crc32(data):08x}" for path, data in zip(paths, contents, strict=True)]
    labels = batch["label"].tolist() if "label" in batch else [0] * len(names)
    if any(not isinstance(label, int) or not 0 <= label < 1000 for label in labels):
        raise UserError("the Parquet files' column label must be whole numbers from 0 to 999")
    return names, contents, labels
