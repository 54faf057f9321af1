"""The one exception that a user is meant to read, and how a command line shows it."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import ParamSpec

P = ParamSpec("P")


class UserError(Exception):
    """Something that the user can mend.

    Args:
        message: what is wrong, naming the value.
        hint: the way out, usually a command to type.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def show(error: UserError) -> None:
    """Print an error and its way out to stderr."""
    print(f"error: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"try:   {error.hint}", file=sys.stderr)


def exits_cleanly(main: Callable[P, None]) -> Callable[P, None]:
    """Turn UserError into two lines and exit code 1, and Ctrl-C into exit code 130."""

    @functools.wraps(main)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            main(*args, **kwargs)
        except UserError as error:
            show(error)
            raise SystemExit(1) from error
        except KeyboardInterrupt:
            print("\ninterrupted: the same command goes on from here", file=sys.stderr)
            raise SystemExit(130) from None

    return wrapper
