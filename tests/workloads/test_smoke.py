"""Each `--smoke-test` as a user types it, on a Ray of its own. Some three minutes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from running import starter

from deploy.workloads import descriptions
from rayworks.cli import main

pytestmark = [pytest.mark.full, pytest.mark.timeout(300)]


def smoke_tests(group: click.Group, *before: str) -> Iterator[tuple[str, ...]]:
    """Words of the commands that have the option."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command
        if any("--smoke-test" in option.opts for option in command.params):
            yield (*before, name)
        if isinstance(command, click.Group):
            yield from smoke_tests(command, *before, name)


JOBS = {name for name, what in descriptions().items() if what.chart == "ray-job"}

#: A service's, such as `sleepy-pid watch`, wants a service.
COMMANDS = [words for words in smoke_tests(main) if words[0] in JOBS]


def test_each_job_has_one() -> None:
    assert {words[0] for words in COMMANDS} == JOBS


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_it_ends_well(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with starter(*words) as start:
        begun = time.monotonic()
        process = start("--smoke-test", "--storage-path", tmp_path)
        _, errors = process.communicate(timeout=250)
        seconds = time.monotonic() - begun
    assert process.returncode == 0, errors
    result = json.loads((tmp_path / words[0] / "result.json").read_text())
    assert result["headline"]
    with capsys.disabled():  # under a minute, by the design; a machine that is busy takes longer
        print(f"\nrayworks {' '.join(words)} --smoke-test: {seconds:.1f} s")
