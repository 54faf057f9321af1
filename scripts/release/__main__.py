"""`python -m release COMMAND`: what the pipelines do, one make target each.

Exit codes: 0 done; 1 something that the user can mend, told on stderr.
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from lib.errors import UserError, exits_cleanly
from lib.paths import ROOT
from release import charts, history, pipelines, publish, registry, smoke


@click.group()
def cli() -> None:
    """Pipelines, images and charts, from the repository to what others install."""


@cli.command()
def check() -> None:
    """Pipelines and charts that could not be released as they are."""
    wrong = [*pipelines.faults(), *charts.faults()]
    if wrong:
        raise UserError("not to be released:\n  " + "\n  ".join(wrong))
    count = len(list(pipelines.jobs(pipelines.GITHUB)))
    print(f"{count} jobs are make targets, pinned and documented; no chart lacks a version")


@cli.command()
@click.argument("targets", nargs=-1)
def images(targets: tuple[str, ...]) -> None:
    """Build images into Docker's own store."""
    publish.build_images(list(targets))


@cli.command()
def images_push() -> None:
    """Build images, and push them into REGISTRY by digest."""
    publish.push_images(registry.here())


@cli.command()
@click.argument("names", nargs=-1, type=click.Choice(publish.IMAGES))
def images_sbom(names: tuple[str, ...]) -> None:
    """Write down what is in the pushed images."""
    publish.describe_pushed(registry.here(), list(names))


@cli.command()
def images_publish() -> None:
    """Name, describe and sign the pushed images."""
    publish.publish_images(registry.here())


@cli.command()
def charts_publish() -> None:
    """Push and sign charts with new versions."""
    publish.publish_charts(registry.here())


@cli.command()
def charts_index() -> None:
    """Releases and the index of the charts that charts-publish has pushed."""
    publish.index_charts()


@cli.command()
@click.option("--publish", "published", is_flag=True, help="as a release on GitHub")
def notes(published: bool) -> None:
    """What was tested together, in dist/release.md."""
    publish.DIST.mkdir(exist_ok=True)
    (publish.DIST / "release.md").write_text(publish.notes())
    if published:
        publish.publish_notes()
    else:
        print(publish.notes(), end="")


@cli.command("smoke")
@click.option("--charts", "source", help="a registry, as oci://HOST/PATH; the checkout without")
def smoke_command(source: str | None) -> None:
    """Definitions, operator and a job on the current kubeconfig's cluster."""
    place = registry.Registry(source.removeprefix("oci://")) if source else None
    smoke.smoke(place)


@cli.command()
@click.option("--cluster/--no-cluster", default=True, help="images and an installation, too")
def dry_run(cluster: bool) -> None:
    """A release into a registry on this machine."""
    from release import dry_run as module  # the local cluster is for it only

    module.dry_run(cluster=cluster)


@cli.command()
@click.argument("names", nargs=-1)
def images_compare(names: tuple[str, ...]) -> None:
    """Build images twice: what differs, layers by size, and how long it took."""
    from release import compare  # the local cluster is for it only

    compare.compare(list(names))


@cli.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def bench_history(file: Path) -> None:
    """Add figures to the history, and fail where one is worse than the nights before."""
    worse = history.compare(json.loads(file.read_text()), history.Branch(ROOT))
    if worse:
        raise UserError("worse than the nights before:\n  " + "\n  ".join(worse))


@exits_cleanly
def main() -> None:
    """Run the command line."""
    cli(standalone_mode=True)


main()
