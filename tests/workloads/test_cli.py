"""The help of every command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

import rayworks
from deploy.workloads import merged
from rayworks.cli import main

VALUES = sorted(Path(rayworks.__file__).parent.glob("*/values*.yaml"))


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


@pytest.mark.parametrize("values", VALUES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_job_reads_each_variable_that_its_values_set(values: Path) -> None:
    found = merged([values.with_name("values.yaml"), values])
    command: click.Command | None = main
    known: set[Any] = set()
    for word in found.get("job", {}).get("entrypoint", "").split()[1:]:
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), word)
        assert command is not None
        known |= {parameter.envvar for parameter in command.params}
    rays_own = {name for name in found.get("env", {}) if name.startswith("RAY_")}
    assert set(found.get("env", {})) - rays_own <= known
    if "job" in found and "autoscaling" in found:  # machines take minutes, not the default's two
        assert float(found["env"]["PLACEMENT_TIMEOUT"]) >= 300
