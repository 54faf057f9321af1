"""`python3 -m tools`: tools, packages and environments, pinned, from one cache.

Exit codes: 0 done; 1 something that the user can mend, told on stderr; 2 a wrong command line;
130 interrupted (the same command goes on from there).
"""

from __future__ import annotations

import argparse
import signal
from types import FrameType
from typing import NoReturn

from lib.errors import exits_cleanly
from tools import cache, venv
from tools.build import provide
from tools.catalogue import GROUPS, pick
from tools.locks import lock
from tools.progress import Progress


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m tools", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add = commands.add_parser
    one = add("build", help="build tools into the cache and link them into .tools/bin")
    one.add_argument("names", nargs="*", metavar="NAME", help="tools or groups; none: all")
    one = add("ready", help="all that a group needs, at once; says nothing when it is there")
    one.add_argument("groups", nargs="+", choices=GROUPS, metavar="GROUP")
    one = add("venv", help="make a Python environment and link it into the checkout")
    one.add_argument("name", choices=venv.ENVIRONMENTS)
    one = add("lock", help="write the locks of the Python requirements")
    one.add_argument("--upgrade", action="store_true", help="to the latest versions")
    add("status", help="what is wanted, what is there")
    add("clean-cache", help="remove the cache")
    return parser.parse_args()


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


@exits_cleanly
def main() -> None:
    """Run one command."""
    arguments = _parse()
    signal.signal(signal.SIGTERM, _terminate)
    progress = Progress()
    try:
        if arguments.command == "build":
            groups = set(GROUPS).intersection(arguments.names or GROUPS)
            provide(pick(arguments.names), groups, [], progress)
        elif arguments.command == "ready":
            groups = arguments.groups
            environments = [group for group in groups if group in venv.ENVIRONMENTS]
            provide(pick(groups), set(groups), environments, progress, quiet=True)
        elif arguments.command == "venv":
            provide([], set(), [arguments.name], progress)
        elif arguments.command == "lock":
            lock(progress, upgrade=arguments.upgrade)
        elif arguments.command == "status":
            cache.status()
        else:
            cache.clean()
    finally:
        progress.close()


if __name__ == "__main__":
    main()
