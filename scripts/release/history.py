"""Benchmarks against those of the nights before: a line of JSON a night, on a branch of its own.

Compared are ratios to what ran beside (`…vs_…`, `…speedup…`: more is better) and the parts of a
start (`startup_…s`: less is better). Absolute speeds are the machine's, and are kept only.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lib.shell import run

BRANCH = "benchmarks"
FILE = "history.jsonl"

#: Nights that the median is taken of, and how many there must be before anything is said.
NIGHTS = 14
FEWEST = 5

#: What is worse by more than this part of the median. Of two runs of the same commit on hosted
#: machines ratios differ by some 5 %, and start-up times by twice that.
RATIO = 0.10
SECONDS = 0.25

Figures = Mapping[str, float]


def _allowed(name: str) -> float | None:
    """How much more (positive) or less (negative) of a figure is let pass; None: not compared."""
    if name.startswith("startup_") and name.endswith("_s"):
        return SECONDS
    if ("vs_" in name or "speedup" in name) and not name.endswith("_least"):
        return -RATIO
    return None


def regressions(before: list[Figures], now: Figures) -> Iterator[str]:
    """Figures that are worse than the median of the last nights by more than what is let pass."""
    for name, value in now.items():
        allowed = _allowed(name)
        past = [night[name] for night in before[-NIGHTS:] if name in night]
        if allowed is None or len(past) < FEWEST:
            continue
        median = statistics.median(past)
        change = value / median - 1
        if change > allowed if allowed > 0 else change < allowed:
            yield (
                f"{name} {value:g}: the median of {len(past)} nights is {median:g}, and "
                f"{abs(change):.0%} worse is more than the {abs(allowed):.0%} that are let pass"
            )


@dataclass(frozen=True)
class Branch:
    """The branch that holds the history, in the remote `origin` of a clone."""

    clone: Path

    def _git(self, *words: str, text: str = "") -> str:
        who = committer("benchmarks")
        done = run(["git", "-C", self.clone, *words], env=who, input_text=text)
        return done.stdout.strip()

    def _tip(self) -> str | None:
        there = self._git("ls-remote", "origin", f"refs/heads/{BRANCH}")
        if not there:
            return None
        self._git("fetch", "--quiet", "--depth=1", "origin", BRANCH)
        return there.split()[0]

    def read(self) -> list[dict[str, float]]:
        """All nights, the oldest first; none where there is no such branch."""
        tip = self._tip()
        text = self._git("show", f"{tip}:{FILE}") if tip else ""
        return [json.loads(line)["figures"] for line in text.splitlines()]

    def add(self, figures: Figures) -> None:
        """Push one more night.

        Raises:
            UserError: somebody else has pushed meanwhile, or nobody may.
        """
        tip = self._tip()
        before = self._git("show", f"{tip}:{FILE}") + "\n" if tip else ""
        commit = self._git("rev-parse", "HEAD")
        line = json.dumps({"commit": commit, "figures": figures})
        blob = self._git("hash-object", "-w", "--stdin", text=f"{before}{line}\n")
        tree = self._git("mktree", text=f"100644 blob {blob}\t{FILE}\n")
        parent = ("-p", tip) if tip else ()
        made = self._git("commit-tree", tree, *parent, "-m", f"Figures of {commit[:12]}")
        self._git("push", "--quiet", "origin", f"{made}:refs/heads/{BRANCH}")


def committer(name: str) -> dict[str, str]:
    """Environment in which git commits under a name: a hosted machine's knows nobody."""
    who = {"NAME": name, "EMAIL": f"{name}@users.noreply.github.com"}
    return {f"GIT_{role}_{key}": who[key] for role in ("AUTHOR", "COMMITTER") for key in who}


def compare(figures: Figures, branch: Branch) -> list[str]:
    """Add a night to the history, whatever it shows, and say what has become worse."""
    before = branch.read()
    branch.add(figures)
    return list(regressions(list(before), figures))
