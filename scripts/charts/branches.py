"""Which conditions of the templates could be left out without a test that fails.

Each `if` is given a fixed answer in a copy of the charts, once false and once true, and the unit
tests and refused values that could see it are tried. When all still pass, no case depends on it:
turned round instead, a refusal that no case asks for would refuse everything and so seem to be
seen. The single cases that speak of the same things are tried first: one of them fails nearly
always, within a second, and all suites take minutes.
"""

from __future__ import annotations

import functools
import itertools
import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import yaml

from charts.places import APPLICATIONS, CHARTS
from charts.proof import Prover
from charts.refusals import Refusal, refusals
from lib.errors import UserError
from lib.paths import ROOT, tool

#: A condition, with what is before and behind it.
IF = re.compile(r"(\{\{-?\s*(?:else\s+)?if\s+)(.*?)(\s*-?\}\})", re.DOTALL)
#: Where what a condition guards is over, roughly.
END = re.compile(r"\{\{-?\s*(?:end|else)\b")

DEFINE = re.compile(r'\{\{-?\s*define "([^"]+)"')
INCLUDE = re.compile(r'\b(?:include|template) "([^"]+)"')

#: What a condition and a case may both speak of.
WORD = re.compile(r"[A-Za-z][A-Za-z0-9]{3,}")
#: How many single cases are tried before all suites.
LIKELY = 16

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

    def words(self) -> set[str]:
        """What it speaks of: the values that it asks for, and what it guards."""
        return set(WORD.findall(self.condition + self.guarded)) | {self.path.name}


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

    def words(self) -> set[str]:
        """What it speaks of."""
        return {*WORD.findall(self.text), *re.findall(r"[\w-]+\.yaml|NOTES\.txt", self.text)}

    def cases(self) -> Iterator[Suite]:
        """Each of its tests as a suite, in a file beside it."""
        # By its content, not its lines: a test may use what an anchor of another one holds.
        suites = (one for one in yaml.safe_load_all(self.text) if one)
        each = ({**suite, "tests": [test]} for suite in suites for test in suite["tests"])
        for number, suite in enumerate(each):
            text = yaml.safe_dump(suite, sort_keys=False)
            yield Suite(self.chart, self.path.with_suffix(f".{number}.yaml"), text)

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

    @property
    def chart(self) -> str:
        """Whose values it has."""
        return self.case.chart

    def words(self) -> set[str]:
        """What it speaks of."""
        return set(WORD.findall(" ".join([self.case.title, *self.case.texts, *self.case.says])))

    def passes(self, lane: Lane) -> bool:
        """Whether the charts of a lane refuse it as they should."""
        return not self.case.fault(lane.prover, lane.charts)


class Guess:
    """Which cases are likely to see a condition: those that share its rarest words."""

    def __init__(self, cases: Sequence[Suite | Refused]) -> None:
        self._words = [(case, case.words()) for case in cases]
        self._number = Counter(word for _, words in self._words for word in words)

    def __call__(self, branch: Branch, charts: set[str]) -> list[Suite | Refused]:
        """The likeliest first, of some charts."""
        wanted = branch.words()
        scores = [
            (sum(1 / self._number[word] for word in words & wanted), case)
            for case, words in self._words
            if case.chart in charts
        ]
        return [case for _, case in sorted(scores, key=lambda one: -one[0])[:LIKELY]]


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
    suites = [one for one in latest if isinstance(one, Suite)]
    refused = [one for one in latest if isinstance(one, Refused)]
    cases = [case for suite in suites for case in suite.cases()]
    likely = Guess([*refused, *cases])

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
            charts = _users(branch)
            if not all(case.passes(lane) for case in likely(branch, charts)):
                return False
            for test in sorted(latest, key=lambda one: -latest[one]):
                if test.chart not in charts:
                    continue
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
            lane = Lane(_copy(Path(name, str(number))), provers.enter_context(Prover()))
            for case in cases:
                (lane.charts / case.chart / case.path).write_text(case.text)
            free.put(lane)
        tests = [*latest, *cases]
        broken = [
            str(test) for test, good in zip(tests, pool.map(passes, tests), strict=True) if not good
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


def _users(branch: Branch) -> set[str]:
    """The charts that render what a condition stands in; an umbrella uses what its parts use."""
    chart, text = branch.path.parts[0], (CHARTS / branch.path).read_text()
    names = DEFINE.findall("".join(text.splitlines(keepends=True)[: branch.line]))
    if chart != LIBRARY or not names:
        return set(APPLICATIONS)
    return {
        one
        for one in APPLICATIONS
        for user in (one, *(part.name for part in (CHARTS / one / "charts").glob("*")))
        if user != LIBRARY and names[-1] in _included(user)
    }


@functools.cache
def _included(chart: str) -> set[str]:
    """Named templates that those of a chart include, and what these include."""
    own = "".join(_texts(chart))
    pieces = DEFINE.split("".join(_texts(LIBRARY)))
    uses = {
        name: set(INCLUDE.findall(text))
        for name, text in zip(pieces[1::2], pieces[2::2], strict=True)
    }
    found, new = set[str](), set(INCLUDE.findall(own))
    while new:
        found |= new
        new = {other for name in new for other in uses.get(name, ())} - found
    return found


def _texts(chart: str) -> Iterator[str]:
    folder = CHARTS / chart / "templates"
    return (path.read_text() for path in sorted(folder.rglob("*")) if path.is_file())


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
