"""The command `rayworks new`."""

from __future__ import annotations

import click


@click.command("new")
@click.argument("name")
def command(name: str) -> None:
    """Write a workload NAME to this checkout: a copy of `hello`, with its values and its test."""
    from rayworks.new.copy import create

    for path in create(name):
        click.echo(path)
    click.echo(f"Try it:    rayworks {name}")
    click.echo(f"Deploy it: make run WORKLOAD={name}")
