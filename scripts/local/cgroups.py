"""A control group of our own, so that ending the cluster removes exactly what it made.

cgroup v2 is one tree; v1 (and the hybrid of both) has a tree for each controller. Our group has
the same name in every tree: ``node`` in it holds the daemons, ``kubepods`` the pods, ``buildkit``
the builds.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from lib.errors import UserError
from local.layout import NAME

#: Controllers that the kubelet asks for on cgroup v2.
V2_CONTROLLERS = ("cpuset", "cpu", "io", "memory", "hugetlb", "pids")


def trees(mountinfo: str | None = None) -> list[tuple[Path, bool]]:
    """Mount points of the machine's cgroup trees, each with whether it is version 2."""
    text = Path("/proc/self/mountinfo").read_text() if mountinfo is None else mountinfo
    found = {}
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        kind = after.split()[0] if after else ""
        if kind in {"cgroup", "cgroup2"}:
            found[Path(before.split()[4])] = kind == "cgroup2"
    return sorted(found.items())


def _enable_controllers(group: Path) -> None:
    available = (group / "cgroup.controllers").read_text().split()
    wanted = [name for name in V2_CONTROLLERS if name in available]
    for name in wanted:
        try:
            (group / "cgroup.subtree_control").write_text(f"+{name}")
        except OSError as error:
            raise UserError(
                f"cgroup controller {name} cannot be enabled in {group}: {error.strerror}",
                "run on the machine itself, or in a container with a cgroup namespace of its own "
                "whose root group holds no process",
            ) from error


def make() -> None:
    """Create our group in every tree, with every controller passed on to its children."""
    found = trees()
    # Beside v1 trees, a v2 tree only keeps track of processes: controllers are not its business.
    is_unified = all(is_v2 for _, is_v2 in found)
    for tree, is_v2 in found:
        group = tree / NAME
        if is_unified:
            _enable_controllers(tree)
        group.mkdir(exist_ok=True)
        if is_unified:
            _enable_controllers(group)
        # A v1 cpuset begins empty, and an empty one takes no process.
        for child in (group, group / "node"):
            child.mkdir(exist_ok=True)
            for setting in ("cpuset.cpus", "cpuset.mems"):
                if not is_v2 and (child / setting).exists():
                    (child / setting).write_text((child.parent / setting).read_text())


def join(child: str) -> None:
    """Move the calling process into a child of our group."""
    for tree, _ in trees():
        (tree / NAME / child / "cgroup.procs").write_text(str(os.getpid()))


def roots() -> list[Path]:
    """Our group in each tree that has it."""
    return [tree / NAME for tree, _ in trees() if (tree / NAME).exists()]


def groups() -> Iterator[Path]:
    """Every group of ours, children before parents."""
    for root in roots():
        for folder, _, _ in os.walk(root, topdown=False):
            yield Path(folder)


def processes(child: str = "") -> set[int]:
    """Processes in a child of our group, or in the whole of it, with what is below."""
    found: set[int] = set()
    for root in roots():
        for folder, _, _ in os.walk(root / child):
            with contextlib.suppress(OSError):
                found.update(map(int, (Path(folder) / "cgroup.procs").read_text().split()))
    # 0 stands for a process that this PID namespace cannot see.
    return found - {0}


def remove(timeout: float = 10) -> None:
    """Remove our group from every tree; the kernel may need a moment after the last process."""
    deadline = time.monotonic() + timeout
    while True:
        for group in groups():
            with contextlib.suppress(OSError):
                group.rmdir()
        left = list(groups())
        if not left:
            return
        if time.monotonic() > deadline:
            alive = ", ".join(map(str, sorted(processes()))) or "some that cannot be seen from here"
            raise UserError(
                f"control group {left[0]} still holds processes: {alive}",
                "end them, then run the same command again",
            )
        time.sleep(0.05)
