"""Where downloaded weights are kept."""

from __future__ import annotations

import os
from pathlib import Path

#: Library → its own variable for the place.
VARIABLES = {"huggingface": "HF_HOME", "torch": "TORCH_HOME"}


def folder(library: str, storage_path: str) -> Path | None:
    """A folder on the shared storage, which is filled once for all runs and nodes.

    Args:
        library: a key of VARIABLES.
        storage_path: of the runs.

    Returns:
        None, the library's own place, where its variable says so or the storage is no folder.
    """
    if VARIABLES[library] in os.environ or "://" in storage_path:
        return None
    return Path(storage_path).expanduser().resolve() / "cache" / library
