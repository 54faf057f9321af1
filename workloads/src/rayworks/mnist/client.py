"""Clients of the endpoint: one that shows its three forms of requests, and one for load."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
from PIL import Image

from rayworks.classifier.data import digits
from rayworks.common.errors import UserError
from rayworks.mnist.inputs import BadInputError, from_image

#: The forms of a request.
FORMS = ("image", "base64", "data")

#: Seconds for one request.
TIMEOUT = 30.0


def classify(url: str, files: dict[str, bytes]) -> Iterator[dict[str, Any]]:
    """Send each file in the three forms.

    Args:
        url: the endpoint.
        files: PNG or JPEG, by name.

    Yields:
        The answers, with file and form.

    Raises:
        UserError: there is no endpoint, or it does not answer the request.
    """
    with httpx.Client(timeout=TIMEOUT) as client:
        for name, file in files.items():
            try:
                requests = {form: request(file, form) for form in FORMS}
            except BadInputError as error:
                raise UserError(f"{name}: {error}") from error
            for form, content in requests.items():
                try:
                    answer = client.post(url, **content)
                except httpx.HTTPError as error:
                    raise _unreachable(url, error) from error
                if answer.status_code != httpx.codes.OK:
                    raise UserError(f"{name} as {form}: {answer.status_code} {answer.text.strip()}")
                yield {"file": name, "form": form, **answer.json()}


def request(file: bytes, form: str) -> dict[str, Any]:
    """An image file as a request, in httpx's words."""
    if form == "image":
        return {"content": file}
    if form == "base64":
        value: object = {"image": base64.b64encode(file).decode()}
    else:
        value = {"data": from_image(file).astype(int).tolist()}
    return {"content": json.dumps(value), "headers": {"Content-Type": "application/json"}}


def samples() -> dict[str, bytes]:
    """One of each handwritten digit as PNG, none of which a training on `digits` has seen."""
    images = digits()
    files = {}
    for label in range(10):
        first = int((images.test_labels == label).argmax())
        buffer = io.BytesIO()
        Image.fromarray(images.test_images[first]).save(buffer, "PNG")
        files[f"a {label}"] = buffer.getvalue()
    return files


def load(url: str, *, requests: int, concurrency: int, form: str) -> dict[str, Any]:
    """Send many requests, several at a time, and measure.

    Args:
        url: the endpoint.
        requests: how many in all.
        concurrency: how many are under way at any time.
        form: one of FORMS.

    Returns:
        requests_per_second of those that were answered, p50_ms and p99_ms of their latency, and
        failures by status or exception.

    Raises:
        UserError: there is no endpoint.
    """
    return asyncio.run(_load(url, requests, concurrency, form))


async def _load(url: str, requests: int, concurrency: int, form: str) -> dict[str, Any]:
    bodies = [request(file, form) for file in samples().values()]
    left = iter(range(requests))
    latencies: list[float] = []
    failures: Counter[str] = Counter()
    limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    async with httpx.AsyncClient(limits=limits, timeout=TIMEOUT) as client:
        try:
            await client.get(url)
        except httpx.HTTPError as error:
            raise _unreachable(url, error) from error

        async def user() -> None:
            for number in left:
                begun = time.perf_counter()
                try:
                    answer = await client.post(url, **bodies[number % len(bodies)])
                except httpx.HTTPError as error:
                    failures[type(error).__name__] += 1
                    continue
                if answer.status_code == httpx.codes.OK:
                    latencies.append(time.perf_counter() - begun)
                else:
                    failures[str(answer.status_code)] += 1

        begun = time.perf_counter()
        await asyncio.gather(*(user() for _ in range(concurrency)))
        seconds = time.perf_counter() - begun
    p50, p99 = np.percentile(latencies, [50, 99]) * 1000 if latencies else (None, None)
    return {
        "requests": requests,
        "concurrency": concurrency,
        "form": form,
        "seconds": round(seconds, 3),
        "requests_per_second": round(len(latencies) / seconds, 1),
        "p50_ms": p50 and round(float(p50), 2),
        "p99_ms": p99 and round(float(p99), 2),
        "failed": sum(failures.values()),
        "failures": dict(failures),
    }


def _unreachable(url: str, error: Exception) -> UserError:
    return UserError(
        f"{url} does not answer: {str(error) or repr(error)}",
        "start it by `rayworks mnist serve`, or give its --url",
    )
