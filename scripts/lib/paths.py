"""Where things lie: the checkout, and the user-level cache that checkouts share."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

#: Links to the pinned command-line tools, made by `make tools`.
TOOLS_BIN = ROOT / ".tools" / "bin"

#: State of the local cluster: keys, database, logs, volumes. Removed by `make cluster-down`.
LOCAL = ROOT / ".local"


def _cache() -> Path:
    if explicit := os.environ.get("RAYWORKS_CACHE"):
        return Path(explicit).expanduser().resolve()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return (Path(base).expanduser() / "rayworks").resolve()


#: What is dear to make (tools, downloads, image layers), keyed by version.
CACHE = _cache()


def kube_cache(kubeconfig: Path) -> Path:
    """Where kubectl and Helm keep what a cluster has told them, to be removed with it.

    Theirs is in the user's home, where it would stay.
    """
    return kubeconfig.with_suffix(".cache")


def tool(name: str) -> str:
    """Path of a pinned tool, as a string for a command line."""
    return str(TOOLS_BIN / name)
