"""`python -m versions table|check`: the README's table, printed and written; what disagrees.

Exit codes: 0 fine; 1 something disagrees.
"""

from __future__ import annotations

import re
import sys

from lib.errors import UserError, exits_cleanly
from lib.paths import ROOT
from versions import locks
from versions.components import components, disagreements
from versions.table import table

README = ROOT / "README.md"

#: The part of the README that is generated, between its marks.
TABLE = re.compile(r"(?<=<!-- versions -->\n).*?(?=<!-- end -->)", re.DOTALL)


def _with_table(text: str) -> str:
    return TABLE.sub(lambda _: table(), text)


@exits_cleanly
def main() -> None:
    """Run one command."""
    match sys.argv[1:]:
        case ["table"]:
            print(table(), end="")
            README.write_text(_with_table(README.read_text()))
        case ["check"]:
            wrong = [*disagreements(), *locks.faults()]
            if README.read_text() != _with_table(README.read_text()):
                wrong.append("README.md: its table of versions is out of date: make versions")
            if wrong:
                raise UserError("versions disagree:\n  " + "\n  ".join(wrong))
            print(f"{len(components())} components, and every place that names one agrees")
        case _:
            raise UserError("usage: python -m versions table|check")


if __name__ == "__main__":
    main()
