"""Which failures are worth another attempt, and what is said of them."""

from __future__ import annotations

import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import RayTaskError, UserCodeException
from ray.train import FailureConfig, WorkerGroupError
from ray.train.v2._internal.execution.failure_handling import FailureDecision

from rayworks.common.errors import UserError, told
from rayworks.common.storage import Store
from rayworks.common.trainer import Policy, _Pace, write_in_one_step
from rayworks.common.training import _reason

TRACEBACK = """Traceback (most recent call last):
  File "images.py", line 1, in each_decoded
rayworks.common.errors.UserError: b.jpg is corrupt: half of one

The above exception was the direct cause of the following exception:

ray.exceptions.UserCodeException: UDF failed to process a data block."""


def passed_on() -> Exception:
    """A UserError in a task of Ray Data, as it comes back."""
    error = RayTaskError("task", TRACEBACK, UserCodeException("UDF failed"), "ray::task", 1, "ip")
    back = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert isinstance(back, Exception)
    return back


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (UserError("b.jpg is corrupt: half of one"), "b.jpg is corrupt: half of one"),
        (passed_on(), "b.jpg is corrupt: half of one"),
        (OSError(28, "full"), "a worker has no space left to write to: full"),
    ],
)
def test_what_a_user_has_to_mend_is_not_tried_again(error: Exception, message: str) -> None:
    assert told(error) == message
    assert told(OSError(5, "once")) is None
    both = WorkerGroupError("two", {0: ConnectionError("peer is gone"), 1: error})
    policy = Policy(FailureConfig(max_failures=3))
    assert policy.make_decision(both) == FailureDecision.RAISE
    assert _reason(both) == message


def test_lost_workers_are_replaced_as_often_as_is_said() -> None:
    lost = WorkerGroupError("one", {1: ConnectionError("peer is gone")})
    assert told(lost.worker_failures[1]) is None
    policy = Policy(FailureConfig(max_failures=2))
    decisions = [policy.make_decision(lost) for _ in range(3)]
    assert decisions == [FailureDecision.RETRY, FailureDecision.RETRY, FailureDecision.RAISE]
    assert _reason(lost) == "rank 1: peer is gone"


def intervals(pace: _Pace, *reported: bool) -> list[float]:
    """Seconds until the next look, after each of these."""
    found = []
    for report in reported:
        worker = SimpleNamespace(training_report="numbers" if report else None)
        pace.after_worker_group_poll_status(SimpleNamespace(worker_statuses={0: worker}))
        found.append(round(pace.controller._health_check_interval_s, 3))
    return found


def test_workers_are_looked_after_as_often_as_they_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.2")
    pace: Any = _Pace()
    pace.controller = SimpleNamespace(_health_check_interval_s=0.2)
    silent = intervals(pace, *[False] * 12)
    assert silent == sorted(silent)
    assert silent[-1] == 1.0
    assert intervals(pace, True, False, True) == [0.2, 0.24, 0.2]
    busy = intervals(pace, *[True] * 6)
    assert busy == [0.1, 0.05, 0.025, 0.025, 0.025, 0.025]
    assert intervals(pace, False, True, False) == [0.03, 0.03, 0.036]
    monkeypatch.setenv("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "5")  # a user's
    pace.controller = SimpleNamespace(_health_check_interval_s=5.0)
    assert intervals(pace, False, False) == [5.0, 5.0]


def test_the_list_of_checkpoints_is_whole_at_all_times(tmp_path: Path) -> None:
    file = tmp_path / "checkpoints" / "checkpoint_manager_snapshot.json"
    file.parent.mkdir()
    file.write_text("before")
    manager: Any = SimpleNamespace(
        _storage_context=SimpleNamespace(checkpoint_manager_snapshot_path=str(file)),
        _save_state=lambda: "after",
    )
    write_in_one_step(manager, Store(str(tmp_path), read_only=True))
    with file.open() as reader:
        manager._write_state_to_storage()
        assert reader.read() == "before"
    assert file.read_text() == "after"
    assert list(file.parent.iterdir()) == [file]
