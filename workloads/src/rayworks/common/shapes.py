"""Images that need no network: coloured shapes on a noisy ground, a folder a class."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw

from rayworks.common.storage import Store

#: Class → mean colour; position, size, shade and ground differ from image to image.
SHAPES = {
    "blue-triangle": (50, 80, 220),
    "green-square": (40, 170, 60),
    "red-circle": (220, 50, 40),
    "yellow-cross": (225, 205, 40),
}


def draw(kind: str, edge: int, seed: int, number: int) -> bytes:
    """A JPEG of edge x edge pixels; the same for the same arguments."""
    rng = np.random.default_rng((seed, number))
    ground = rng.integers(90, 150) + rng.integers(-25, 26, (edge, edge, 3))
    image = Image.fromarray(ground.astype(np.uint8))
    colour = tuple(int(c) for c in np.clip(SHAPES[kind] + rng.integers(-25, 26, 3), 0, 255))
    radius = rng.uniform(0.2, 0.35) * edge
    x, y = rng.uniform(radius, edge - radius, 2)
    pen = ImageDraw.Draw(image)
    box = (x - radius, y - radius, x + radius, y + radius)
    match kind:
        case "red-circle":
            pen.ellipse(box, fill=colour)
        case "green-square":
            pen.rectangle(box, fill=colour)
        case "blue-triangle":
            corners = [(x, y - radius), (x - radius, y + radius), (x + radius, y + radius)]
            pen.polygon(corners, fill=colour)
        case _:
            third = radius / 3
            pen.rectangle((x - radius, y - third, x + radius, y + third), fill=colour)
            pen.rectangle((x - third, y - radius, x + third, y + radius), fill=colour)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def generated(storage_path: str, count: int, edge: int, seed: int = 0) -> str:
    """Path or URI of a folder with so many images, equally many a class; made where it is missing.

    Args:
        storage_path: under which it lies, for all runs.
        count: number of images.
        edge: their width and height in pixels.
        seed: of all that differs among them.

    Raises:
        UserError: nothing can be written there.
    """
    store = Store(f"{storage_path.rstrip('/')}/data/shapes-{count}-{edge}-{seed}")
    if store.read("_complete") is None:
        kinds = list(SHAPES)
        for number in range(count):
            kind = kinds[number % len(kinds)]
            store.write(f"{kind}/{number:06}.jpg", draw(kind, edge, seed, number))
        store.write("_complete", b"")
    return store.uri


def count_for(gigabytes: float, edge: int) -> int:
    """How many such images are about so many GiB."""
    sample = [len(draw(kind, edge, 0, 0)) for kind in SHAPES]
    return max(len(SHAPES), round(gigabytes * 2**30 * len(sample) / sum(sample)))
