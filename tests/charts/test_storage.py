"""The program of ray-storage's `helm test`, on real folders."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "charts" / "ray-storage" / "files" / "test.py"

#: In front of the program where this user is root, to whom nothing is forbidden.
AS_THE_PODS_USER = """
import hashlib, os, pathlib, sys  # before, since the interpreter may be root's alone
os.setgroups([])
os.setgid(1000)
os.setuid(1000)
"""


@pytest.fixture
def volume() -> Iterator[Path]:
    """A folder that another user can reach, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


def step(name: str, volume: Path) -> subprocess.CompletedProcess[str]:
    """One step of the test, as its pod runs it."""
    before = AS_THE_PODS_USER if os.getuid() == 0 else ""
    return subprocess.run(
        [sys.executable, "-c", before + PROGRAM.read_text()],
        env={"PATH": os.environ["PATH"], "STEP": name, "VOLUME": str(volume), "NAME": ".test"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_one_pod_writes_reads_and_removes(volume: Path) -> None:
    done = step("alone", volume)
    assert done.returncode == 0, done.stderr
    assert "read 1048576 bytes of .test, and removed it" in done.stdout
    assert list(volume.iterdir()) == []


def test_one_pod_reads_what_another_has_written(volume: Path) -> None:
    assert step("put", volume).returncode == 0
    first = (volume / ".test").read_bytes()
    assert step("put", volume).returncode == 0
    assert (volume / ".test").read_bytes() != first
    assert step("take", volume).returncode == 0
    assert list(volume.iterdir()) == []


def test_fails_where_the_other_pod_sees_nothing(volume: Path) -> None:
    done = step("take", volume)
    assert done.returncode != 0
    assert "what one pod writes, another one does not see" in done.stderr


@pytest.mark.parametrize("cut", [slice(None, -1), slice(1, None), slice(0, 0)])
def test_fails_where_something_else_comes_back(volume: Path, cut: slice) -> None:
    assert step("put", volume).returncode == 0
    file = volume / ".test"
    data = file.read_bytes()
    file.write_bytes(data[cut])
    done = step("take", volume)
    assert done.returncode != 0
    assert "is not what was written" in done.stderr


def test_fails_where_a_byte_has_changed(volume: Path) -> None:
    assert step("put", volume).returncode == 0
    file = volume / ".test"
    data = bytearray(file.read_bytes())
    data[1000] ^= 1
    file.write_bytes(data)
    assert "is not what was written" in step("take", volume).stderr


def test_says_to_whom_the_volume_belongs(volume: Path) -> None:
    volume.chmod(0o555)
    done = step("alone", volume)
    assert done.returncode != 0
    owner = volume.stat()
    assert f"belongs to {owner.st_uid}:{owner.st_gid}, mode 555" in done.stderr
    assert "Traceback" not in done.stderr


def test_looks_without_writing(volume: Path) -> None:
    (volume / "a").touch()
    (volume / "b").mkdir()
    volume.chmod(0o555)
    done = step("look", volume)
    assert done.returncode == 0, done.stderr
    assert "2 entries in the volume" in done.stdout
