"""A function in a process of its own, that can ask the one which started it.

A Ray worker's threads take Python's lock some hundred times a second, and each time a training loop
beside them has to wait to get it back: 4 % of the throughput with steps of 4 ms. Nothing of Ray
runs in this process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any


class Ask:
    """How the function reaches the process that started it."""

    def __init__(self, connection: Connection, answers: SimpleQueue[Any]) -> None:
        self._connection, self._answers = connection, answers

    def __call__(self, name: str, *values: object) -> Any:
        """What answers[name](*values) returns there."""
        self._connection.send(("ask", name, values))
        return self._answers.get()

    def tell(self, name: str, *values: object) -> None:
        """Have answers[name](*values) called there, after all that was asked or told before.

        Nobody waits for it: an answer comes some milliseconds late from a process that shares its
        core with a training loop. Twice a second, that was 2 to 4 % of the throughput.
        """
        self._connection.send(("tell", name, values))


def run(
    function: Callable[..., Any], *args: object, answers: Mapping[str, Callable[..., Any]]
) -> Any:
    """Call function(ask, *args) there, and return or raise what it does.

    All that passes is pickled. The process ends with this one, however this one ends.

    Args:
        function: of a module, so that the process can import it.
        args: its arguments after ask.
        answers: what `ask(name, *values)` and `ask.tell(name, *values)` call here.

    Raises:
        ChildProcessError: the process ended before the function did.
    """
    here, there = Pipe()
    with here:
        with there:
            # Not by multiprocessing: it would import the main module, which is Ray's worker, again.
            process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(there.fileno())],
                pass_fds=[there.fileno()],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                # A desktop's kernel shares the cores out among sessions, not among processes.
                start_new_session=True,
            )
        try:
            _send(here, (function, args))
            while True:
                match _receive(here, process):
                    case "ask", name, values:
                        _send(here, answers[name](*values))
                    case "tell", name, values:
                        answers[name](*values)
                    case "return", value:
                        return value
                    case "raise", error:
                        raise error
        finally:
            here.close()  # ends the process, unless it has ended
            process.wait()


def _send(connection: Connection, value: object) -> None:
    with contextlib.suppress(ConnectionError):  # _receive says what became of the process
        connection.send(value)


def _receive(connection: Connection, process: subprocess.Popen[bytes]) -> Any:
    try:
        return connection.recv()
    except (EOFError, ConnectionError):
        code = process.wait()
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        raise ChildProcessError(f"the process of the training loop was ended {how}") from None


def _main(connection: Connection) -> None:
    """The other side."""
    function, args = connection.recv()
    answers: SimpleQueue[Any] = SimpleQueue()

    def listen() -> None:
        with contextlib.suppress(EOFError, ConnectionError):
            while True:
                answers.put(connection.recv())
        # The other side has the result, or is gone. Whatever else runs here, threads of libraries
        # too, is of no more use.
        os._exit(0)

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    said: tuple[str, Any]
    try:
        said = "return", function(Ask(connection, answers), *args)
    except Exception as error:
        error.add_note(traceback.format_exc())
        said = "raise", error
    sys.stdout.flush()
    sys.stderr.flush()
    connection.send(said)
    listener.join()


if __name__ == "__main__":
    _main(Connection(int(sys.argv[1])))
