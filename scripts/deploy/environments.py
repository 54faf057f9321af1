"""What differs between places: how the cluster comes to be, and where its images come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rich.console import Console

from deploy.capacity import Needs
from deploy.options import Options
from deploy.stages import Report, Stage, Undoable
from lib.errors import UserError
from lib.kube import Kube
from lib.paths import LOCAL, ROOT
from local import cluster, images, layout, values


class Environment(Protocol):
    """A place that Rayworks can be deployed to."""

    name: str
    kubeconfig: Path
    #: What a make command says to mean this place; empty: it is meant without.
    words: str

    def stages(self) -> list[Stage]:
        """The stages that are this place's own: cluster, credentials, images, add-ons."""

    def values(self) -> list[Path]:
        """Values files that describe this place, in the order in which they are merged.

        They are there when the stages have run.
        """

    def platform_values(self) -> list[Path]:
        """The same for what a cluster gets once."""

    def storage_class(self) -> str:
        """Class of the volume that all pods of a workload share; empty: the cluster's default."""

    def fits(self, workload: str, needs: Needs) -> None:
        """Raise UserError when the place can never hold what a workload asks for."""

    def provide(self, manifests: str, report: Report) -> None:
        """Have the images that manifests name, and that the stages have not made."""

    def reach(self, report: Report) -> None:
        """Have credentials of a cluster that is there, where this checkout has none."""

    def equip(self, kube: Kube, namespace: str) -> None:
        """Have what pods in a namespace want of this place, such as Secrets."""

    def confirm_end(self, console: Console) -> None:
        """Show what `make destroy` would take away; raise UserError unless the user wants it."""

    def to_undo(self, inside: Sequence[Undoable]) -> list[Undoable]:
        """What is to be undone, in the order of its making; inside: what is in the cluster."""

    def leftovers(self) -> list[str]:
        """What is still there after everything was undone, a line each."""

    def dashboards(self) -> dict[str, str]:
        """Web pages of the place itself, by name: URL."""

    def explained(self, error: UserError) -> UserError:
        """An error in this place's words, where it knows more of it than who raised it."""


def command(place: Environment, target: str, *words: str) -> str:
    """A make command for a place, to be copied."""
    return " ".join(filter(None, ("make", target, *words, place.words)))


class _Cluster:
    name = "cluster"

    def check(self) -> str | None:
        return cluster.summary() if cluster.healthy() else None

    def action(self, report: Report) -> str:
        cluster.up(report)
        return cluster.summary()

    def undo(self, report: Report) -> str:
        cluster.down(report)
        return "removed, with its volumes; images and tools stay in the cache"


class _Images:
    name = "images"
    wanted = ("operator", "prometheus", "ray")
    hooks = values.PLATFORM_RAY

    def check(self) -> str | None:
        made = images.present([*self.wanted, self.hooks]) and values.current()
        return values.summary(self.wanted) if made else None

    def action(self, report: Report) -> str:
        images.build([*self.wanted, self.hooks], report)
        values.write()
        return values.summary(self.wanted)

    def undo(self, report: Report) -> str:
        return "kept in the cache (make clean-cache removes them)"


class Local:
    """A real Kubernetes node in a box on this machine."""

    name = "local"
    kubeconfig = LOCAL / "kubeconfig"
    words = ""

    def stages(self) -> list[Stage]:
        """The box with its node, and the images built straight into it."""
        return [_Cluster(), _Images()]

    def values(self) -> list[Path]:
        """What is fixed for a local cluster, and what only this machine knows."""
        return [ROOT / "environments" / "local" / "values.yaml", layout.VALUES]

    def platform_values(self) -> list[Path]:
        """The same, with an image of Ray that a change to a workload leaves as it is."""
        return [ROOT / "environments" / "local" / "values.yaml", layout.PLATFORM_VALUES]

    def storage_class(self) -> str:
        """The default: local-path-provisioner's."""
        return ""

    def fits(self, workload: str, needs: Needs) -> None:
        """Compare with the cores and the memory that the node can give to pods."""
        values.check_fits(workload, cpu=needs.cpu, memory=needs.memory, gpus=needs.gpus)

    def provide(self, manifests: str, report: Report) -> None:
        """Build what few workloads need, such as Redis, when one does."""
        named = images.named_in(manifests)
        if not images.present(named):
            images.build(named, report)

    def reach(self, report: Report) -> None:
        """Nothing: they are made with the cluster."""

    def equip(self, kube: Kube, namespace: str) -> None:
        """Nothing."""

    def confirm_end(self, console: Console) -> None:
        """Nothing is asked: it costs a minute to have it again."""

    def to_undo(self, inside: Sequence[Undoable]) -> list[Undoable]:
        """Only the box: its end ends all that runs in it."""
        return list(self.stages())

    def leftovers(self) -> list[str]:
        """Processes, mounts, interfaces and the like that the box has left behind."""
        return cluster.leftovers()

    def dashboards(self) -> dict[str, str]:
        """None: all that there is runs in the cluster."""
        return {}

    def explained(self, error: UserError) -> UserError:
        """As it is."""
        return error


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a place is made, and which options mean something to it."""

    make: Callable[[Options], Environment]
    options: frozenset[str] = frozenset()


def _cloud(name: str) -> Callable[[Options], Environment]:
    def make(options: Options) -> Environment:
        from clouds.place import Cloud

        return Cloud(name, options)

    return make


def _kind(options: Options) -> Environment:
    from clouds.kind import KindCluster

    return KindCluster(options)


def _existing(options: Options) -> Environment:
    from clouds.existing import Existing

    return Existing(options)


_CLOUD_OPTIONS = frozenset({"NAME", "VARS", "IMAGES", "ADDONS", "DATA", "FORCE"})

ENVIRONMENTS: dict[str, _Kind] = {
    "aks": _Kind(_cloud("aks"), _CLOUD_OPTIONS),
    "eks": _Kind(_cloud("eks"), _CLOUD_OPTIONS),
    "existing": _Kind(_existing, frozenset({"IMAGES", "ADDONS"})),
    "kind": _Kind(_kind, frozenset({"IMAGES", "ADDONS"})),
    "local": _Kind(lambda _: Local()),
}


def environment(name: str, options: Options | None = None) -> Environment:
    """The environment of this name.

    Raises:
        UserError: there is no such place, or an option means nothing to it.
    """
    if name not in ENVIRONMENTS:
        known = ", ".join(sorted(ENVIRONMENTS))
        raise UserError(f"CLOUD={name} is not known; there is: {known}", "make deploy CLOUD=local")
    kind = ENVIRONMENTS[name]
    options = options or Options()
    for word in options.given():
        if word not in kind.options:
            knows = ", ".join(sorted(kind.options)) or "none"
            raise UserError(
                f"{word}= means nothing to CLOUD={name}; of its kind it knows {knows}",
                f"make deploy CLOUD={name}, without it",
            )
    return kind.make(options)
