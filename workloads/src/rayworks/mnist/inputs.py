"""What a client may send: an image as it is, or JSON with one in base64, or with its values."""

from __future__ import annotations

import base64
import binascii
import io
import json
import struct
import warnings
import zlib
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

#: The largest request, in bytes.
LARGEST = 1_000_000

#: The most pixels of an image: a small file can unpack to gigabytes.
MOST_PIXELS = 2048 * 2048

#: What a network is fed, rows by columns.
SHAPE = (28, 28)

Pixels = NDArray[np.float32]


class BadInputError(ValueError):
    """A request that cannot be answered; its text says why."""


async def read(chunks: AsyncIterator[bytes]) -> bytes:
    """The request's body, if it is not too large."""
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > LARGEST:
            raise BadInputError(f"the request is too large: more than {LARGEST} bytes")
    return bytes(body)


def pixels_of(body: bytes) -> Pixels:
    """The grey values 0 … 255, (28, 28), in a request's body.

    Args:
        body: PNG or JPEG, or a JSON object with either `image` (such a file in base64) or `data`
            (28 rows of 28 numbers).

    Raises:
        BadInputError: it is none of these.
    """
    if body.lstrip()[:1] != b"{":
        return from_image(body)
    try:
        content: dict[str, Any] = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"not JSON: {error}") from error
    if len({"image", "data"} & content.keys()) != 1:
        raise BadInputError("the JSON object has to have either `image` or `data`")
    if "data" in content:
        return from_numbers(content["data"])
    try:
        return from_image(base64.b64decode(content["image"], validate=True))
    except (binascii.Error, TypeError, ValueError) as error:
        if isinstance(error, BadInputError):
            raise
        raise BadInputError(f"`image` is not base64: {error}") from error


def from_image(file: bytes) -> Pixels:
    """An image of any size, grey and scaled to 28 x 28; other proportions are stretched."""
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(file), formats=["PNG", "JPEG"]) as it:
            warnings.simplefilter("ignore")
            if it.width * it.height > MOST_PIXELS:
                raise BadInputError(
                    f"the image is too large: {it.width} x {it.height} pixels, "
                    f"of {MOST_PIXELS} at most"
                )
            if it.mode.startswith(("I", "F")):  # Pillow would cut off what is above 255
                raise BadInputError("the image has more than 8 bits a channel")
            grey = it.convert("L").resize(SHAPE, Image.Resampling.BILINEAR)
    except BadInputError:
        raise
    except Image.DecompressionBombError as error:
        raise BadInputError(f"the image is too large: {error}") from error
    except (OSError, SyntaxError, ValueError, IndexError, struct.error, zlib.error) as error:
        raise BadInputError("not an image that can be read: PNG or JPEG is") from error
    return np.asarray(grey, dtype=np.float32)


def from_numbers(data: object) -> Pixels:
    """28 rows of 28 numbers in 0 … 255."""
    try:
        values = np.asarray(data)
    except ValueError as error:
        raise BadInputError("`data` has rows of different lengths; it has to be 28 x 28") from error
    if values.shape != SHAPE:
        shape = " x ".join(map(str, values.shape)) or "a single value"
        raise BadInputError(f"`data` is {shape}; it has to be 28 x 28")
    if values.dtype.kind not in "iuf":
        raise BadInputError("`data` has to be numbers")
    if not np.isfinite(values).all():
        raise BadInputError("`data` has values that are no numbers (NaN or infinite)")
    if values.min() < 0 or values.max() > 255:
        raise BadInputError("`data` has values out of range; they have to be from 0 to 255")
    if 0 < values.max() <= 1:  # shares of white, as other services take them: all black here
        raise BadInputError("`data` has no value above 1; they have to be from 0 to 255")
    return values.astype(np.float32)
