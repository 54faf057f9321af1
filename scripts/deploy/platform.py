"""The platform stage: what a cluster gets once, before any workload."""

from __future__ import annotations

from deploy import explain
from deploy.environments import Environment
from deploy.helm import Release
from deploy.kube import Kube, condition
from deploy.stages import Report
from lib.errors import UserError

NAMESPACE = "ray-system"
OPERATOR = "ray-operator"


def namespace_object(name: str) -> dict[str, object]:
    """A namespace that enforces the restricted Pod Security Standard."""
    level = {
        f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")
    }
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": {"app.kubernetes.io/managed-by": "rayworks", **level},
        },
    }


class Platform:
    """The custom resource definitions, and the operator that acts on them."""

    name = "platform"

    def __init__(self, place: Environment) -> None:
        self.kube = Kube(place.kubeconfig)
        files = place.values()
        self.crds = Release("ray-crds", "ray-crds", NAMESPACE, [], place.kubeconfig)
        self.operator = Release(OPERATOR, "ray-operator", NAMESPACE, files, place.kubeconfig)

    def _ready(self) -> bool:
        deployment = self.kube.find("deployment", OPERATOR, NAMESPACE)
        if deployment is None:
            return False
        status = deployment.get("status", {})
        current = status.get("observedGeneration") == deployment["metadata"]["generation"]
        updated = status.get("updatedReplicas", 0) == deployment["spec"]["replicas"]
        return current and updated and condition(deployment, "Available")

    def check(self) -> str | None:
        """Both releases are what the checkout says, and the operator is available."""
        if self.crds.current() and self.operator.current() and self._ready():
            return self._summary()
        return None

    def _summary(self) -> str:
        return f"CRDs and operator in namespace {NAMESPACE}"

    def action(self, report: Report) -> str:
        """Install or upgrade both, and wait until the operator is available."""
        self.kube.apply(namespace_object(NAMESPACE))
        report("custom resource definitions")
        if not self.crds.current():
            self.crds.upgrade()
        report("operator")
        if not self.operator.current():
            self.operator.upgrade()
        for _ in explain.patience(seconds=180):
            if self._ready():
                return self._summary()
            pods = self.kube.list("pods", NAMESPACE, "app.kubernetes.io/component=operator")
            if why := explain.trouble(self.kube, pods):
                raise UserError(f"the operator does not start:\n{why}", "make status")
        reason = explain.namespace(self.kube, NAMESPACE)
        raise UserError(f"the operator was not available within 180 s:\n{reason}", "make deploy")

    def undo(self, report: Report) -> str:
        """Remove both; the charts refuse while there are Ray objects."""
        if not self.kube.alive():
            return "no cluster"
        report("operator")
        self.operator.uninstall()
        report("custom resource definitions")
        self.crds.uninstall()
        self.kube.run("delete", "namespace", NAMESPACE, "--ignore-not-found", timeout=120)
        return "removed"
