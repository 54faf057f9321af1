"""Files in a cache that several checkouts use at once: locks, links, sizes, removal."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(entry: Path) -> Iterator[None]:
    """Hold the lock of a cache entry; waits while another process holds it.

    The lock is a file beside the entry. The system frees it when the process ends, in any way.
    """
    entry.parent.mkdir(parents=True, exist_ok=True)
    with (entry.parent / f".{entry.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def link(place: Path, target: Path) -> None:
    """Make `place` a symbolic link to `target`, replacing an older one in a single step."""
    if place.is_symlink() and place.readlink() == target:
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = place.with_name(f".{place.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(place)


def size(path: Path) -> int:
    """Bytes that a tree takes on disk, each hard-linked file counted once; 0 if it is missing."""
    inodes: dict[tuple[int, int], int] = {}
    folders = [str(path)]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        found = entry.stat(follow_symlinks=False)
                        inodes[found.st_dev, found.st_ino] = found.st_blocks * 512
        except (FileNotFoundError, PermissionError):
            continue
    return sum(inodes.values())


def remove(path: Path) -> None:
    """Remove a file, link or tree, the read-only folders of Go's module cache included."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        for folder, _, _ in os.walk(path):
            if not os.access(folder, os.W_OK | os.X_OK):
                Path(folder).chmod(0o700)
        shutil.rmtree(path)
