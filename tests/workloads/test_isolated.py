"""A function in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from rayworks.common import isolated
from rayworks.common.errors import UserError

HERE = str(Path(__file__).parent)


@pytest.fixture(autouse=True)
def this_module_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(HERE)


def halve(ask: isolated.Ask, number: int) -> tuple[int, int]:
    """Asks for a half."""
    return os.getpid(), ask("half", number)


def fail(ask: isolated.Ask) -> None:
    """Fails in a way that tells the user what to do."""
    print("a word for the log")
    raise UserError("no such thing", "another one")


def chat(ask: isolated.Ask, heard: Path) -> list[int]:
    """Tells faster than anyone listens."""
    for number in range(3):
        ask.tell("say", number)
    heard.touch()  # what `say` waits for: whoever waited for `say` would never come here
    numbers: list[int] = ask("said")
    return numbers


def wait(ask: isolated.Ask) -> None:
    """Tells its number and never ends."""
    ask("here", os.getpid())
    time.sleep(1000)


def linger(ask: isolated.Ask) -> str:
    """Returns, and leaves a thread that goes on."""
    threading.Thread(target=time.sleep, args=(1000,)).start()
    return "done"


def leave(ask: isolated.Ask, code: int) -> None:
    """Ends without a word."""
    os._exit(code)


def test_it_asks_and_returns() -> None:
    pid, half = isolated.run(halve, 42, answers={"half": lambda number: number // 2})
    assert half == 21
    assert pid != os.getpid()
    assert not psutil.pid_exists(pid)


def test_what_it_tells_comes_in_order_and_is_not_waited_for(tmp_path: Path) -> None:
    said: list[int] = []
    go = tmp_path / "go"

    def say(number: int) -> None:
        for _ in range(1000):
            if go.exists():
                break
            time.sleep(0.01)
        assert go.exists()
        said.append(number)

    assert isolated.run(chat, go, answers={"say": say, "said": lambda: said}) == [0, 1, 2]


def test_what_it_raises_is_raised_here(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match="no such thing") as caught:
        isolated.run(fail, answers={})
    assert caught.value.hint == "another one"
    assert "in fail" in caught.value.__notes__[0]
    assert capfd.readouterr().out == "a word for the log\n"


def test_a_thread_that_goes_on_does_not_hold_it_up() -> None:
    assert isolated.run(linger, answers={}) == "done"


def test_an_answer_that_fails_ends_it() -> None:
    pids = []

    def answer(pid: int) -> None:
        pids.append(pid)
        raise KeyError("no answer")

    with pytest.raises(KeyError, match="no answer"):
        isolated.run(wait, answers={"here": answer})
    assert not psutil.pid_exists(pids[0])


def test_a_process_that_ends_before_its_time() -> None:
    with pytest.raises(ChildProcessError, match="exit code 3"):
        isolated.run(leave, 3, answers={})
    with pytest.raises(ChildProcessError, match="by SIGKILL"):
        isolated.run(wait, answers={"here": lambda pid: os.kill(pid, 9)})


def test_it_ends_with_the_one_that_started_it() -> None:
    code = (
        "from rayworks.common import isolated; import test_isolated\n"
        "say = lambda pid: print(pid, flush=True)\n"
        "isolated.run(test_isolated.wait, answers={'here': say})"
    )
    starter = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=HERE)
    assert starter.stdout is not None
    with starter:
        process = psutil.Process(int(starter.stdout.readline()))
        starter.kill()
    assert psutil.wait_procs([process], timeout=10)[1] == []
