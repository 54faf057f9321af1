"""The one exception that a user is meant to read, also from another process."""

from __future__ import annotations

from typing import IO, Any

import click


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
    """The message of a UserError, or of one that Ray has passed on as the text of a traceback.

    Args:
        error: any exception.

    Returns:
        None, if there is no UserError in it.
    """
    if isinstance(error, UserError):
        return error.message
    name = f"{UserError.__module__}.{UserError.__qualname__}: "
    own = [line.partition(name)[2] for line in str(error).splitlines() if name in line]
    return own[-1].strip() if own else None
