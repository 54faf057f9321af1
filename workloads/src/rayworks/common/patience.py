"""How long a training may be without its workers."""

from __future__ import annotations

import time

from ray.train.v2._internal.exceptions import WorkerGroupStartupFailedError
from ray.train.v2._internal.execution.callback import ControllerCallback
from ray.train.v2._internal.execution.controller.state import (
    InitializingState,
    ReschedulingState,
    ResizingState,
    RestartingState,
    SchedulingState,
    TrainControllerState,
)

from rayworks.common import cluster

#: Seconds without room after which that is told.
SILENT = 2.0


#: Where the controller is while there are no workers.
WITHOUT = (InitializingState, SchedulingState, ReschedulingState, RestartingState, ResizingState)


class NoRoomError(Exception):
    """The workers have not found room in the time that they have for it."""


class Patience(ControllerCallback):
    """Ends a training whose workers find no room, at its start or after a loss.

    Ray Train would try for ever. Called by its controller, in the controller's process, after each
    step that it takes; while workers are to start, one takes RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S
    at most.

    Args:
        seconds: how long there may be no workers.
        ear: the name for `cluster.tell`.
        wanted: what is waited for, in words.
    """

    def __init__(self, seconds: float, ear: str, wanted: str) -> None:
        self._seconds, self._ear, self._wanted = seconds, ear, wanted
        self._since: float | None = None
        self._told = False

    def after_controller_state_update(
        self, previous_state: TrainControllerState, current_state: TrainControllerState
    ) -> None:
        """Count the time since workers ran.

        Raises:
            NoRoomError: it is over.
            WorkerGroupStartupFailedError: it is over, but there was room: they cannot start.
        """
        if not isinstance(current_state, WITHOUT):
            self._since, self._told = None, False
            return
        now = time.monotonic()
        if self._since is None:
            self._since = now
        failure = None
        if isinstance(current_state, ReschedulingState):
            failure = getattr(current_state.training_failed_error, "controller_failure", None)
        started = isinstance(failure, WorkerGroupStartupFailedError)
        if now - self._since >= max(self._seconds, SILENT):
            raise failure if failure is not None and started else NoRoomError(self._wanted)
        if now - self._since >= SILENT and not self._told and not started:
            self._told = True
            cluster.tell(self._ear, {"event": "waiting", "for": self._wanted})
