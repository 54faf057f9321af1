"""How long a training waits for its workers, by the clock of the test."""

from __future__ import annotations

from typing import Any

import pytest
from ray.train import ControllerError, WorkerGroupError
from ray.train.v2._internal.exceptions import (
    WorkerGroupStartupFailedError,
    WorkerGroupStartupTimeoutError,
)
from ray.train.v2._internal.execution.controller.state import (
    FinishedState,
    InitializingState,
    ReschedulingState,
    RestartingState,
    RunningState,
    SchedulingState,
    ShuttingDownState,
    TrainControllerState,
)
from ray.train.v2._internal.execution.scaling_policy import NoopDecision

from rayworks.common import patience
from rayworks.common.patience import NoRoomError, Patience


class Clocked:
    """The controller's steps, each at a time of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.told: list[dict[str, Any]] = []
        self.tested = Patience(30.0, "ear", "2 workers with 1 CPU each")
        self.state: TrainControllerState = InitializingState()
        monkeypatch.setattr(patience.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(
            patience.cluster, "tell", lambda ear, event: self.told.append({"ear": ear, **event})
        )

    def step(self, at: float, state: TrainControllerState) -> None:
        self.now = at
        before, self.state = self.state, state
        self.tested.after_controller_state_update(before, state)


@pytest.fixture
def clocked(monkeypatch: pytest.MonkeyPatch) -> Clocked:
    return Clocked(monkeypatch)


def scheduling() -> TrainControllerState:
    return SchedulingState(NoopDecision())


def no_room() -> TrainControllerState:
    return ReschedulingState(ControllerError(WorkerGroupStartupTimeoutError(2)))


def lost() -> TrainControllerState:
    return RestartingState(WorkerGroupError("gone", {0: RuntimeError("gone")}))


def test_each_loss_has_the_whole_time(clocked: Clocked) -> None:
    clocked.step(0, scheduling())
    clocked.step(25, no_room())
    clocked.step(25, scheduling())
    clocked.step(29, RunningState())
    clocked.step(1000, RunningState())
    clocked.step(2000, lost())
    clocked.step(2000, scheduling())
    clocked.step(2010, no_room())
    clocked.step(2020, no_room())
    waiting = {"ear": "ear", "event": "waiting", "for": "2 workers with 1 CPU each"}
    assert clocked.told == [waiting, waiting], "once for each"
    with pytest.raises(NoRoomError, match="2 workers with 1 CPU each"):
        clocked.step(2030, no_room())


def test_an_elastic_training_that_stays_where_it_is(clocked: Clocked) -> None:
    clocked.step(0, lost())
    for second in range(1, 30):
        clocked.step(second, clocked.state)
    assert len(clocked.told) == 1
    with pytest.raises(NoRoomError):
        clocked.step(30, clocked.state)


def test_workers_that_cannot_start_have_room(clocked: Clocked) -> None:
    failed = ReschedulingState(ControllerError(WorkerGroupStartupFailedError("killed")))
    clocked.step(0, scheduling())
    clocked.step(20, failed)
    assert not clocked.told
    with pytest.raises(WorkerGroupStartupFailedError, match="killed"):
        clocked.step(40, failed)


def test_the_end_takes_as_long_as_it_takes(clocked: Clocked) -> None:
    clocked.step(0, RunningState())
    clocked.step(1, ShuttingDownState(FinishedState()))
    clocked.step(100, FinishedState())
    assert not clocked.told
