"""Helm releases that know what they were made from.

A release carries a label with a digest of its chart and values, so that whether there is
something to do is one quick question to the cluster, and no state is kept on this side.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from lib.kube import Kube
from lib.paths import ROOT, kube_cache, tool
from lib.shell import run

CHARTS = ROOT / "charts"
DIGEST_LABEL = "rayworks-digest"


@dataclass(frozen=True, slots=True)
class Installed:
    """What a cluster says of a release.

    Args:
        ours: these scripts have installed it.
        digest: of what it was made from, where it is deployed whole.
    """

    ours: bool
    digest: str


#: What is said of a release that is not there.
ABSENT = Installed(ours=False, digest="")


def installed(kubeconfig: Path) -> dict[tuple[str, str], Installed]:
    """All releases of a cluster, by namespace and name, in one question."""
    columns = {
        "namespace": ".metadata.namespace",
        "name": ".metadata.labels.name",
        "status": ".metadata.labels.status",
        "digest": f".metadata.labels.{DIGEST_LABEL}",
    }
    shown = ",".join(f"{title}:{path}" for title, path in columns.items())
    listed = Kube(kubeconfig).run(
        "get", "secrets", "--all-namespaces",
        "--selector", "owner=helm", "--no-headers", "-o", f"custom-columns={shown}",
    )  # fmt: skip
    found: dict[tuple[str, str], Installed] = {}
    for line in listed.splitlines():
        namespace, name, status, digest = line.split()
        before = found.get((namespace, name), ABSENT)
        ours = before.ours or digest != "<none>"
        deployed = status == "deployed"
        digest = digest if deployed and digest != "<none>" else before.digest
        found[namespace, name] = Installed(ours, digest)
    return found


@dataclass(frozen=True, slots=True)
class Release:
    """A chart, with values, in a namespace.

    Args:
        name: release name.
        chart: folder under charts/, or an absolute one; a chart's name in its repository.
        namespace: where it is installed.
        values: values files in the order in which they are merged.
        kubeconfig: the cluster.
        settings: further single values (path → value), as `--set-json` takes them.
        repository: URL (https: or oci:) of somebody else's repository; empty: it is ours.
        version: of somebody else's chart.
    """

    name: str
    chart: str
    namespace: str
    values: Sequence[Path]
    kubeconfig: Path
    settings: tuple[tuple[str, object], ...] = ()
    repository: str = ""
    version: str = ""

    def _helm(self, *words: str, timeout: float = 120, check: bool = True) -> str:
        command = [tool("helm"), *words, "--namespace", self.namespace]
        place = {
            "KUBECONFIG": str(self.kubeconfig),
            "KUBECACHEDIR": str(kube_cache(self.kubeconfig)),
        }
        return run(command, env=place, timeout=timeout, check=check).stdout

    def digest(self) -> str:
        """Hash of everything that decides what is installed (20 hex digits)."""
        digest = hashlib.sha256()
        if self.repository:
            digest.update("\0".join((self.repository, self.chart, self.version)).encode())
        else:
            for folder in (CHARTS / self.chart, CHARTS / "ray-common"):
                for path in sorted(p for p in folder.rglob("*") if p.is_file()):
                    name = str(path.relative_to(folder.parent))
                    digest.update(name.encode() + b"\0" + path.read_bytes())
        for path in self.values:
            digest.update(b"\0" + path.read_bytes())
        digest.update(json.dumps(self.settings).encode())
        return digest.hexdigest()[:20]

    def current(self) -> bool:
        """Whether exactly this chart with these values is deployed."""
        return self._listed("--deployed", "--selector", f"{DIGEST_LABEL}={self.digest()}")

    def installed(self) -> bool:
        """Whether there is a release of this name, whatever its state."""
        return self._listed()

    def others(self) -> list[str]:
        """Names of the other releases in its namespace, whatever their state."""
        found = json.loads(self._helm("list", "-o", "json"))
        return sorted(str(one["name"]) for one in found if one["name"] != self.name)

    def _listed(self, *filters: str) -> bool:
        text = self._helm("list", "--filter", f"^{self.name}$", "-o", "json", *filters)
        return bool(json.loads(text))

    def _source(self) -> list[str]:
        if not self.repository:
            return [str(CHARTS / self.chart)]
        if self.repository.startswith("oci://"):
            return [f"{self.repository}/{self.chart}", "--version", self.version]
        return [self.chart, "--repo", self.repository, "--version", self.version]

    def upgrade(self) -> None:
        """Install or upgrade. Nothing waits here: stages wait on conditions."""
        self._forget_unfinished()
        values = [word for path in self.values for word in ("--values", str(path))]
        settings = [
            word
            for path, value in self.settings
            for word in ("--set-json", f"{path}={json.dumps(value)}")
        ]
        self._helm(
            "upgrade", self.name, *self._source(), "--install",
            # the operator owns fields of the objects that Helm applies (chart-traps 1)
            "--force-conflicts", "--labels", f"{DIGEST_LABEL}={self.digest()}",
            *values, *settings, timeout=300,
        )  # fmt: skip

    def _forget_unfinished(self) -> None:
        """Drop records of installs and upgrades that were interrupted or failed.

        Helm refuses to go on from them. The objects stay, and the next upgrade takes them over.
        """
        unfinished = f"owner=helm,name={self.name},status notin (deployed,superseded)"
        kube = Kube(self.kubeconfig)
        kube.run("delete", "secrets", "--selector", unfinished, namespace=self.namespace)

    def template(self, *options: str) -> str:
        """What would be installed, as YAML."""
        values = [word for path in self.values for word in ("--values", str(path))]
        return self._helm("template", self.name, *self._source(), *values, *options)

    def upgraded(self) -> str:
        """What `upgrade` would apply, as YAML; the charts look at what the cluster has."""
        text = self.template("--dry-run=server", "--take-ownership", "--no-hooks")
        objects = [one for one in yaml.safe_load_all(text) if one]
        for one in objects:
            # as Helm itself marks what is a release's
            one["metadata"].setdefault("annotations", {}).update(
                {
                    "meta.helm.sh/release-name": self.name,
                    "meta.helm.sh/release-namespace": self.namespace,
                }
            )
        return yaml.safe_dump_all(objects)

    def uninstall(self) -> None:
        """Remove the release; no error when there is none."""
        self._helm("uninstall", self.name, "--ignore-not-found", "--wait", timeout=300)
