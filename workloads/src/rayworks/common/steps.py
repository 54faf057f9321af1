"""A run of several steps: what is done is not done again.

steps.json in the run's folder: each step that is done → what it brought (JSON). Like all that an
unfinished run has reached, `training.begun` clears it when settings differ or a new run begins.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rayworks.common.progress import Emit
from rayworks.common.storage import Store

STEPS = "steps.json"


class Steps:
    """The steps of one run.

    Args:
        store: the run's folder.
        emit: is told of each step: `again` when it was done before.
    """

    def __init__(self, store: Store, emit: Emit) -> None:
        self._store, self._emit = store, emit
        self._done: dict[str, Any] = store.read_json(STEPS) or {}

    def run(self, name: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What the step brings, from work or from an earlier attempt.

        Args:
            name: of the step.
            work: does it, and can begin anew where an earlier attempt was cut off; returns JSON.
        """
        if again := name in self._done:
            outcome: dict[str, Any] = self._done[name]
        else:
            started = time.time()
            outcome = {**work(), "seconds": round(time.time() - started, 3)}
            self._done[name] = outcome
            self._store.write_json(STEPS, self._done)
        short = {k: v for k, v in outcome.items() if isinstance(v, int | float | str)}
        self._emit({"event": "step_done", "step": name, "again": again, **short})
        return outcome
