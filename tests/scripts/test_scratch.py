"""The temporary folder of a command and all that it starts."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from lib.scratch import PLACES, temporary_files_removed

KEEPS = "import tempfile; print(tempfile.mkdtemp())"


def test_what_a_process_leaves_goes_also_when_something_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RAY_TMPDIR", "/elsewhere")
    monkeypatch.delenv("TMPDIR", raising=False)
    usual = tempfile.gettempdir()
    folders = []

    def fail() -> None:
        with temporary_files_removed() as folder:
            folders.append(folder)
            mine = Path(tempfile.mkdtemp())
            theirs = Path(subprocess.check_output([sys.executable, "-c", KEEPS], text=True).strip())
            assert mine.parent == theirs.parent == folder
            assert "RAY_TMPDIR" not in os.environ
            assert all(Path(os.environ[name]).is_relative_to(folder) for name in PLACES)
            assert stat.filemode(folder.stat().st_mode) == "drwxrwxrwt"  # for other users, too
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not folders[0].exists()
    assert os.environ["RAY_TMPDIR"] == "/elsewhere"
    assert "TMPDIR" not in os.environ
    assert tempfile.gettempdir() == usual
