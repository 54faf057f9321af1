"""Which `if`s of the templates no unit test would miss.

Each `if` is turned round in a copy of the charts, one at a time, and the unit tests that could see
it run. When they all still pass, no case depends on it. A suite that is likely to fail runs first.
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
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from charts.places import APPLICATIONS, CHARTS
from lib.errors import UserError
from lib.paths import ROOT, tool

#: A condition, with what is before and behind it.
IF = re.compile(r"(\{\{-?\s*(?:else\s+)?if\s+)(.*?)(\s*-?\}\})", re.DOTALL)

LIBRARY = "ray-common"


@dataclass(frozen=True, slots=True)
class Branch:
    """One `if`.

    Args:
        path: its file, relative to charts/.
        line: where it begins there, counted from 1.
        condition: its text.
        turned: the file's text with the opposite condition.
    """

    path: Path
    line: int
    condition: str
    turned: str

    def __str__(self) -> str:
        return f"charts/{self.path}:{self.line}: {' '.join(self.condition.split())}"


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

    def names(self, branch: Branch) -> bool:
        """Whether it names the template of an `if`."""
        return str(Path(*branch.path.parts[2:])) in self.text

    def passes(self, charts: Path) -> bool:
        """Whether it passes in a copy of the charts."""
        command = [tool("helm-unittest"), "--strict", "--with-subchart=false", "--failfast"]
        command += ["--file", str(self.path), str(charts / self.chart)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def branches(chart: str) -> Iterator[Branch]:
    """Every `if` of a chart's own templates; NOTES.txt and the pods of `helm test` included."""
    for path in sorted((CHARTS / chart / "templates").rglob("*")):
        if path.suffix not in {".yaml", ".tpl", ".txt"}:
            continue
        text = path.read_text()
        for found in IF.finditer(text):
            before, condition, behind = found.groups()
            start, end = found.span()
            turned = f"{text[:start]}{before}not ({condition}){behind}{text[end:]}"
            line = text.count("\n", 0, start) + 1
            yield Branch(path.relative_to(CHARTS), line, condition, turned)


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
        raise UserError(f"no unit test depends on {missed} conditions", "a case for each")


def survivors(chart: str) -> Iterator[Branch]:
    """The `if`s of a chart that can be turned round without a unit test failing.

    Raises:
        UserError: a unit test fails as it is.
    """
    lanes = os.cpu_count() or 1
    copies = SimpleQueue[Path]()
    clock = itertools.count(1)
    # When each last failed: an `if` is often missed by the same suite as the one before.
    latest = dict.fromkeys(_seen_by(chart), 0)

    def survives(branch: Branch) -> bool:
        copy = copies.get()
        target = copy / branch.path
        original = target.read_text()
        target.write_text(branch.turned)
        try:
            for suite in sorted(latest, key=lambda one: (not one.names(branch), -latest[one])):
                if not suite.passes(copy):
                    latest[suite] = next(clock)
                    return False
            return True
        finally:
            target.write_text(original)
            copies.put(copy)

    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(lanes) as pool:
        for lane in range(lanes):
            copy = _copy(Path(name, str(lane)))
            copies.put(copy)
        passed = pool.map(lambda suite: suite.passes(copy), latest)
        broken = [
            f"charts/{suite.chart}/{suite.path}"
            for suite, good in zip(latest, passed, strict=True)
            if not good
        ]
        if broken:
            # It would seem to miss whatever is turned round.
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


def _seen_by(chart: str) -> Iterator[Suite]:
    """The unit tests that render a chart's templates."""
    for one in APPLICATIONS:
        if one == chart or (chart == LIBRARY and (CHARTS / one / "charts" / LIBRARY).exists()):
            for path in sorted((CHARTS / one / "tests").glob("*_test.yaml")):
                yield Suite(one, path.relative_to(CHARTS / one), path.read_text())
