"""What cannot be written is said, and takes nothing with it."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from running import starter

from rayworks.common import cluster
from rayworks.common.errors import UserError
from rayworks.common.progress import Event
from rayworks.common.storage import Store
from rayworks.common.tracking import Tracking


class Full:
    """A file system without room: whoever writes has opened the file, and gets no further."""

    def __init__(self, inner: Any, number: int = errno.ENOSPC) -> None:
        self.inner, self.number = inner, number

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def open_output_stream(self, path: str) -> Any:
        self.inner.open_output_stream(path).close()
        raise OSError(self.number, os.strerror(self.number))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(str(tmp_path / "run"))
    store.write("result.json", b"before")
    return store


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MB."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", place]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def fill(disk: Path) -> None:
    """Leave no block free."""
    free = os.statvfs(disk)
    with (disk / "filler").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize)


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "storage {} has no space left"),
        (errno.EDQUOT, "storage {} has no space left"),
        (errno.EIO, "storage {} does not take result.json: [Errno 5] Input/output error"),
    ],
)
def test_a_write_that_fails_leaves_what_was_there(
    store: Store, number: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_fs", Full(store._fs, number))
    with pytest.raises(UserError) as caught:
        store.write("result.json", b"after")
    assert caught.value.message == message.format(store.uri)
    assert caught.value.hint
    assert [path.name for path in Path(store.uri).iterdir()] == ["result.json"]
    assert store.read("result.json") == b"before"


def test_a_full_disk_is_found_out_at_once(small: Path) -> None:
    store = Store(str(small / "run"))
    store.write("result.json", b"before")
    fill(small)
    with pytest.raises(UserError, match="has no space left"):
        store.write("other", bytes(8192))
    with pytest.raises(UserError, match="has no space left"):
        Store(str(small / "run"))
    assert [path.name for path in Path(store.uri).iterdir()] == ["result.json"]


def test_a_run_without_space_ends_in_two_lines_and_leaves_the_last_result(
    command: Callable[..., Result], idx_folder: Path, small: Path
) -> None:
    options = ["--num-workers", 0, "--data-dir", idx_folder, "--storage-path", small]
    assert command(*options, "--epochs", 1).exit_code == 0
    run = small / "fashion-mnist"
    before = (run / "result.json").read_bytes()
    fill(small)
    done = command(*options, "--epochs", 2)
    assert done.exit_code == 1
    assert done.stderr.splitlines() == [
        f"error: storage {run} has no space left",
        "try:   free some there, or --storage-path with another folder",
    ]
    assert (run / "result.json").read_bytes() == before
    shutil.rmtree(run)
    (small / "filler").write_bytes(bytes(12 * 2**20))  # what is left is less than a state takes
    done = command(*options, "--epochs", 2)
    assert done.exit_code == 1
    assert done.stderr.startswith(f"error: storage {run} has no space left\n")
    assert not list(small.rglob("*.part"))
    (small / "filler").unlink()
    assert command(*options, "--epochs", 2).exit_code == 0


@pytest.mark.cluster
@pytest.mark.full
@pytest.mark.timeout(300)
def test_a_checkpoint_without_space_ends_a_run_on_ray_at_once(small: Path) -> None:
    with starter("fashion-mnist", "--dataset", "digits", "--storage-path", small) as start:
        (small / "filler").write_bytes(bytes(12 * 2**20))  # what is left is less than a state takes
        process = start("--epochs", 2)
        said, errors = process.communicate(timeout=200)
        assert process.returncode == 1
        error = "error: training failed: a worker has no space left to write to: "
        assert errors.splitlines()[-2].startswith(error)
        assert "No space left on device" in errors
        assert "Traceback" not in errors
        assert said.count('"first_step"') == 1, "it was tried again"
        (small / "filler").unlink()
        process = start("--epochs", 2)
        said, errors = process.communicate(timeout=200)
        assert process.returncode == 0, errors


def epoch(number: int) -> Event:
    return {"event": "epoch", "epoch": number, "loss": 1 / number}


def test_an_epoch_that_cannot_be_written_is_written_with_the_next(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[Event] = []
    with Tracking(store, "digits", "first", events.append) as tracking:
        tracking.epoch(epoch(1))
        with monkeypatch.context() as patch:
            patch.setattr(store, "_fs", Full(store._fs))
            tracking.epoch(epoch(2))
            tracking.epoch(epoch(3))
        assert [kept["epoch"] for kept in store.read_json("metrics.json") or []] == [1]
        tracking.epoch(epoch(4))
        assert [kept["epoch"] for kept in store.read_json("metrics.json") or []] == [1, 2, 3, 4]
    assert [event["event"] for event in events] == ["metrics", "metrics"]
    assert "no space left" in events[0]["state"]


def test_epochs_that_cannot_be_written_to_the_end_are_an_error(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_fs", Full(store._fs))

    def train() -> None:
        with Tracking(store, "digits", "first", lambda event: None) as tracking:
            tracking.epoch(epoch(1))

    with pytest.raises(UserError, match="no space left"):
        train()


def test_an_event_that_cannot_be_told_keeps_back_none_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept: dict[str, str] = {}
    for name, fake in {
        "_internal_kv_put": kept.__setitem__,
        "_internal_kv_get": kept.__getitem__,
        "_internal_kv_del": kept.__delitem__,
        "_internal_kv_list": lambda prefix: [key for key in kept if key.startswith(prefix)],
    }.items():
        monkeypatch.setattr(cluster.internal_kv, name, fake)
    heard: list[int] = []

    def emit(event: Event) -> None:
        if event["epoch"] == 1:
            raise OSError(errno.EIO, "once")
        heard.append(event["epoch"])

    def train() -> None:
        with cluster.heard(emit) as ear:
            for number in (1, 2, 3):
                cluster.tell(ear, epoch(number))

    with pytest.raises(OSError, match="once"):
        train()
    assert heard == [2, 3]
    assert not kept


def test_a_run_goes_on_when_nobody_reads_what_it_prints() -> None:
    code = """
from rayworks.common.progress import Lines
lines = Lines()
lines.emit({"event": "first"})
input()
for number in range(9999):
    lines.emit({"event": "next", "number": number})
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin
    assert process.stdout
    assert json.loads(process.stdout.readline())["event"] == "first"
    process.stdout.close()
    process.stdin.write(b"\n")
    process.stdin.close()
    assert process.wait(timeout=60) == 0, process.stderr and process.stderr.read()


def test_a_uri_with_a_query_is_refused() -> None:
    uri = "s3://bucket/folder?endpoint_override=127.0.0.1:9"
    with pytest.raises(UserError, match=r"storage s3://.*/run has a query") as caught:
        Store(f"{uri}/run")
    assert "AWS_ENDPOINT_URL" in (caught.value.hint or "")
