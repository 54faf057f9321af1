"""A server of S3, for tests: moto's. Its objects lie in memory."""

from __future__ import annotations

import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from running import free_port
from support import eventually

BUCKET = "bucket"

#: Whose signatures it does not look at.
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}


@contextmanager
def s3(python: Path, address: str = "127.0.0.1") -> Iterator[str]:
    """The server with an empty bucket; its URL.

    Args:
        python: the interpreter that has it, the fixture `s3_python`.
        address: of this machine, at which it answers.
    """
    port = free_port()
    url = f"http://{address}:{port}"
    command = [python, "-m", "moto.server", "-H", address, "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            eventually(lambda: _makes(f"{url}/{BUCKET}"), 60, "a bucket")
            yield url
        finally:
            server.terminate()


def _makes(bucket: str) -> bool:
    request = urllib.request.Request(bucket, method="PUT")  # noqa: S310 - this machine
    try:
        with urllib.request.urlopen(request, timeout=10):  # noqa: S310
            return True
    except OSError:
        return False
