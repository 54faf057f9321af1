"""What Kubernetes makes in the cloud by itself, and Terraform does not know: taken away first.

A load balancer keeps its network from going, a volume outlives its cluster, and a node that
Karpenter has made runs on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from clouds.addons import AddOns
from clouds.credentials import Credentials
from clouds.deployment import Deployment
from deploy import explain
from deploy.stages import Report, Undoable
from lib.errors import UserError
from lib.kube import Kube, Object

#: Objects that run work: those that others own come last.
RAY = ("raycronjobs", "rayjobs", "rayservices", "rayclusters")

#: Resources of Terraform's that are a cluster.
CLUSTERS = {"aws_eks_cluster", "azurerm_kubernetes_cluster"}

#: Seconds that controllers may take to remove what they have made in the cloud.
GONE = 600


class Made:
    """Load balancers, volumes and nodes that are there because an object of Kubernetes wants them.

    Args:
        deployment: which.
        credentials: how to reach its cluster.
        add_ons: whose controllers made them.
        inside: what else is to be removed from the cluster before.
    """

    name = "kubernetes"

    def __init__(
        self,
        deployment: Deployment,
        credentials: Credentials,
        add_ons: AddOns,
        inside: Sequence[Undoable],
    ) -> None:
        self.deployment = deployment
        self.credentials = credentials
        self.add_ons = add_ons
        self.inside = inside
        self.kube = Kube(deployment.record.kubeconfig)

    def undo(self, report: Report) -> str:
        """Remove the objects, and wait until what they stand for is gone.

        Raises:
            UserError: the cluster does not answer, or something does not go.
        """
        if not self._reached(report):
            return "no cluster"
        if self.kube.find("crd", "rayjobs.ray.io"):
            for kind in RAY:
                report(kind)
                # The operator must be there still: it cleans up behind its clusters.
                self._delete(kind)
        for stage in reversed(self.inside):
            report(stage.name)
            stage.undo(report)
        balancers = self._balancers()
        for one in balancers:
            self._delete_one(one)
        self._gone("load balancers", self._balancers, report)
        volumes = self._volumes()
        for claim in self.kube.list("pvc"):
            self._delete_one(claim)
        self.add_ons.undo(report)
        self._gone("nodes", self._nodes, report)
        self._gone("volumes", self._volumes, report)
        return f"{len(balancers)} load balancers, {len(volumes)} volumes"

    def _reached(self, report: Report) -> bool:
        there = self.deployment
        if not any(one["type"] in CLUSTERS for one in there.state()):
            return False
        if self.kube.alive():
            return True
        try:
            self.credentials.action(report)
        except UserError as error:
            if there.options.force:
                return False
            raise UserError(
                f"{error.message}\nload balancers and volumes that Kubernetes has made cannot be "
                "removed without it",
                f"{error.hint}; or, if the cluster is gone for good: "
                f"{there.command('destroy')} FORCE=1, which lists what is left of them",
            ) from error
        return True

    def _known(self, kind: str, definition: str) -> list[Object]:
        return self.kube.list(kind) if self.kube.find("crd", definition) else []

    def _balancers(self) -> list[Object]:
        services = [o for o in self.kube.list("services") if o["spec"]["type"] == "LoadBalancer"]
        gateways = self._known(
            "gateways.gateway.networking.k8s.io", "gateways.gateway.networking.k8s.io"
        )
        return [*services, *self.kube.list("ingresses"), *gateways]

    def _volumes(self) -> list[Object]:
        """Those that were made for a claim, and go with it."""
        return [
            one
            for one in self.kube.list("pv")
            if one["spec"].get("persistentVolumeReclaimPolicy") == "Delete"
            and "pv.kubernetes.io/provisioned-by" in (one["metadata"].get("annotations") or {})
        ]

    def _nodes(self) -> list[Object]:
        """Those that Karpenter has made, which go with its pools."""
        return self._known("nodeclaims.karpenter.sh", "nodeclaims.karpenter.sh")

    def _delete(self, kind: str) -> None:
        if self.kube.find("crd", f"{kind}.ray.io"):
            words = ("delete", kind, "--all", "--all-namespaces", f"--timeout={GONE}s")
            self.kube.run(*words, timeout=GONE + 30)

    def _delete_one(self, obj: Object) -> None:
        group = obj["apiVersion"].rpartition("/")[0]
        kind = ".".join(filter(None, (obj["kind"].lower(), group)))
        meta = obj["metadata"]
        words = ("delete", kind, meta["name"], "--ignore-not-found", "--wait=false")
        self.kube.run(*words, namespace=meta["namespace"])

    def _gone(self, what: str, find: Callable[[], list[Object]], report: Report) -> None:
        """Wait until nothing is found.

        Raises:
            UserError: something does not go.
        """
        left: list[Object] = []
        for _ in explain.patience(GONE, every=3):
            left = find()
            if not left:
                return
            report(f"waiting for {len(left)} {what} to go")
        names = ", ".join(
            "/".join(filter(None, (o["metadata"].get("namespace"), o["metadata"]["name"])))
            for o in left
        )
        raise UserError(
            f"{what} did not go within {GONE} s: {names}",
            f"kubectl --kubeconfig {self.kube.kubeconfig} describe says why; then again: "
            f"{self.deployment.command('destroy')}",
        )
