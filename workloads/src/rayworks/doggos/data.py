"""Which images there are, of which class, and for what."""

from __future__ import annotations

import zlib
from collections import defaultdict
from dataclasses import dataclass

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
    left_out: int
    """How many more there are, in no folder of a class."""


def images(config: Config) -> Images:
    """Find the images, and share each class out among the splits, unless they come with some.

    Raises:
        UserError: there are none, or too few to train, to choose and to test.
    """
    uri = config.data
    if uri == GENERATED:
        from rayworks.common import shapes

        uri = shapes.generated(config.storage_path, config.generated_images, 64)
    found = find(uri, HINT)
    if found.parquet:
        raise UserError(f"{uri} has Parquet files, but no images", HINT)
    folders_of = {path: found.below(path) for path in found.paths}
    # A class may be called train: what are splits have folders of classes in them.
    named = {"train", "test"} <= {folders[0] for folders in folders_of.values() if folders[1:]}

    def in_a_class(path: str) -> bool:
        folders = folders_of[path]
        return len(folders) > 1 and folders[0] in SPLITS if named else bool(folders)

    # Others lie beside them, as one does in the sample's bucket.
    files = found.only(in_a_class)
    folders = {path: files.folder(path) for path in files.paths}
    classes = sorted(set(folders.values()))
    if len(classes) < 2:
        raise UserError(f"{uri} has images of {len(classes)} class; it takes two to tell", HINT)
    splits = {path: folders_of[path][0] for path in files.paths} if named else {}
    if not named:
        splits = split(files.paths, folders, config.seed, {"test": HELD_OUT, "val": HELD_OUT})
    elif "val" not in splits.values():
        train = [path for path, name in splits.items() if name == "train"]
        splits |= split(train, folders, config.seed, {"val": HELD_OUT})
    if missing := set(SPLITS) - set(splits.values()):
        raise UserError(
            f"{uri} has {len(files.paths)} images, too few for {' and '.join(sorted(missing))}",
            "at least 7 images a class",
        )
    number = {name: label for label, name in enumerate(classes)}
    labels = {path: number[name] for path, name in folders.items()}
    return Images(files, classes, labels, splits, len(found.paths) - len(files.paths))


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
