"""What the processes of a Ray of our own do with memory that they have freed."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120)]

#: Prints how many pages a task asks the kernel for, when it takes 64 MiB for the second time.
PROGRAM = """
import resource
import ray
from rayworks.common.cluster import connected

def pages():
    before = 0
    for _ in range(2):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        bytearray(b"x") * 2**26
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

with connected(verbose=False):
    asked = ray.get(ray.remote(pages).remote())
print(asked)
"""


def test_memory_that_was_freed_is_used_again() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    # 16,384 of the usual size, or 32 of 2 MiB, where it is asked for anew
    assert int(done.stdout) < 16
