"""What a cluster gets once: the stage before any workload, and the wait for what none needs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from deploy import explain
from deploy.environments import Environment
from deploy.helm import ABSENT, Release, installed
from deploy.stages import Report
from lib.errors import UserError
from lib.kube import Kube, available, namespace_object

NAMESPACE = "ray-system"
OPERATOR = "ray-operator"
MONITORING = "ray-monitoring"

#: What workloads are made of.
KINDS = {"rayclusters.ray.io", "rayjobs.ray.io", "rayservices.ray.io"}


class Platform:
    """The custom resource definitions, the operator that acts on them, and what watches both."""

    name = "platform"

    def __init__(self, place: Environment) -> None:
        self.kube = Kube(place.kubeconfig)
        files = place.platform_values()
        self.crds = Release("ray-crds", "ray-crds", NAMESPACE, [], place.kubeconfig)
        self.operator = Release(OPERATOR, "ray-operator", NAMESPACE, files, place.kubeconfig)
        self.monitoring = Release(MONITORING, "ray-monitoring", NAMESPACE, files, place.kubeconfig)

    def check(self) -> str | None:
        """All releases are what the checkout says, and the operator is available."""
        if not self._outdated() and _available(self.kube, OPERATOR):
            return self._summary()
        return None

    def _outdated(self) -> list[Release]:
        """Those that are not deployed as the checkout says."""
        found = installed(self.kube.kubeconfig)
        return [
            one
            for one in (self.crds, self.operator, self.monitoring)
            if one.digest() != found.get((one.namespace, one.name), ABSENT).digest
        ]

    def _summary(self) -> str:
        return f"CRDs, operator and monitoring in namespace {NAMESPACE}"

    def action(self, report: Report) -> str:
        """Install or upgrade all, and wait until the operator is available."""
        self.kube.apply(namespace_object(NAMESPACE))
        outdated = self._outdated()
        if self.crds in outdated:
            report("custom resource definitions")
            self.crds.upgrade()
        rest = [
            one
            for one in (self.operator, self.monitoring)
            if one in outdated or not _available(self.kube, one.name)
        ]
        if rest:
            report(" and ".join(one.name for one in rest))
            with ThreadPoolExecutor() as pool:
                list(pool.map(Release.upgrade, rest))
        report(f"waiting for {OPERATOR}")
        _wait(self.kube, OPERATOR)
        self._wait_until_served()
        return self._summary()

    def _wait_until_served(self) -> None:
        """Until kubectl, which keeps what it has once heard, knows Ray's kinds.

        The API server tells of new definitions some seconds after it has them.
        """
        kinds: set[str] = set()
        for _ in explain.patience(seconds=60):
            kinds = set(self.kube.run("api-resources", "--api-group=ray.io", "-o", "name").split())
            if kinds >= KINDS:
                return
        raise UserError(
            f"the API server did not serve {', '.join(sorted(KINDS - kinds))} within 60 s",
            "make deploy",
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


class Monitoring:
    """The wait for the platform's Prometheus, behind the workload, which does not need it."""

    name = "monitoring"

    def __init__(self, place: Environment) -> None:
        self.kube = Kube(place.kubeconfig)

    def check(self) -> str | None:
        """Prometheus is available, or the cluster has another one."""
        own = self.kube.find("deployment", MONITORING, NAMESPACE)
        if own is None:
            return "by what the cluster has"
        return self._summary() if available(own) else None

    def _summary(self) -> str:
        return f"Prometheus in namespace {NAMESPACE}"

    def action(self, report: Report) -> str:
        """Wait until it is available."""
        report("Prometheus")
        _wait(self.kube, MONITORING)
        return self._summary()

    def undo(self, report: Report) -> str:
        """The platform takes it away."""
        return "goes with the platform"


def _available(kube: Kube, name: str) -> bool:
    deployment = kube.find("deployment", name, NAMESPACE)
    if deployment is None:
        # Where there is a Prometheus already, ray-monitoring has no pod of its own.
        return name == MONITORING
    return available(deployment)


def _wait(kube: Kube, name: str) -> None:
    """Wait until a deployment of the platform is available.

    Raises:
        UserError: it cannot start, or does not within 180 s.
    """
    for _ in explain.patience(seconds=180):
        if _available(kube, name):
            return
        pods = kube.list("pods", NAMESPACE, f"app.kubernetes.io/instance={name}")
        if why := explain.trouble(kube, pods):
            raise UserError(f"{name} does not start:\n{why}", "make status")
    reason = explain.namespace(kube, NAMESPACE)
    raise UserError(f"{name} was not available within 180 s:\n{reason}", "make deploy")
