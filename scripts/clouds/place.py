"""Azure and AWS: from a subscription or an account to a cluster, and back to nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from clouds import plan
from clouds.addons import AddOns
from clouds.cli import EXPIRED
from clouds.cluster import Cluster
from clouds.credentials import Credentials
from clouds.dashboards import Dashboards
from clouds.deployment import Deployment
from clouds.images import CloudRegistry, Images, Registry
from clouds.made import Made
from clouds.preflight import Preflight
from clouds.record import fixed
from deploy.capacity import Needs
from deploy.options import Options
from deploy.stages import Report, Stage, Undoable
from lib.errors import UserError
from lib.kube import OWNER, Kube


class _Images(Images):
    """Pushed to the registry that Terraform has made."""

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(deployment.record, deployment.options, deployment.command("deploy"))
        self.deployment = deployment

    def registry(self) -> Registry | None:
        """The output `registry`."""
        host = self.deployment.outputs().get("registry")
        return CloudRegistry(self.deployment.provider, host) if host else None


class Cloud:
    """AKS or EKS.

    Args:
        name: `aks` or `eks`.
        options: what the user says.
    """

    def __init__(self, name: str, options: Options) -> None:
        self.name = name
        self.deployment = Deployment(name, options)
        self.kubeconfig = self.deployment.record.kubeconfig
        self.words = self.deployment.words
        self.credentials = Credentials(self.deployment)
        self.add_ons = AddOns(
            name, self.deployment.record, options.add_ons, self.deployment.outputs,
            self.deployment.command("deploy"),
        )  # fmt: skip

    def stages(self) -> list[Stage]:
        """Preflight, what Terraform makes, and what a cluster wants before the platform."""
        preflight = Preflight(self.deployment)
        return [
            preflight,
            Cluster(self.deployment, preflight),
            self.credentials,
            _Images(self.deployment),
            self.add_ons,
            Dashboards(self.deployment),
        ]

    def values(self) -> list[Path]:
        """What is fixed in this cloud, what only Terraform knows, and the images."""
        folder = self.deployment.record.folder
        return [fixed(self.name, "values.yaml"), folder / "values.yaml", folder / "images.yaml"]

    def platform_values(self) -> list[Path]:
        """The same: images are pushed together."""
        return self.values()

    def storage_class(self) -> str:
        """As Terraform says."""
        return self.deployment.outputs().get("storage_class") or ""

    def fits(self, workload: str, needs: Needs) -> None:
        """Compare with what the pools may grow to, as far as the sizes are known."""
        pools = self.deployment.outputs().get("node_pools") or {}
        gpus = sum((one.get("gpus") or 0) * (one.get("max") or 0) for one in pools.values())
        short = []
        if needs.gpus > gpus:
            short.append(f"{needs.gpus:g} GPUs, and the pools may have {gpus}")
        if pools and all(one.get("vcpus") for one in pools.values()):
            cores = sum(one["vcpus"] * (one.get("max") or 0) for one in pools.values())
            if needs.cpu > cores:
                short.append(f"{needs.cpu:g} cores, and the pools may have {cores}")
        if short:
            raise UserError(
                f"{workload} can never run in {self.deployment.name}: it asks for "
                f"{'; for '.join(short)}",
                f"a larger `max` in {self.deployment.variables.name} (cpu_pool, gpu_pools), then "
                f"{self.deployment.command('deploy')}",
            )

    def provide(self, manifests: str, report: Report) -> None:
        """Nothing: nodes pull what pods name."""

    def reach(self, report: Report) -> None:
        """Fetch credentials anew: in a fresh checkout, or when they are no longer good."""
        if Kube(self.kubeconfig).alive():
            return
        if not self.deployment.outputs() and not self.deployment.state():
            return
        self.credentials.action(report)

    def equip(self, kube: Kube, namespace: str) -> None:
        """The password of a Redis that the cloud runs.

        It goes from the cloud into the Secret: no output and no file of Terraform's has it.
        """
        outputs = self.deployment.outputs()
        redis = (outputs.get("add_ons") or {}).get("redis")
        wanted = (outputs.get("helm_values") or {}).get("redis") or {}
        name = wanted.get("credentialsSecret")
        if not redis or not name or kube.find("secret", name, namespace) is not None:
            return
        password = self.deployment.provider.password(redis, outputs["region"])
        kube.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name, "namespace": namespace, "labels": OWNER},
                "stringData": {"password": password},
            }
        )

    def confirm_end(self, console: Console) -> None:
        """Say what would be destroyed, where, and what becomes of the data."""
        there = self.deployment
        resources = there.state()
        there.check_owner(resources)
        if not resources:
            there.check_unknown(there.region())
            return
        kept = plan.kept(resources)
        data = [one["address"] for one in resources if one["type"] in plan.DATA]
        delete = there.options.data == "delete"
        going = len(resources) if delete else len(resources) - len(kept)
        rows = [
            (there.provider.account_word, f"{there.account.name}, as {there.account.user}"),
            ("deployment", there.name),
            ("state", there.terraform.backend()),
            ("to destroy", f"{going} resources, and all workloads with their volumes"),
            ("data", f"{'DELETED' if delete else 'stays'}: {', '.join(data) or 'none'}"),
        ]
        for label, text in rows:
            console.print(f"  [bold]{label:<12}[/]  {escape(text)}", soft_wrap=True)
        again = there.command("destroy")
        there.options.agree(console, "There is no way back.", there.name, again)

    def to_undo(self, inside: Sequence[Undoable]) -> list[Undoable]:
        """What Terraform has made, and before it what Kubernetes has made of itself."""
        made = Made(self.deployment, self.credentials, self.add_ons, inside)
        return [Cluster(self.deployment, Preflight(self.deployment)), made]

    def leftovers(self) -> list[str]:
        """What the cloud has with the deployment's tag, data left out that was to stay."""
        there = self.deployment
        state = there.state()
        known = {str(one["values"].get(key)).lower() for one in state for key in ("arn", "id")}
        found = there.provider.left(there.name, there.region())
        left = [one for one in found if one.what.lower() not in known]
        if not state and not left:
            there.record.forget()
        return [str(one) for one in left]

    def dashboards(self) -> dict[str, str]:
        """Those that the cloud runs."""
        found: dict[str, Any] = self.deployment.outputs().get("dashboards") or {}
        return {name: url for name, url in found.items() if url}

    def explained(self, error: UserError) -> UserError:
        """A login that has run out shows in kubectl and helm as well."""
        login = self.deployment.provider.login
        if EXPIRED.search(error.message) and login not in (error.hint or ""):
            again = f"{login}; the same command then goes on from here"
            return UserError(error.message, again)
        return error
