"""The platform stage: what a cluster gets once, before any workload."""

from __future__ import annotations

from deploy import explain
from deploy.environments import Environment
from deploy.helm import Release
from deploy.kube import Kube, available
from deploy.kube import namespace_object as namespace_object
from deploy.stages import Report
from lib.errors import UserError

NAMESPACE = "ray-system"
OPERATOR = "ray-operator"
MONITORING = "ray-monitoring"


class Platform:
    """The custom resource definitions, the operator that acts on them, and what watches both."""

    name = "platform"

    def __init__(self, place: Environment) -> None:
        self.kube = Kube(place.kubeconfig)
        files = place.values()
        self.crds = Release("ray-crds", "ray-crds", NAMESPACE, [], place.kubeconfig)
        self.operator = Release(OPERATOR, "ray-operator", NAMESPACE, files, place.kubeconfig)
        self.monitoring = Release(MONITORING, "ray-monitoring", NAMESPACE, files, place.kubeconfig)

    def _ready(self, name: str) -> bool:
        deployment = self.kube.find("deployment", name, NAMESPACE)
        if deployment is None:
            # Where there is a Prometheus already, ray-monitoring has no pod of its own.
            return name == MONITORING
        return available(deployment)

    def check(self) -> str | None:
        """All releases are what the checkout says, and what they run is available."""
        releases = (self.crds, self.operator, self.monitoring)
        if all(one.current() for one in releases) and not self._missing():
            return self._summary()
        return None

    def _missing(self) -> list[str]:
        return [name for name in (OPERATOR, MONITORING) if not self._ready(name)]

    def _summary(self) -> str:
        return f"CRDs, operator and monitoring in namespace {NAMESPACE}"

    def action(self, report: Report) -> str:
        """Install or upgrade all, and wait until operator and Prometheus are available."""
        self.kube.apply(namespace_object(NAMESPACE))
        report("custom resource definitions")
        if not self.crds.current():
            self.crds.upgrade()
        for release in (self.operator, self.monitoring):
            report(release.name)
            if not (release.current() and self._ready(release.name)):
                release.upgrade()
        for _ in explain.patience(seconds=180):
            if not self._missing():
                return self._summary()
            pods = self.kube.list("pods", NAMESPACE, "app.kubernetes.io/part-of=rayworks")
            if why := explain.trouble(self.kube, pods):
                raise UserError(
                    f"{', '.join(self._missing())} does not start:\n{why}", "make status"
                )
        reason = explain.namespace(self.kube, NAMESPACE)
        raise UserError(
            f"{', '.join(self._missing())} was not available within 180 s:\n{reason}", "make deploy"
        )

    def undo(self, report: Report) -> str:
        """Remove all; the operator's chart refuses while there are Ray objects."""
        if not self.kube.alive():
            return "no cluster"
        for release in (self.operator, self.monitoring):
            report(release.name)
            release.uninstall()
        report("custom resource definitions")
        self.crds.uninstall()
        self.kube.run("delete", "namespace", NAMESPACE, "--ignore-not-found", timeout=120)
        return "removed"
