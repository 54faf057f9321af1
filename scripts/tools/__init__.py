"""The pinned tools, Debian packages and virtual environments that everything else stands on.

It runs before any of them exists: on the system's Python, with the standard library alone.
"""

import sys

# Before anything is imported that an older Python cannot even read.
if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit(
        f"error: Python {sys.version.split()[0]} ({sys.executable}) is too old: 3.11 is needed\n"
        "try:   make PYTHON=python3.11 …, or a newer one that is installed"
    )
