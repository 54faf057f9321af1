"""The cache as a whole: what is in it, and emptying it."""

from __future__ import annotations

from pathlib import Path

from lib.errors import UserError
from lib.paths import CACHE, ROOT
from tools import debian
from tools.build import ready
from tools.catalogue import GROUPS, TOOLS
from tools.files import remove, size
from tools.venv import ENVIRONMENTS

_GIB = 1 << 30


def status() -> None:
    """Print a table of the tools and environments, wanted and there, and what misses."""
    row = "{:<26}{:<12}{:<12}{:>8}  {}".format
    print(row("NAME", "VERSION", "GROUP", "SIZE", "STATE"))
    for tool in TOOLS:
        there = ready(tool)
        megabytes = f"{size(tool.entry) / 1e6:.0f} MB" if there else "-"
        state = "ready" if there else "missing"
        print(row(tool.name, tool.version.split("-")[0], "+".join(tool.groups), megabytes, state))
    for name, environment in ENVIRONMENTS.items():
        state = "ready" if environment.ready else "missing"
        print(row(f"Python ({environment.link.name})", "", name, "", state))
    if names := debian.missing(set(GROUPS)):
        print(f"Debian packages missing: {debian.command(names)}")
    print(f"cache: {CACHE}")


def clean() -> None:
    """Remove the cache.

    Raises:
        UserError: programs run from it, or it is mounted somewhere: a local cluster is up.
    """
    if not CACHE.exists():
        print(f"{CACHE} is not there: nothing to remove")
        return
    if Path.home() == CACHE or CACHE in Path.home().parents or ROOT.is_relative_to(CACHE):
        raise UserError(
            f"RAYWORKS_CACHE={CACHE} is not a folder of its own", "unset RAYWORKS_CACHE"
        )
    if users := sorted({*_programs(), *_mounts()}):
        raise UserError(
            f"{CACHE} is in use by {', '.join(users[:8])}",
            "make cluster-down, in the checkout whose cluster it is",
        )
    freed = size(CACHE)
    remove(CACHE)
    print(f"removed {CACHE}: {freed / _GIB:.1f} GiB freed")


def _programs() -> list[str]:
    """Programs that run from the cache, as `name (pid)`."""
    found = []
    for exe in Path("/proc").glob("[0-9]*/exe"):
        try:
            program = exe.readlink()
        except OSError:
            continue
        if program.is_relative_to(CACHE):
            found.append(f"{program.name} (pid {exe.parent.name})")
    return found


def _mounts() -> list[str]:
    """Mounts of a part of the cache or onto it, in any process's view of the file system."""
    device, inside = _position(CACHE)
    found, seen = set(), set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            namespace = (process / "ns/mnt").readlink()
            if namespace in seen:
                continue
            seen.add(namespace)
            lines = (process / "mountinfo").read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            source, point = Path(fields[3]), Path(fields[4])
            below = source != inside and source.is_relative_to(inside)
            if (fields[2] == device and below) or point.is_relative_to(CACHE):
                found.add(f"a mount on {point}")
    return sorted(found)


def _position(path: Path) -> tuple[str, Path]:
    """A path's file system (major:minor) and its place in it, as mountinfo counts."""
    best = ("", Path("/"), Path("/"))
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split()
        point = Path(fields[4])
        if path.is_relative_to(point) and len(point.parts) >= len(best[2].parts):
            best = (fields[2], Path(fields[3]), point)
    device, root, point = best
    return device, root / path.relative_to(point)
