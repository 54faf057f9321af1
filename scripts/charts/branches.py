"""Which `if`s of the templates no unit test would miss.

Each `if` is turned round in a copy of the charts, one at a time, and the unit tests that could see
it run. When they all still pass, no case depends on it. Takes an hour or two for all charts.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

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
    """The `if`s of a chart that can be turned round without a unit test failing."""
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name, "charts")
        shutil.copytree(CHARTS, copy, symlinks=True)
        for other in ("environments", "workloads"):  # what some tests read
            (copy.parent / other).symlink_to(ROOT / other)
        for branch in branches(chart):
            target = copy / branch.path
            original = target.read_text()
            target.write_text(branch.turned)
            if all(_pass(copy / one) for one in _seen_by(chart)):
                yield branch
            target.write_text(original)


def _seen_by(chart: str) -> list[str]:
    """The charts whose unit tests render this one's templates, those that are quick first."""
    if chart != LIBRARY:
        return [chart]
    return [one for one in reversed(APPLICATIONS) if (CHARTS / one / "charts" / LIBRARY).exists()]


def _pass(chart: Path) -> bool:
    command = [tool("helm-unittest"), "--strict", "--with-subchart=false", "--failfast", str(chart)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
