"""What the user says of a place beside its name."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from lib.errors import UserError


@dataclass(frozen=True, slots=True)
class Options:
    """As the Makefile's variables say; empty is the place's own default.

    Args:
        name: NAME, which of several deployments to one cloud.
        variables: VARS, Terraform's variables.
        images: IMAGES, `registry/path:tag` of images that somebody has pushed.
        add_ons: ADDONS, optional ones to have, and with a minus ones to leave out.
        data: DATA, `delete` to have `make destroy` take the data too.
        force: FORCE, destroy also where the cluster does not answer.
        yes: YES, do not ask.
        kubeconfig: KUBECONFIG, how to reach a cluster of the user's.
        values: VALUES, further values.
    """

    name: str = ""
    variables: Path | None = None
    images: str = ""
    add_ons: str = ""
    data: str = ""
    force: bool = False
    yes: bool = False
    kubeconfig: str = ""
    values: tuple[Path, ...] = ()

    def given(self) -> list[str]:
        """Names of those that are set and mean something to some places only."""
        words = {
            "NAME": self.name,
            "VARS": self.variables,
            "IMAGES": self.images,
            "ADDONS": self.add_ons,
            "DATA": self.data,
            "FORCE": self.force,
        }
        return [word for word, value in words.items() if value]

    def agree(self, console: Console, question: str, answer: str, again: str) -> None:
        """Ask, and go on only with the answer that is wanted.

        Args:
            console: where to ask.
            question: what to ask.
            answer: what the user types to go on.
            again: the command that asks.

        Raises:
            UserError: another answer, or nobody to ask.
        """
        if self.yes:
            return
        if not sys.stdin.isatty():
            raise UserError(
                "this wants an answer, and standard input is no terminal", f"{again} YES=1"
            )
        said = console.input(f"{question} Type [bold]{answer}[/] to go on: ")
        if said.strip() != answer:
            raise UserError(f"the answer was {said.strip()!r}: nothing was changed", again)
