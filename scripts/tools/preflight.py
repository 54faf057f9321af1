"""What must be there before any work begins; all that is not is told at once."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from lib.errors import UserError
from lib.paths import CACHE
from tools import debian
from tools.catalogue import GROUPS, Tool
from tools.files import size

#: The first Python without wheels of Ray and torch. (The oldest is checked on import.)
PYTHON_BELOW = (3, 15)

#: Gigabytes that a single tool may take with what Go downloads and compiles for it.
TOOL_DISK = 3

_GIB = 1 << 30


def check(tools: list[Tool], groups: set[str]) -> None:
    """Check the machine for building `tools` (those not there yet) and for the needs of `groups`.

    Raises:
        UserError: with every problem found and the way out of each.
    """
    problems = [*_python(), *_packages(groups)]
    if tools:
        problems += [*_go(tools), *_disk(tools, groups)]
    if len(problems) == 1:
        raise problems[0]
    if problems:
        lines = [f"{len(problems)} things are in the way"]
        for problem in problems:
            lines.append(f"  - {problem.message}")
            lines.append(f"    try: {problem.hint}")
        raise UserError("\n".join(lines))


def _python() -> list[UserError]:
    if sys.version_info[:2] < PYTHON_BELOW:
        return []
    below = ".".join(map(str, PYTHON_BELOW))
    return [
        UserError(
            f"Python {sys.version.split()[0]} ({sys.executable}) is too new: it must be below "
            f"{below}, for Ray and torch",
            "make PYTHON=python3.13 …, with one that is installed",
        )
    ]


def _packages(groups: set[str]) -> list[UserError]:
    names = debian.missing(groups)
    if not names:
        return []
    said = f"Debian packages are missing: {' '.join(names)}"
    if not shutil.which("apt-get"):
        return [UserError(f"{said}; this machine has no apt-get", "install what they contain")]
    if os.geteuid() != 0:
        return [UserError(f"{said}; installing them takes root", debian.command(names))]
    return []


def _go(tools: list[Tool]) -> list[UserError]:
    needed = max(tool.go for tool in tools)
    wanted = ".".join(map(str, needed))
    hint = f"install Go {wanted} or newer (https://go.dev/doc/install) and put it on PATH"
    if not shutil.which("go"):
        return [UserError("Go is not installed, and the tools are built with it", hint)]
    said = subprocess.run(
        ["go", "env", "GOVERSION"],
        env={**os.environ, "GOTOOLCHAIN": "local"},
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.match(r"go(\d+(?:\.\d+)*)", said.stdout)
    if not found:
        return [UserError(f"go does not run: {(said.stderr or said.stdout).strip()}", hint)]
    if tuple(int(part) for part in found[1].split(".")) < needed:
        path = shutil.which("go")
        return [UserError(f"Go {found[1]} ({path}) is too old: {wanted} is needed", hint)]
    return []


def _disk(tools: list[Tool], groups: set[str]) -> list[UserError]:
    place = next(path for path in (CACHE, *CACHE.parents) if path.exists())
    whole = max((GROUPS[group] for group in groups), default=0) * _GIB
    needed = whole - size(CACHE) if whole else len(tools) * TOOL_DISK * _GIB
    free = shutil.disk_usage(place).free
    if free >= needed:
        return []
    return [
        UserError(
            f"{Path(place)} has {free / _GIB:.1f} GiB free, and {needed / _GIB:.1f} GiB are needed",
            "make room, or set RAYWORKS_CACHE to a folder on a larger disk",
        )
    ]
