"""Which conditions of the templates could be left out without a test that fails.

Each `if` is given a fixed answer in a copy of the charts, once false and once true, and the unit
tests and refused values that could see it are tried. When all still pass, no case depends on it:
turned round instead, a refusal that no case asks for would refuse everything and so seem to be
seen. What is likely to fail is tried first.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from charts.places import APPLICATIONS, CHARTS
from charts.proof import Prover
from charts.refusals import Refusal, refusals
from lib.errors import UserError
from lib.paths import ROOT, tool

#: A condition, with what is before and behind it.
IF = re.compile(r"(\{\{-?\s*(?:else\s+)?if\s+)(.*?)(\s*-?\}\})", re.DOTALL)
#: Where what a condition guards is over, roughly.
END = re.compile(r"\{\{-?\s*(?:end|else)\b")

LIBRARY = "ray-common"


@dataclass(frozen=True, slots=True)
class Branch:
    """One `if` with a fixed answer.

    Args:
        path: its file, relative to charts/.
        line: where it begins there, counted from 1.
        condition: its text.
        answer: what is taken for it.
        guarded: what stands behind it.
        text: the file's, with the answer in place of the condition.
    """

    path: Path
    line: int
    condition: str
    answer: bool
    guarded: str
    text: str

    def __str__(self) -> str:
        condition = " ".join(self.condition.split())
        return f"charts/{self.path}:{self.line}: {condition}, taken as {str(self.answer).lower()}"

    @property
    def lets_pass(self) -> bool:
        """Whether nothing is refused any more."""
        return not self.answer and "ray.fail" in self.guarded


@dataclass(frozen=True, slots=True)
class Lane:
    """A copy of the charts that one thread changes, with a prover of its own."""

    charts: Path
    prover: Prover


@dataclass(frozen=True, slots=True)
class Suite:
    """A file of unit tests.

    Args:
        chart: whose.
        path: the file, relative to the chart.
        text: what it says.
    """

    chart: str
    path: Path
    text: str

    def __str__(self) -> str:
        return f"charts/{self.chart}/{self.path}"

    def likely(self, branch: Branch) -> bool:
        """Whether it names the template of an `if`."""
        return str(Path(*branch.path.parts[2:])) in self.text and not branch.lets_pass

    def passes(self, lane: Lane) -> bool:
        """Whether it passes on the charts of a lane."""
        command = [tool("helm-unittest"), "--strict", "--with-subchart=false", "--failfast"]
        command += ["--file", str(self.path), str(lane.charts / self.chart)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


@dataclass(frozen=True, slots=True)
class Refused:
    """A case of refused values."""

    case: Refusal

    def __str__(self) -> str:
        return f"refused.yaml, {self.case.chart}: {self.case.title}"

    def likely(self, branch: Branch) -> bool:
        """Whether its words are those that an `if` guards."""
        return branch.lets_pass and any(
            words.rstrip(":") in branch.guarded for words in self.case.says
        )

    def passes(self, lane: Lane) -> bool:
        """Whether the charts of a lane refuse it as they should."""
        return not self.case.fault(lane.prover, lane.charts)


def branches(chart: str) -> Iterator[Branch]:
    """Every `if` of a chart's own templates; NOTES.txt and the pods of `helm test` included."""
    for path in sorted((CHARTS / chart / "templates").rglob("*")):
        if path.suffix not in {".yaml", ".tpl", ".txt"}:
            continue
        text = path.read_text()
        for found in IF.finditer(text):
            before, condition, behind = found.groups()
            start, end = found.span()
            over = END.search(text, end)
            guarded = text[end : over.start() if over else None]
            line = text.count("\n", 0, start) + 1
            for answer in (False, True):
                fixed = f"{text[:start]}{before}{str(answer).lower()}{behind}{text[end:]}"
                yield Branch(path.relative_to(CHARTS), line, condition, answer, guarded, fixed)


def main(charts: list[str]) -> None:
    """Print them, chart by chart.

    Raises:
        UserError: there are some.
    """
    missed = 0
    for chart in charts or (*APPLICATIONS, LIBRARY):
        found = 0
        for branch in survivors(chart):
            print(branch, flush=True)
            found += 1
        print(f"{chart}: {found} of {sum(1 for _ in branches(chart))} missed", flush=True)
        missed += found
    if missed:
        raise UserError(f"no test depends on {missed} answers of conditions", "a case for each")


def survivors(chart: str) -> Iterator[Branch]:
    """The `if`s of a chart, and an answer that each could always have without a test failing.

    Raises:
        UserError: a test fails as it is.
    """
    lanes = os.cpu_count() or 1
    free = SimpleQueue[Lane]()
    clock = itertools.count(1)
    # When each last failed: an `if` is often missed by the same suite as the one before.
    latest: dict[Suite | Refused, int] = dict.fromkeys(_seen_by(chart), 0)

    def passes(test: Suite | Refused) -> bool:
        lane = free.get()
        try:
            return test.passes(lane)
        finally:
            free.put(lane)

    def survives(branch: Branch) -> bool:
        lane = free.get()
        target = lane.charts / branch.path
        original = target.read_text()
        target.write_text(branch.text)
        try:
            for test in sorted(latest, key=lambda one: (not one.likely(branch), -latest[one])):
                if not test.passes(lane):
                    latest[test] = next(clock)
                    return False
            return True
        finally:
            target.write_text(original)
            free.put(lane)

    with (
        tempfile.TemporaryDirectory() as name,
        ExitStack() as provers,
        ThreadPoolExecutor(lanes) as pool,
    ):
        for number in range(lanes):
            free.put(Lane(_copy(Path(name, str(number))), provers.enter_context(Prover())))
        broken = [
            str(test)
            for test, good in zip(latest, pool.map(passes, latest), strict=True)
            if not good
        ]
        if broken:
            # It would seem to miss whatever is given a fixed answer.
            raise UserError(f"{', '.join(broken)}: fails with --failfast as it is", "mend it first")
        found = list(branches(chart))
        for branch, survived in zip(found, pool.map(survives, found), strict=True):
            if survived:
                yield branch


def _copy(place: Path) -> Path:
    """The charts in a place of their own, with what some of their unit tests read beside them."""
    copy = shutil.copytree(CHARTS, place / "charts", symlinks=True)
    for other in ("environments", "workloads"):
        (place / other).symlink_to(ROOT / other)
    return copy


def _seen_by(chart: str) -> Iterator[Suite | Refused]:
    """The tests that render a chart's templates: the quick ones first."""
    users = {
        one
        for one in APPLICATIONS
        if one == chart or (chart == LIBRARY and (CHARTS / one / "charts" / LIBRARY).exists())
    }
    for one in sorted(users):
        for path in sorted((CHARTS / one / "tests").glob("*_test.yaml")):
            yield Suite(one, path.relative_to(CHARTS / one), path.read_text())
    for case in refusals():
        if case.chart in users:
            yield Refused(case)
