"""The one exception that a user is meant to read, also from another process."""

from __future__ import annotations

import errno
from typing import IO, Any

import click

#: What a disk says that takes no more.
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


class UserError(click.ClickException):
    """Something that the user can mend; click ends the program with exit code 1.

    Args:
        message: what is wrong, naming the value.
        hint: the way out.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the error and its way out, a line each, to stderr."""
        click.echo(f"error: {self.message}", file=file, err=file is None)
        if self.hint:
            click.echo(f"try:   {self.hint}", file=file, err=file is None)


def told(error: BaseException) -> str | None:
    """What a user has to mend: the message of a UserError, or that there is no space left.

    Args:
        error: any exception, or the text of a traceback that Ray has passed on in its place.

    Returns:
        None, if there is nothing of the kind in it.
    """
    if isinstance(error, UserError):
        return error.message
    if isinstance(error, OSError) and error.errno in NO_SPACE:
        return f"a worker has no space left to write to: {error.strerror}"
    name = f"{UserError.__module__}.{UserError.__qualname__}: "
    own = [line.partition(name)[2] for line in str(error).splitlines() if name in line]
    return own[-1].strip() if own else None
