"""A temporary folder for a command and all that it starts, which goes with it.

Programs leave things in the temporary folder: Ray its sessions, one that is killed all that it had.
Some have a place of their own in the user's home.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

#: Variables that say where temporary things lie, and the folder in ours; RAY_TMPDIR goes before
#: the first.
PLACES = {"TMPDIR": "", "KUBECACHEDIR": "kube", "MPLCONFIGDIR": "matplotlib"}


@contextlib.contextmanager
def temporary_files_removed() -> Iterator[Path]:
    """Have temporary files, also of processes started meanwhile, in a folder that is removed.

    Yields:
        The folder. Its path is short, since those of sockets (107 bytes at most) begin with it.
    """
    before = {name: os.environ.pop(name, None) for name in ("RAY_TMPDIR", *PLACES)}
    told = tempfile.tempdir
    # What is killed may write for a moment yet.
    with tempfile.TemporaryDirectory(prefix="rw-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o1777)  # as /tmp: what runs as another user has a place in it, too
        os.environ |= {name: str(Path(folder, place)) for name, place in PLACES.items()}
        tempfile.tempdir = folder
        try:
            yield Path(folder)
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
            tempfile.tempdir = told
