"""Command line of the local cluster: ``python -m local up``."""

from __future__ import annotations

import subprocess
import sys
import time

import click

from lib.errors import UserError, exits_cleanly
from local import box, cluster, layout
from local import images as image_builds


def _report(text: str) -> None:
    print(text, flush=True)


@click.group()
def cli() -> None:
    """A real Kubernetes node on this machine, in namespaces of its own."""


@cli.command()
def up() -> None:
    """Start the cluster, or mend it; a second time changes nothing."""
    began = time.monotonic()
    cluster.up(_report)
    _report(f"{cluster.summary()}, {time.monotonic() - began:.1f} s")
    _report(f"export KUBECONFIG={layout.KUBECONFIG}")


@cli.command()
def down() -> None:
    """End the cluster and delete all of it, with the data on its volumes; images stay."""
    began = time.monotonic()
    cluster.down(_report)
    left = cluster.leftovers()
    if left:
        raise UserError("still there: " + ", ".join(left), "make cluster-down, once more")
    _report(f"nothing is left, {time.monotonic() - began:.1f} s")


@cli.command()
def status() -> None:
    """Show each component's health, and the last lines of those that fail."""
    found = cluster.status()
    if not found:
        raise UserError("no local cluster of this checkout runs", "make cluster")
    width = max(len(part.name) for part in found)
    for part in found:
        _report(f"{'ok  ' if part.healthy else 'FAIL'} {part.name:{width}}  {part.detail}")
        for line in part.log:
            _report(f"       {line}")
    bad = [part.name for part in found if not part.healthy]
    if bad:
        raise UserError(f"not healthy: {', '.join(bad)}", "make cluster starts what does not run")


@cli.command()
@click.argument("names", nargs=-1)
def images(names: tuple[str, ...]) -> None:
    """Build images into the cluster's store; all of them when none is named."""
    for name, ref in image_builds.build(names or tuple(image_builds.IMAGES), _report).items():
        _report(f"{name:24} {ref}")


@cli.command()
@click.argument("component")
@click.option("--follow", "-f", is_flag=True, help="Go on until Ctrl-C.")
def logs(component: str, follow: bool) -> None:
    """Print a component's log."""
    log = layout.LOG / f"{component}.log"
    if not log.exists():
        known = ", ".join(sorted(path.stem for path in layout.LOG.glob("*.log")))
        raise UserError(f"no log of {component}", f"one of: {known or 'none; make cluster'}")
    command = ["tail", "--lines=+1", *(["--follow=name"] if follow else []), str(log)]
    raise SystemExit(subprocess.run(command, check=False).returncode)


@cli.command(name="exec", context_settings={"ignore_unknown_options": True})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def execute(command: tuple[str, ...]) -> None:
    """Run a command inside the box."""
    node = box.running()
    if node is None:
        raise UserError("no local cluster of this checkout runs", "make cluster")
    raise SystemExit(box.execute(node, command))


@exits_cleanly
def main() -> None:
    """Run the command line."""
    cli(standalone_mode=True)


if __name__ == "__main__":
    sys.exit(main())
