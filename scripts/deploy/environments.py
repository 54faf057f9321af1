"""What differs between places: how the cluster comes to be, and where its images come from."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from deploy.capacity import Needs
from deploy.stages import Report, Stage
from lib.errors import UserError
from lib.paths import LOCAL, ROOT
from local import cluster, images, values


class Environment(Protocol):
    """A place that Rayworks can be deployed to."""

    name: str
    kubeconfig: Path

    def stages(self) -> list[Stage]:
        """The stages that are this place's own: cluster, credentials, images."""

    def values(self) -> list[Path]:
        """Values files that describe this place, in the order in which they are merged."""

    def fits(self, workload: str, needs: Needs) -> None:
        """Raise UserError when the place can never hold what a workload asks for."""

    def provide(self, manifests: str, report: Report) -> None:
        """Have the images that manifests name, and that the stages have not made."""

    def to_undo(self, inside: list[Stage]) -> list[Stage]:
        """What is to be undone, in the order of its making; inside: stages in the cluster."""

    def leftovers(self) -> list[str]:
        """What is still there after everything was undone, a line each."""


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

    def check(self) -> str | None:
        made = images.present(self.wanted) and values.current()
        return values.summary(self.wanted) if made else None

    def action(self, report: Report) -> str:
        images.build(self.wanted, report)
        values.write()
        return values.summary(self.wanted)

    def undo(self, report: Report) -> str:
        return "kept in the cache (make clean-cache removes them)"


class Local:
    """A real Kubernetes node in a box on this machine."""

    name = "local"
    kubeconfig = LOCAL / "kubeconfig"

    def stages(self) -> list[Stage]:
        """The box with its node, and the images built straight into it."""
        return [_Cluster(), _Images()]

    def values(self) -> list[Path]:
        """What is fixed for a local cluster, and what only this machine knows."""
        return [ROOT / "environments" / "local" / "values.yaml", LOCAL / "values.yaml"]

    def fits(self, workload: str, needs: Needs) -> None:
        """Compare with the cores and the memory that the node can give to pods."""
        values.check_fits(workload, cpu=needs.cpu, memory=needs.memory, gpus=needs.gpus)

    def provide(self, manifests: str, report: Report) -> None:
        """Build what few workloads need, such as Redis, when one does."""
        named = images.named_in(manifests)
        if not images.present(named):
            images.build(named, report)

    def to_undo(self, inside: list[Stage]) -> list[Stage]:
        """Only the box: its end ends all that runs in it."""
        return self.stages()

    def leftovers(self) -> list[str]:
        """Processes, mounts, interfaces and the like that the box has left behind."""
        return cluster.leftovers()


ENVIRONMENTS: dict[str, type[Environment]] = {"local": Local}


def environment(name: str) -> Environment:
    """The environment of this name."""
    if name not in ENVIRONMENTS:
        known = ", ".join(sorted(ENVIRONMENTS))
        raise UserError(f"CLOUD={name} is not known; there is: {known}", "make deploy CLOUD=local")
    return ENVIRONMENTS[name]()
