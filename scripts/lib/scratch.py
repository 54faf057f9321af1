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
from unittest.mock import patch

#: Variables that say where temporary things lie, and the folder in ours; RAY_TMPDIR goes before
#: the first.
PLACES = {"TMPDIR": "", "KUBECACHEDIR": "kube", "MPLCONFIGDIR": "matplotlib"}


@contextlib.contextmanager
def temporary_files_removed() -> Iterator[Path]:
    """Have temporary files, also of processes started meanwhile, in a folder that is removed.

    Yields:
        The folder. Its path is short, since those of sockets (107 bytes at most) begin with it.
    """
    # What is killed may write for a moment yet.
    with tempfile.TemporaryDirectory(prefix="rw-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o1777)  # as /tmp: what runs as another user has a place in it, too
        places = {name: str(Path(folder, place)) for name, place in PLACES.items()}
        with patch.dict(os.environ, places), patch.object(tempfile, "tempdir", folder):
            os.environ.pop("RAY_TMPDIR", None)
            yield Path(folder)
