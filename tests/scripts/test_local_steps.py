import graphlib
import threading

import pytest

from local import steps
from local.steps import Step


def test_a_step_begins_after_what_it_needs() -> None:
    order: list[str] = []
    steps.run(
        {
            "third": Step(lambda _: order.append("third"), ["second"]),
            "second": Step(lambda _: order.append("second"), ["first"]),
            "first": Step(lambda _: order.append("first")),
        }
    )
    assert order == ["first", "second", "third"]


def test_steps_that_need_nothing_of_each_other_run_side_by_side() -> None:
    # each waits for the other: one after the other would never end
    meeting = threading.Barrier(2, timeout=30)
    steps.run({name: Step(lambda _: meeting.wait() and None) for name in "ab"})


def test_a_failure_is_raised_and_interrupts_the_rest() -> None:
    interrupted = threading.Event()
    begun = threading.Event()

    def waits(stop: threading.Event) -> None:
        begun.set()
        try:
            steps.until(lambda: False, stop, 30)
        except steps.StoppedError:
            interrupted.set()
            raise

    def fails(_: threading.Event) -> None:
        begun.wait(30)
        raise ValueError("broken")

    never: list[str] = []
    with pytest.raises(ValueError, match="broken"):
        steps.run(
            {
                "waits": Step(waits),
                "fails": Step(fails),
                "after": Step(lambda _: never.append("after"), ["fails"]),
            }
        )
    assert interrupted.is_set()
    assert never == []


def test_a_circle_is_refused() -> None:
    with pytest.raises(graphlib.CycleError):
        steps.run({"a": Step(lambda _: None, ["b"]), "b": Step(lambda _: None, ["a"])})


def test_until_gives_up_after_its_time() -> None:
    assert not steps.until(lambda: False, threading.Event(), 0.0)
    assert steps.until(lambda: True, threading.Event(), 0.0)
