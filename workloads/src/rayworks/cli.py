"""The command line: one dispatch table, one import for the command that is asked for."""

from __future__ import annotations

import importlib

import click

from rayworks import __version__

#: Every workload that is a command: its name, and where its click command stands.
WORKLOADS = {
    "fashion-mnist": "rayworks.fashion_mnist.cli:fashion_mnist",
    "fine-tune": "rayworks.fine_tune.cli:fine_tune",
    "tune-fashion-mnist": "rayworks.tune_fashion_mnist.cli:tune_fashion_mnist",
}


class _Workloads(click.Group):
    """A group that imports a command when it is wanted."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(WORKLOADS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in WORKLOADS:
            return None
        module, attribute = WORKLOADS[name].split(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)  # noqa: S101 - the table above is ours
        return command


@click.group(cls=_Workloads, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="rayworks")
def main() -> None:
    """Workloads for Ray: the same command on a laptop and as a job on a cluster."""
