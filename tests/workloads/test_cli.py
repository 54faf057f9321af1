"""The help of every command."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from rayworks.cli import main


def commands(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """A group and all under it, as they are called."""
    yield words
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        else:
            yield *words, name


def test_all_commands_are_found() -> None:
    found = set(commands(main))
    assert {(), ("fashion-mnist",), ("mnist",), ("mnist", "train")} <= found


@pytest.mark.parametrize("words", list(commands(main)), ids=" ".join)
def test_the_help_shows_no_character_that_is_meant_for_click(words: tuple[str, ...]) -> None:
    done = CliRunner().invoke(main, [*words, "--help"])
    assert done.exit_code == 0
    assert f"Usage: {' '.join(['main', *words])}" in done.output
    assert "\\" not in done.output
    assert "\b" not in done.output
