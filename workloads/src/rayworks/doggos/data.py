"""Which images there are, of which class, and for what."""

from __future__ import annotations

import zlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from rayworks.common.errors import UserError
from rayworks.common.images import Files, find
from rayworks.doggos.config import GENERATED, Config

SPLITS = ("train", "val", "test")

#: The share of a class that is held out to choose the best epoch by, and again to test.
HELD_OUT = 0.15

HINT = "--data with a folder of images for each class, or --data generated"


@dataclass(frozen=True, slots=True)
class Images:
    """All images, in the order of their paths."""

    files: Files
    """Where they are."""
    classes: list[str]
    """Names of the classes; a label is an index into them."""
    labels: dict[str, int]
    """Path → label."""
    splits: dict[str, str]
    """Path → one of SPLITS."""


def images(config: Config) -> Images:
    """Find the images, and share each class out among the splits.

    Raises:
        UserError: there are none, or too few to train, to choose and to test.
    """
    uri = config.data
    if uri == GENERATED:
        from rayworks.common import shapes

        uri = shapes.generated(config.storage_path, config.generated_images, 64)
    files = find(uri, HINT)
    if files.parquet:
        raise UserError(f"{uri} has Parquet files, but no images", HINT)
    folders = {path: files.folder(path) for path in files.paths}
    classes = sorted(set(folders.values()))
    if len(classes) < 2:
        raise UserError(f"{uri} has images of {len(classes)} class; it takes two to tell", HINT)
    splits = _named(files) or {}
    loose = [path for path in files.paths if path not in splits]
    if not splits:
        splits = split(loose, folders, config.seed, {"test": HELD_OUT, "val": HELD_OUT})
    elif "val" not in splits.values():
        train = [path for path, name in splits.items() if name == "train"]
        splits |= split(train, folders, config.seed, {"val": HELD_OUT})
    if missing := set(SPLITS) - set(splits.values()):
        raise UserError(
            f"{uri} has {len(files.paths)} images, too few for {' and '.join(sorted(missing))}",
            "at least 7 images a class",
        )
    number = {name: label for label, name in enumerate(classes)}
    return Images(files, classes, {p: number[name] for p, name in folders.items()}, splits)


def _named(files: Files) -> dict[str, str]:
    """The splits that the data come with: folders train and test, and perhaps val."""
    top = {path: PurePosixPath(path).relative_to(files.root).parts[0] for path in files.paths}
    return top if {"train", "test"} <= set(top.values()) <= set(SPLITS) else {}


def split(
    paths: list[str], folders: dict[str, str], seed: int, shares: dict[str, float]
) -> dict[str, str]:
    """Share paths out: those of each class by its own order, which depends on its name and seed.

    Args:
        paths: of images.
        folders: path → class.
        seed: of the order.
        shares: split → its share; what is left is for train.
    """
    of_class = defaultdict(list)
    for path in sorted(paths):
        of_class[folders[path]].append(path)
    result: dict[str, str] = {}
    for name, members in of_class.items():
        generator = np.random.default_rng((seed, zlib.crc32(name.encode())))
        order = [members[n] for n in generator.permutation(len(members))]
        start = 0
        for part, share in shares.items():
            end = start + round(share * len(members))
            result |= dict.fromkeys(order[start:end], part)
            start = end
        result |= dict.fromkeys(order[start:], "train")
    return result
