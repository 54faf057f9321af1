"""A cluster that somebody else made: nothing is changed in it but what is installed from here."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.markup import escape

from clouds.addons import AddOns
from clouds.images import Images
from clouds.record import Record, fixed
from deploy.capacity import Needs, quantity
from deploy.options import Options
from deploy.stages import Report, Stage, Undoable
from lib.errors import UserError
from lib.kube import Kube
from lib.paths import ROOT

AGAIN = "make deploy CLOUD=existing"

#: What installing the platform takes: verb, group, resource, namespace (empty: all).
RIGHTS = (
    ("create", "", "namespaces", ""),
    ("create", "apiextensions.k8s.io", "customresourcedefinitions", ""),
    ("create", "rbac.authorization.k8s.io", "clusterroles", ""),
    ("create", "rbac.authorization.k8s.io", "clusterrolebindings", ""),
    ("create", "apps", "deployments", "ray-system"),
    ("create", "", "secrets", "ray-system"),
    ("create", "", "persistentvolumeclaims", ""),
    ("create", "ray.io", "rayjobs", ""),
    ("create", "", "pods/exec", ""),
    ("list", "", "nodes", ""),
)


def minor(text: str) -> int:
    """The minor version of Kubernetes in what it says of itself: v1.34.2-gke.1 is 34."""
    found = re.match(r"v?1\.(\d+)", text)
    return int(found[1]) if found else 0


def oldest() -> int:
    """The oldest minor version of Kubernetes that the charts run on."""
    chart = yaml.safe_load((ROOT / "charts" / "ray-operator" / "Chart.yaml").read_text())
    return minor(str(chart["kubeVersion"]).removeprefix(">="))


class _Credentials:
    """One context of the user's kubeconfig, in a file of its own: a later switch changes nothing.

    Args:
        record: where it goes.
        source: the user's file; empty: the one of before.
        values: the user's values files, whose `global` block describes the cluster.
    """

    name = "credentials"

    def __init__(self, record: Record, source: str, values: Sequence[Path]) -> None:
        self.record = record
        self.source = source
        self.given = values
        self.kube = Kube(record.kubeconfig)

    def _described(self) -> dict[str, Any]:
        from deploy.workloads import merged

        block = merged(self.given).get("global", {})
        return {"global": block} if block else {}

    def check(self) -> str | None:
        """It is the same file as before, and answers; the values are the same."""
        record = self.record
        if self.changed():
            return None
        if not (record.folder / "values.yaml").exists():
            return None
        described = self._described()
        if described and described != yaml.safe_load((record.folder / "values.yaml").read_text()):
            return None
        return self._summary() if self.kube.alive() else None

    def changed(self) -> bool:
        """Whether the user means another file than before."""
        return bool(self.source) and self._source() != self.record.get("kubeconfig")

    def _summary(self) -> str:
        return str(self.record.get("server"))

    def _source(self) -> str:
        path = Path(self.source).expanduser()
        if ":" in self.source or not path.is_file():
            raise UserError(
                f"KUBECONFIG={self.source} is not a file",
                f"{AGAIN} KUBECONFIG=path; one file, with the cluster's context as the current one",
            )
        return str(path.resolve())

    def confirm(self, console: Console) -> None:
        """Nothing is asked: what is used is said, and nothing of it is changed."""
        source = self._source() if self.source else self.record.get("kubeconfig")
        if source:
            console.print(f"  [bold]kubeconfig[/]  {escape(source)}", soft_wrap=True)

    def action(self, report: Report) -> str:
        """Copy the context, and see whether the cluster answers, is new enough, and lets us.

        Raises:
            UserError: it is not so.
        """
        self.copy(report)
        self._look(str(self.record.get("server")))
        if described := self._described():
            self.record.values("values.yaml", described)
        elif not (self.record.folder / "values.yaml").exists():
            self.record.values("values.yaml", {})
        return self._summary()

    def copy(self, report: Report) -> None:
        """Copy the context.

        Raises:
            UserError: there is none, or its cluster does not answer.
        """
        source = self._source() if self.source else self.record.get("kubeconfig")
        if not source:
            raise UserError("CLOUD=existing wants a kubeconfig", f"{AGAIN} KUBECONFIG=path")
        theirs = Kube(Path(source))
        text = theirs.run("config", "view", "--flatten", "--minify", "-o", "json")
        content = json.loads(text)
        if not content.get("contexts"):
            raise UserError(
                f"{source} has no current context",
                f"kubectl --kubeconfig {source} config use-context NAME",
            )
        server = content["clusters"][0]["cluster"]["server"]
        context = content["contexts"][0]["name"]
        path = self.record.kubeconfig
        self.record.write("kubeconfig", text).rename(path)
        report(f"context {context}, {server}")
        if why := self.kube.unanswered():
            raise UserError(f"{server} (context {context} of {source}) does not answer: {why}")
        self.record.set(kubeconfig=source, server=f"{context} at {server}")

    def _look(self, server: str) -> None:
        version = json.loads(self.kube.run("version", "-o", "json"))["serverVersion"]["gitVersion"]
        if minor(version) < oldest():
            raise UserError(
                f"{server} runs Kubernetes {version}; the charts want 1.{oldest()} or later",
                "upgrade the cluster first",
            )
        if refused := refusals(self.kube):
            raise UserError(
                f"this login may not do in {server}:\n  " + "\n  ".join(refused),
                "ask for a role that may: cluster-admin does",
            )
        crd = self.kube.find("crd", "rayclusters.ray.io")
        if crd is not None:
            marks = crd["metadata"].get("annotations") or {}
            owner = marks.get("meta.helm.sh/release-name")
            if owner != "ray-crds":
                raise UserError(
                    f"{server} has KubeRay's definitions already, of "
                    f"{f'release {owner}' if owner else 'no release of Helm'}",
                    "docs/migration.md tells how these charts take them over",
                )

    def undo(self, report: Report) -> str:
        """Forget the copy."""
        self.record.forget()
        return "the copy is removed; your own file is as it was"


def refusals(kube: Kube) -> list[str]:
    """What a login may not do of all that is needed, as the API server reviews it."""
    reviews = [
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {
                "resourceAttributes": {
                    "verb": verb,
                    "group": group,
                    "resource": resource.partition("/")[0],
                    "subresource": resource.partition("/")[2],
                    "namespace": namespace,
                }
            },
        }
        for verb, group, resource, namespace in RIGHTS
    ]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": reviews})
    # one after the other, with nothing between them
    answer = kube.run("create", "-f", "-", "-o", "json", input_text=text).strip()
    said = []
    while answer:
        one, end = json.JSONDecoder().raw_decode(answer)
        said.append(one)
        answer = answer[end:].strip()
    refused = []
    for (verb, group, resource, namespace), one in zip(RIGHTS, said, strict=True):
        if not one["status"]["allowed"]:
            where = f" in {namespace}" if namespace else ""
            refused.append(f"{verb} {'.'.join(filter(None, (resource, group)))}{where}")
    return refused


class Existing:
    """A cluster that is there.

    Args:
        options: what the user says.
    """

    name = "existing"
    words = "CLOUD=existing"

    def __init__(self, options: Options) -> None:
        self.record = Record(self.name)
        self.kubeconfig = self.record.kubeconfig
        self.credentials = _Credentials(self.record, options.kubeconfig, options.values)
        self.images = Images(self.record, options, AGAIN)
        self.add_ons = AddOns(self.name, self.record, options.add_ons, dict, AGAIN)
        self.options = options

    def stages(self) -> list[Stage]:
        """No cluster is made, and no image is built."""
        return [self.credentials, self.images, self.add_ons]

    def values(self) -> list[Path]:
        """The defaults of the place, what the user says of it, and the images."""
        own = [self.record.folder / name for name in ("values.yaml", "images.yaml")]
        return [fixed(self.name, "values.yaml"), *own]

    def platform_values(self) -> list[Path]:
        """The same: images are pushed together."""
        return self.values()

    def storage_class(self) -> str:
        """The cluster's default; a class of its own comes with a claim that is made before."""
        return ""

    def fits(self, workload: str, needs: Needs) -> None:
        """Whether any node knows a GPU; for all else nodes may come."""
        if not needs.gpus:
            return
        nodes = Kube(self.kubeconfig).list("nodes")
        gpus = sum(
            quantity(amount)
            for node in nodes
            for name, amount in node["status"].get("allocatable", {}).items()
            if name.endswith("/gpu")
        )
        if not gpus:
            raise UserError(
                f"{workload} asks for {needs.gpus:g} GPUs, and no node of the cluster offers one",
                "install a device plugin, or say in VALUES that pool gpu has no accelerator and "
                "falls back: global.ray.pools.gpu {accelerator: {resource: none}, fallback: cpu}",
            )

    def provide(self, manifests: str, report: Report) -> None:
        """Nothing: nodes pull what pods name."""

    def reach(self, report: Report) -> None:
        """Copy the context, where there is no copy, or another file is meant."""
        given = self.options.kubeconfig
        if given and (self.credentials.changed() or not self.kubeconfig.exists()):
            self.credentials.copy(report)

    def equip(self, kube: Kube, namespace: str) -> None:
        """Nothing."""

    def confirm_end(self, console: Console) -> None:
        """Say what would be removed, and what would not."""
        if not self.kubeconfig.exists():
            return
        server = self.record.get("server")
        console.print(f"  [bold]from[/]  {escape(str(server))}", soft_wrap=True)
        console.print("  all workloads, the platform and the add-ons that were installed from here")
        again = "make destroy CLOUD=existing"
        self.options.agree(console, "Their volumes go with them.", "yes", again)

    def to_undo(self, inside: Sequence[Undoable]) -> list[Undoable]:
        """All that was installed from here; the cluster stays."""
        return [self.credentials, self.add_ons, *inside]

    def leftovers(self) -> list[str]:
        """Nothing: the cluster's own things are not ours to list."""
        return []

    def dashboards(self) -> dict[str, str]:
        """None that we know."""
        return {}

    def explained(self, error: UserError) -> UserError:
        """As it is."""
        return error
