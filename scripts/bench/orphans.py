"""An end for what outlives the contender that started it.

Ctrl-C and `timeout` send their signal to all processes of a group. It ends a contender's Ray, but
not the workers, which have a session of their own: frozen and without a parent, they would stay for
ever.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator

import psutil

#: Of prctl(2): processes that lose their parent become children of this one, not of init.
PR_SET_CHILD_SUBREAPER = 36


@contextlib.contextmanager
def ended() -> Iterator[None]:
    """End, after the block, all processes that were started in it."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        left = psutil.Process().children(recursive=True)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=10)
