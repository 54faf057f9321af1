"""Benchmarks leave no process behind, however they end."""

from __future__ import annotations

import subprocess
import sys

import psutil

from lib.paths import ROOT

#: Starts a frozen process in a session of its own, whose parent ends at once; prints its number.
BENCH = """
import subprocess, sys
from bench import orphans
with orphans.ended():
    words = "setsid sh -c 'echo $$; kill -STOP $$; sleep 600' &"
    said = subprocess.Popen(["sh", "-c", words], stdout=subprocess.PIPE, text=True).stdout
    print(said.readline(), flush=True)
    sys.exit(143)
"""


def test_a_frozen_process_without_a_parent_ends_with_the_bench() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BENCH], cwd=ROOT / "scripts",
        stdout=subprocess.PIPE, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 143
    assert not psutil.pid_exists(int(done.stdout))
