"""The command line: each folder beside this file with a `cli.py` is a command of its name."""

from __future__ import annotations

import importlib
from pathlib import Path

import click

from rayworks import __version__


class _Workloads(click.Group):
    """A group that finds its commands by name, and imports the one that is wanted."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        found = Path(__file__).parent.glob("*/cli.py")
        return sorted(path.parent.name.replace("_", "-") for path in found)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"rayworks.{name.replace('-', '_')}.cli")
        commands = [value for value in vars(module).values() if isinstance(value, click.Command)]
        return next(command for command in commands if command.name == name)


@click.group(cls=_Workloads, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="rayworks")
def main() -> None:
    """Workloads for Ray: the same command on a laptop and as a job on a cluster."""
