"""Files in a cache that several checkouts use at once: locks, whole-or-nothing entries, links."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(entry: Path) -> Iterator[None]:
    """Hold the lock of a cache entry; waits while another process holds it.

    The lock is a file beside the entry. It ends with the process, however that ends.
    """
    entry.parent.mkdir(parents=True, exist_ok=True)
    with (entry.parent / f".{entry.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def link(place: Path, target: Path) -> None:
    """Make `place` a symbolic link to `target`, replacing an older link in one step."""
    if place.is_symlink() and place.readlink() == target:
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = place.with_name(f".{place.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(place)


def remove(path: Path) -> None:
    """Remove a file, link or tree, the read-only folders of Go's module cache included."""

    def make_writable(function: Callable[..., object], name: str, _: object) -> None:
        Path(name).parent.chmod(stat.S_IRWXU)
        if Path(name).is_dir():
            Path(name).chmod(stat.S_IRWXU)
            shutil.rmtree(name, onerror=make_writable)
        else:
            function(name)

    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path, onerror=make_writable)
