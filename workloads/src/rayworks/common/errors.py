"""The one exception that a user is meant to read."""

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
