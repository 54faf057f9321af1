"""Lock files: every requirement by hash, none by address, and what is asked for is in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lib.paths import ROOT
from tools.locks import LOCKS

#: A requirement of a lock, with what is behind it up to the next.
_BLOCK = re.compile(r"^([A-Za-z0-9][^\s;=]*)==([^\s;]+)(.*(?:\n[ \t].*)*)", re.MULTILINE)


def faults(root: Path = ROOT) -> Iterator[str]:
    """What is wrong with the lock files, a line each."""
    for name in LOCKS:
        file, source = f"{name}.lock", f"{name}.in"
        text = (root / file).read_text()
        pinned: dict[str, str] = {}
        for package, version, rest in _BLOCK.findall(text):
            pinned[canonicalize_name(package)] = version
            if "--hash=sha256:" not in rest:
                yield f"{file}: {package} has no hash: make lock"
        for line in text.splitlines():
            if "://" in line.partition("#")[0] or line.startswith(("--index", "--extra", "--find")):
                yield f"{file}: {line.strip()!r} is an address: only versions and hashes go in"
        for line in (root / source).read_text().splitlines():
            wanted = line.partition("#")[0].strip()
            if not wanted or wanted.startswith("-"):
                continue
            one = Requirement(wanted)
            found = pinned.get(canonicalize_name(one.name))
            if found is None or found not in one.specifier:
                yield f"{source}: {wanted}, and {file} has {found or 'none'}: make lock"
