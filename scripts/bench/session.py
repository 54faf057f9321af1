"""The same turns at the processor for all contenders."""

from __future__ import annotations

import os


def own_session() -> None:
    """Leave the session of the Ray that started this worker.

    A desktop kernel (autogroup) gives each session its share, so that workers of one session get
    in each other's way. In pods each has a control group, and torchrun gives each a session: two
    plain ranks reach 290 steps/s so, and 268 in one session (medians of 6 turns, 2 cores).
    """
    os.setpgid(0, os.getpgid(os.getppid()))  # the leader of a process group could not leave
    os.setsid()
