"""Lock files: a requirement without a hash, an address, and a lock that is behind are found."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from lib.paths import ROOT
from tools.locks import LOCKS
from versions.locks import faults

LOCK = "scripts/requirements.lock"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in LOCKS:
        for ending in (".in", ".lock"):
            target = tmp_path / f"{name}{ending}"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / f"{name}{ending}", target)
    return tmp_path


def test_nothing_is_wrong_with_the_locks() -> None:
    assert list(faults()) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (LOCK, r"^(click==\S+) \\\n(?:    --hash=\S+(?: \\)?\n)+", r"\1\n", "click has no hash"),
        (LOCK, r"\A", "--index-url https://example.com/simple\n", "is an address"),
        (LOCK, r"^click==\S+", "click @ https://example.com/click.whl", "is an address"),
        ("workloads/requirements.in", r"^httpx$", "httpx==99.0.0", "httpx==99.0.0, and "),
        ("requirements-dev.in", r"^mypy", "mypy\nno-such-package", "has none: make lock"),
    ],
)
def test_a_lock_that_does_not_hold_fast_is_found(
    copy: Path, file: str, old: str, new: str, said: str
) -> None:
    path = copy / file
    text = path.read_text()
    assert re.search(old, text, re.MULTILINE)
    path.write_text(re.sub(old, new, text, count=1, flags=re.MULTILINE))
    assert said in "\n".join(faults(copy))
