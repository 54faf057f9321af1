"""A server of S3, for tests; its objects lie in memory."""

from __future__ import annotations

import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from running import free_port
from support import eventually

from tools import build
from tools.catalogue import Tool

S3 = Tool(
    name="gofakes3-1.2.0",
    module="github.com/johannesboyne/gofakes3",
    groups=(),
    binaries={"gofakes3": None},
    home=Path(__file__).parent,
)

BUCKET = "bucket"

#: Whose signatures it does not look at.
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}


@contextmanager
def s3(address: str = "127.0.0.1") -> Iterator[str]:
    """The server with an empty bucket; its URL.

    Args:
        address: of this machine, at which it answers.
    """
    host = f"{address}:{free_port()}"
    program = build.made(S3) / "bin" / "gofakes3"
    options = ["-backend", "memory", "-initialbucket", BUCKET, "-host", host]
    with subprocess.Popen([program, *options], stderr=subprocess.DEVNULL) as server:
        try:
            eventually(lambda: _answers(f"http://{host}/{BUCKET}"), 30, "an empty bucket")
            yield f"http://{host}"
        finally:
            server.terminate()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10):  # noqa: S310 - this machine
            return True
    except OSError:
        return False
