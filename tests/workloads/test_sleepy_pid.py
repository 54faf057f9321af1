"""What the watch of sleepy-pid makes of answers and failures: no Ray."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from rayworks.sleepy_pid.app import app
from rayworks.sleepy_pid.watch import Answer, Watch


def answers(pid: int, first: float, last: float, step: float = 0.5) -> list[Answer]:
    count = round((last - first) / step) + 1
    return [Answer(first + i * step, first + i * step + 0.01, pid) for i in range(count)]


def test_the_arguments_of_the_application_are_checked() -> None:
    assert app({"startup_seconds": 2}) is not None
    for wrong in ({"startup_seconds": -1}, {"startup": 2}):
        with pytest.raises(ValidationError, match="startup"):
            app(wrong)


def test_a_replica_that_is_replaced() -> None:
    watched = Watch([*answers(1, 0, 30), *answers(2, 0, 10), *answers(3, 13, 30)])
    report = watched.report(30.5)
    assert report["failures"] == 0
    assert report["pids"] == [1, 2, 3]
    assert report["longest_gap_s"] == pytest.approx(0.5)
    assert report["outages"] == []
    assert report["replacements"] == [{"lost": 2, "at_s": 10.01, "by": 3, "took_s": 3.0}]


def test_a_replica_that_is_not_replaced() -> None:
    report = Watch([*answers(1, 0, 30), *answers(2, 0, 10)]).report(30)
    assert report["replacements"] == [{"lost": 2, "at_s": 10.01, "by": None, "took_s": None}]


def test_an_outage_lasts_until_an_answer() -> None:
    failed = [Answer(10 + i, 10.5 + i, error="ConnectError") for i in range(4)]
    late = Answer(30, 30.1, error="HTTP 503")
    watched = Watch([*answers(1, 0, 9), *failed, *answers(1, 14, 29), late])
    report = watched.report(31)
    assert report["requests"] == 19 + 4 + 31 + 1
    assert report["failures"] == 5
    assert report["errors"] == {"ConnectError": 4, "HTTP 503": 1}
    assert report["outages"] == [
        {"at_s": 10, "failures": 4, "recovered_s": 4.01},
        {"at_s": 30, "failures": 1, "recovered_s": None},
    ]
    assert report["longest_gap_s"] == pytest.approx(5.0)


@pytest.fixture
def endpoint() -> Iterator[str]:
    """Answers 7 to every other request, and 500 to the others."""
    count = iter(range(10**6))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            good = next(count) % 2 == 0
            self.send_response(200 if good else 500)
            self.end_headers()
            self.wfile.write(b"7" if good else b"no")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def watch(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rayworks", "sleepy-pid", "watch", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_command_reports_in_one_line(endpoint: str) -> None:
    done = watch(endpoint, "--seconds", "1", "--interval", "0.1")
    assert done.returncode == 0, done.stderr
    *lines, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["error"] for line in lines if line["event"] == "failure"] == ["HTTP 500"] * 5
    assert [line["pid"] for line in lines if line["event"] == "replica"] == [7]
    assert (last["requests"], last["failures"]) == (10, 5)
    # Not how many outages: on a busy machine two requests may arrive in the other order.
    assert sum(outage["failures"] for outage in last["outages"]) == 5


def test_an_endpoint_that_is_not_there() -> None:
    done = watch("http://127.0.0.1:1/", "--seconds", "0.2")
    assert done.returncode == 1
    assert "error: http://127.0.0.1:1/ never answered: ConnectError" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("127.0.0.1:8000",), "127.0.0.1:8000 is no URL"),
        (("http://x", "--seconds", "0"), "--seconds 0.0 must be a positive number"),
        (("http://x", "--interval", "nan"), "--interval nan must be a positive number"),
    ],
)
def test_what_cannot_work_is_refused(words: tuple[str, ...], said: str) -> None:
    done = watch(*words)
    assert done.returncode == 1
    assert f"error: {said}" in done.stderr
