"""`python -m deploy …`: what the Makefile's targets call."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from clouds import size
from clouds.deployment import PROVIDERS, Deployment
from deploy import access, pages, watch
from deploy.environments import Environment, environment
from deploy.environments import command as command_of
from deploy.options import Options
from deploy.platform import Monitoring, Platform
from deploy.stages import Progress, Stage, run_stages, undo_stages
from deploy.workloads import (
    Job,
    Workload,
    Workloads,
    environment_values,
    running,
    workload,
)
from lib.errors import UserError, exits_cleanly
from lib.kube import Kube

workload_option = click.option("--workload", "name", default="fashion-mnist", envvar="WORKLOAD")
namespace_option = click.option(
    "--namespace", default=None, envvar="NAMESPACE", help="default: the workload's name"
)
values_option = click.option(
    "--values", "extra", multiple=True, envvar="VALUES",
    type=click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path),
    help="a further values file for the workload's chart; may be repeated",
)  # fmt: skip


def at_a_place(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the place that the user names, as its first argument."""

    @click.option("--cloud", default="local", show_default=True, envvar="CLOUD")
    @click.option(
        "--name", "deployment", default="", envvar="RAYWORKS_NAME", help="of the deployment"
    )
    @click.option(
        "--vars",
        "variables",
        default=None,
        envvar="RAYWORKS_VARS",
        help="file of Terraform's variables",
        type=click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path),
    )
    @click.option(
        "--images", default="", envvar="RAYWORKS_IMAGES", help="pushed ones: registry/path:tag"
    )
    @click.option("--add-ons", default="", envvar="RAYWORKS_ADDONS", help="'kueue -opencost'")
    @click.option(
        "--data", default="", envvar="RAYWORKS_DATA", type=click.Choice(["", "keep", "delete"])
    )
    @click.option("--force", is_flag=True, envvar="RAYWORKS_FORCE")
    @click.option("--yes", is_flag=True, envvar="RAYWORKS_YES", help="do not ask")
    @click.option("--kubeconfig", default="", envvar="KUBECONFIG", help="of CLOUD=existing")
    @functools.wraps(command)
    def placed(
        cloud: str, deployment: str, variables: Path | None, images: str, add_ons: str,
        data: str, force: bool, yes: bool, kubeconfig: str, **rest: Any,
    ) -> None:  # fmt: skip
        options = Options(
            name=deployment,
            variables=variables,
            images=images,
            add_ons=add_ons,
            data=data,
            force=force,
            yes=yes,
            kubeconfig=kubeconfig,
            values=rest.get("extra", ()),
        )
        place = environment(cloud, options)
        try:
            command(place, **rest)
        except UserError as error:
            raise place.explained(error) from error

    return placed


@click.group()
def main() -> None:
    """Ray on Kubernetes, from nothing to a finished job."""


def _standing(place: Environment) -> None:
    place.reach(lambda detail: None)
    if not Kube(place.kubeconfig).alive():
        raise UserError(f"no {place.name} cluster answers", command_of(place, "deploy"))


def _knows_ray(place: Environment) -> bool:
    kube = Kube(place.kubeconfig)
    return kube.alive() and kube.find("crd", "rayjobs.ray.io") is not None


def _go(stages: list[Stage], what: Workload) -> None:
    begun = time.monotonic()
    progress = Progress()
    run_stages(stages, progress)
    _closing_table(progress, what, time.monotonic() - begun)


def _closing_table(progress: Progress, what: Workload, seconds: float) -> None:
    rows: list[tuple[str, str]] = []
    if isinstance(what, Job) and (result := what.result()):
        for key in result.get("headline", ()):
            value = result[key]
            shown = f"{value:.4f}" if isinstance(value, float) else str(value)
            rows.append((key.replace("_", " "), shown))
        folder = what.results()
        if folder is not None:
            rows.append(("results", f"{_relative(folder)}/"))
        rows.append(("checkpoints", what.storage()))
    for outcome in progress.outcomes:
        before = " (was done)" if outcome.done_before else ""
        rows.append((f"stage {outcome.stage}", f"{outcome.seconds:.1f} s{before}"))
    rows.append(("all stages", f"{seconds:.1f} s"))
    _show(progress, [*rows, *what.connect()])


def _show(progress: Progress, rows: list[tuple[str, str]]) -> None:
    """Print labels and texts in two columns; a text may be longer than the terminal is wide."""
    width = max(len(label) for label, _ in rows)
    for label, text in rows:
        progress.console.print(f"  [bold]{label:<{width}}[/]  {escape(text)}", soft_wrap=True)


def _relative(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


@main.command()
@at_a_place
@workload_option
@namespace_option
@values_option
def up(place: Environment, name: str, namespace: str | None, extra: tuple[Path, ...]) -> None:
    """Everything: cluster, images, platform, workload."""
    what = workload(place, name, namespace, extra)
    _go([*place.stages(), Platform(place), what, Monitoring(place)], what)


@main.command()
@at_a_place
@workload_option
@namespace_option
@values_option
def run(place: Environment, name: str, namespace: str | None, extra: tuple[Path, ...]) -> None:
    """One workload on the platform that is there."""
    what = workload(place, name, namespace, extra)
    _standing(place)
    _go([*(one for one in place.stages() if one.name == "images"), what], what)


@main.command()
@at_a_place
@workload_option
@namespace_option
def remove(place: Environment, name: str, namespace: str | None) -> None:
    """One workload away; the platform stays."""
    what = workload(place, name, namespace)
    _standing(place)
    undo_stages([what], Progress())


@main.command()
@at_a_place
@workload_option
@namespace_option
@values_option
def diff(place: Environment, name: str, namespace: str | None, extra: tuple[Path, ...]) -> None:
    """What `run` would change of a workload that is there."""
    _standing(place)
    print((workload(place, name, namespace, extra).diff() or "nothing would change").rstrip())


@main.command()
@at_a_place
@namespace_option
def values(place: Environment, namespace: str | None) -> None:
    """The environment's block for charts that are installed by hand: a values file of theirs."""
    _standing(place)
    print(environment_values(place, namespace), end="")


@main.command()
@at_a_place
def destroy(place: Environment) -> None:
    """Everything away, backwards, and a look at what is left."""
    progress = Progress()
    place.confirm_end(progress.console)
    undo_stages(place.to_undo([Platform(place), Workloads(place)]), progress)
    if left := place.leftovers():
        raise UserError("something is left:\n  " + "\n  ".join(left), command_of(place, "destroy"))
    print("nothing is left")


def _stage_rows(place: Environment) -> tuple[list[tuple[str, str]], bool]:
    """Stages, label and text; whether all are done."""
    rows: list[tuple[str, str]] = []
    stages: list[Stage] = [*place.stages(), Platform(place), Monitoring(place)]
    complete = True
    for stage in stages:
        found = stage.check() if complete else None
        complete = found is not None
        rows.append((f"stage {stage.name}", found or f"not done: {command_of(place, 'deploy')}"))
    return rows, complete


def _workload_rows(place: Environment) -> list[tuple[str, str]]:
    """Workloads that are installed, label and text."""
    rows = []
    for what in running(place) if _knows_ray(place) else []:
        if obj := what.object():
            state = what.state(obj) or what.phase(obj)
            rows.append((f"workload {what.what.name}", f"{state} (namespace {what.namespace})"))
    return rows


@main.command()
@at_a_place
@click.option("--watch", "again", is_flag=True, help="go on: nodes as they come and go")
def status(place: Environment, again: bool) -> None:
    """What is there: stages and workloads."""
    rows, complete = _stage_rows(place)
    if again:
        _standing(place)
        console = Progress().console
        watch.watch(Kube(place.kubeconfig), lambda: [*rows, *_workload_rows(place)], console)
    else:
        _show(Progress(), [*rows, *_workload_rows(place)])
        if not complete:
            raise SystemExit(1)


@main.command()
@at_a_place
@workload_option
@namespace_option
@click.option("--follow", is_flag=True, help="go on until it ends")
def logs(place: Environment, name: str, namespace: str | None, follow: bool) -> None:
    """What the workload prints."""
    _standing(place)
    access.logs(workload(place, name, namespace), follow=follow)


@main.command()
@at_a_place
@workload_option
@namespace_option
@click.option("--port", default=8265, show_default=True, envvar="PORT", help="on this machine")
def dashboard(place: Environment, name: str, namespace: str | None, port: int) -> None:
    """The Ray dashboard on a local port, until Ctrl-C."""
    _standing(place)
    access.dashboard(workload(place, name, namespace), port)


@main.command()
@at_a_place
@workload_option
@namespace_option
@click.option("--ui", "page", default="ray", type=click.Choice(["ray", *pages.PORTS]))
@click.option("--port", type=int, default=None, envvar="PORT", help="on this machine")
def ui(place: Environment, name: str, namespace: str | None, page: str, port: int | None) -> None:
    """A web page with its login: Ray's dashboard, Grafana, Prometheus or MLflow."""
    _standing(place)
    if page == "ray":
        access.dashboard(workload(place, name, namespace), port or 8265)
    else:
        pages.show(place, page, port)


@main.command("size")
@click.option("--cloud", default="local", envvar="CLOUD")
@click.option("--model", required=True, help="parameters: 7b")
@click.option("--tokens", required=True, help="that it sees, all epochs together: 1b")
@click.option("--deadline", type=float, required=True, help="hours")
@click.option("--task", type=click.Choice(list(size.TASKS)), default="train", show_default=True)
def machines(cloud: str, model: str, tokens: str, deadline: float, task: str) -> None:
    """Which machines a language model and its data want by a deadline."""
    if cloud not in PROVIDERS:
        raise UserError(f"CLOUD={cloud} rents no machines", f"CLOUD={' or '.join(PROVIDERS)}")
    parameters, seen = size.amount(model, "MODEL"), size.amount(tokens, "TOKENS")
    provider = PROVIDERS[cloud].name
    found = size.choices(provider, parameters, seen, deadline, task)
    if not found:
        raise UserError(
            f"no {size.MOST} machines of {provider} do that in {deadline:g} hours",
            "a later DEADLINE, fewer TOKENS, a smaller MODEL, or TASK=adapt",
        )
    rows = []
    for one in found[:5]:
        price = "price not known" if one.dollars is None else f"{one.dollars:,.0f} USD"
        rows.append(
            (
                f"{one.machines} x {one.size}",
                f"{one.gpus} {one.gpu}, {one.hours:.1f} h, {price}; {one.bound} decides",
            )
        )
    rows += [("", "")]
    for line in size.advice(found[0], Deployment(cloud, Options()).outputs().get("node_pools", {})):
        label, _, text = line.partition(": ")
        rows.append((label, text))
    _show(Progress(), rows)
    print("an estimate within a factor of two, from list prices: measure on one machine first")


@main.command(context_settings={"ignore_unknown_options": True})
@at_a_place
@click.option("--workload", "name", default="cluster", envvar="WORKLOAD", show_default=True)
@namespace_option
@click.option(
    "--dir", "folder", default=".", envvar="DIR", type=click.Path(path_type=Path), show_default=True
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def submit(
    place: Environment, name: str, namespace: str | None, folder: Path, command: tuple[str, ...]
) -> None:
    """Run a local script on a standing cluster."""
    _standing(place)
    sys.exit(access.submit(workload(place, name, namespace), command, folder))


@exits_cleanly
def start() -> None:
    """Run the command line; click would end Ctrl-C with code 1 and a word of its own."""
    try:
        main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        raise SystemExit(error.exit_code) from error
    except click.Abort as error:
        raise KeyboardInterrupt from error


if __name__ == "__main__":
    start()
