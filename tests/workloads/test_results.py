"""What `make run` fetches of a run, here from a folder; in test_s3.py from an object store."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from rayworks.common.storage import Store


def results(*names: str) -> subprocess.CompletedProcess[bytes]:
    """What the command answers that `make run` fetches results by."""
    command = [sys.executable, "-m", "rayworks.common.results", *names]
    return subprocess.run(command, capture_output=True, check=False)


def test_results_come_as_an_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_PATH", f"{tmp_path}/")
    monkeypatch.setenv("RUN_NAME", "run")
    store = Store(str(tmp_path / "run"))
    store.write_json("result.json", {"a": 1})
    store.write("empty", b"")
    done = results("result.json", "empty")
    assert done.returncode == 0, done.stderr
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        assert archive.getnames() == ["result.json", "empty"]
        archive.extractall(tmp_path / "there", filter="data")
    assert Store(str(tmp_path / "there")).read_json("result.json") == {"a": 1}
    missing = results("empty", "none.png")
    assert missing.returncode == 1
    assert missing.stderr.decode() == f"error: {tmp_path}/run/none.png is not there\n"
