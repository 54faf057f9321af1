"""Benchmarks against those of the nights before."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from release.history import FEWEST, Branch, compare, regressions

BEFORE = [
    {"vs_torchrun": 1.0 + night / 100, "startup_s": 20.0, "loop_per_second": 5.0}
    for night in range(7)
]


@pytest.mark.parametrize(
    ("now", "worse"),
    [
        ({"vs_torchrun": 0.95}, False),
        ({"vs_torchrun": 0.90}, True),
        ({"vs_torchrun": 9.0}, False),
        ({"startup_s": 24.0}, False),
        ({"startup_s": 26.0}, True),
        ({"startup_s": 1.0}, False),
        ({"loop_per_second": 0.1}, False),  # the machine's, not ours
        ({"new_vs_old": 0.1}, False),  # nothing to compare with
        ({"vs_torchrun_least": 0.1}, False),
    ],
)
def test_what_is_worse_than_the_median_is_told(now: dict[str, float], worse: bool) -> None:
    said = list(regressions(list(BEFORE), now))
    assert bool(said) == worse
    assert all(line.startswith(name) for line in said for name in now)


def test_a_few_nights_say_nothing() -> None:
    assert not list(regressions(list(BEFORE[: FEWEST - 1]), {"vs_torchrun": 0.1}))
    assert list(regressions(list(BEFORE[:FEWEST]), {"vs_torchrun": 0.1}))


def test_the_branch_begins_with_the_first_night_and_grows(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    git("init", "--quiet", "--bare", str(tmp_path / "origin"))
    git("clone", "--quiet", str(tmp_path / "origin"), str(tmp_path / "clone"))
    git("-C", str(tmp_path / "clone"), "commit", "--quiet", "--allow-empty", "-m", "begin")
    branch = Branch(tmp_path / "clone")
    assert branch.read() == []
    for night in range(FEWEST):
        assert compare({"vs_torchrun": 1.0, "night": night}, branch) == []
    (said,) = compare({"vs_torchrun": 0.5}, branch)
    assert said.startswith("vs_torchrun 0.5: the median of 5 nights is 1, and 50% worse")
    # A bad night is kept all the same, and nothing of the clone's own has moved.
    assert [night["vs_torchrun"] for night in branch.read()] == [1.0] * FEWEST + [0.5]
    assert git("-C", str(tmp_path / "origin"), "rev-list", "--count", "benchmarks").strip() == "6"
    assert not git("-C", str(tmp_path / "clone"), "status", "--porcelain")
