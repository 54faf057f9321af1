"""A folder that outlives the cluster: a path, or a URI of an object store."""

from __future__ import annotations

import contextlib
import json
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

from pyarrow import fs  # type: ignore[import-untyped]

from rayworks.common.errors import NO_SPACE, UserError

#: What a folder is tried with: a block. A full disk takes a file of nothing.
TRIAL = bytes(4096)


class Store:
    """Files under one folder; small ones are written so that a reader never sees half of one.

    Args:
        root: a path, or a URI that pyarrow knows (`s3://`, `gs://`, `abfs://` …).
        read_only: who only reads needs no right to write.

    Raises:
        UserError: the URI cannot be understood or has a query, or nothing can be written there.
    """

    def __init__(self, root: str, *, read_only: bool = False) -> None:
        if "://" in root and "?" in root:
            raise UserError(
                f"storage {root} has a query, behind which no run can have its folder",
                "variables in its place, such as AWS_ENDPOINT_URL and AWS_REGION",
            )
        try:
            if "://" in root:
                self._fs, self._root = fs.FileSystem.from_uri(root)
            else:
                self._fs, self._root = fs.LocalFileSystem(), str(Path(root).expanduser().resolve())
        except (OSError, ValueError) as error:
            raise UserError(
                f"storage {root} cannot be reached: {error}",
                "--storage-path with a folder, or a URI such as s3://bucket/folder",
            ) from error
        self.uri = root if "://" in root else self._root
        self._local = isinstance(self._fs, fs.LocalFileSystem)
        if read_only:
            return
        try:
            self._put(marker := f".writable-{uuid.uuid4().hex}", TRIAL)
            self._fs.delete_file(f"{self._root}/{marker}")
        except OSError as error:
            raise self._refused("is not writable", error) from error

    def __str__(self) -> str:
        return self.uri

    def path(self, name: str) -> str:
        """Path or URI of a file, for people and for Ray."""
        return f"{self.uri}/{name}"

    def write(self, name: str, data: bytes) -> None:
        """Write a file in one step: on a disk by rename, in an object store by its nature.

        Raises:
            UserError: it cannot be written; what was there before is there still.
        """
        try:
            self._put(name, data)
        except OSError as error:
            raise self._refused(f"does not take {name}", error) from error

    def _put(self, name: str, data: bytes) -> None:
        path = f"{self._root}/{name}"
        if not self._local:
            with self._fs.open_output_stream(path) as stream:
                stream.write(data)
            return
        self._fs.create_dir(str(Path(path).parent), recursive=True)
        part = f"{path}.{uuid.uuid4().hex}.part"
        try:
            with self._fs.open_output_stream(part) as stream:
                stream.write(data)
            self._fs.move(part, path)
        except OSError:
            with contextlib.suppress(OSError):
                self._fs.delete_file(part)
            raise

    def _refused(self, what: str, error: OSError) -> UserError:
        if error.errno in NO_SPACE:
            return UserError(
                f"storage {self.uri} has no space left",
                "free some there, or --storage-path with another folder",
            )
        return UserError(
            f"storage {self.uri} {what}: {error}",
            "--storage-path with a folder that this user may write to",
        )

    def stream(self, name: str) -> Any:
        """A file to be written bit by bit, to be closed; a reader may see part of it until then."""
        path = f"{self._root}/{name}"
        if self._local:
            self._fs.create_dir(str(Path(path).parent), recursive=True)
        return self._fs.open_output_stream(path)

    def write_json(self, name: str, value: Any) -> None:
        """Write a value as indented JSON."""
        self.write(name, (json.dumps(value, indent=2) + "\n").encode())

    def read(self, name: str) -> bytes | None:
        """The file's content; None when there is no such file."""
        path = f"{self._root}/{name}"
        if self._fs.get_file_info(path).type == fs.FileType.NotFound:
            return None
        with self._fs.open_input_stream(path) as stream:
            return bytes(stream.read())

    def read_json(self, name: str) -> Any | None:
        """The file's JSON value; None when there is no such file."""
        data = self.read(name)
        return None if data is None else json.loads(data)

    def modified(self, name: str) -> datetime | None:
        """When the file was last written; None when there is no such file."""
        written: datetime | None = self._fs.get_file_info(f"{self._root}/{name}").mtime
        return written

    def delete(self, name: str) -> None:
        """Remove a file or a folder with all that is in it, if it is there."""
        path = f"{self._root}/{name}"
        kind = self._fs.get_file_info(path).type
        if kind == fs.FileType.Directory:
            self._fs.delete_dir(path)
        elif kind == fs.FileType.File:
            self._fs.delete_file(path)
