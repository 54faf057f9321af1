"""The stage that puts Ray's dashboards into a Grafana that the cloud runs.

One in the cluster finds them by itself: chart ray-monitoring makes ConfigMaps of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import yaml

from clouds.cli import Cli
from clouds.deployment import Deployment
from deploy.helm import CHARTS
from deploy.stages import Report

MONITORING = CHARTS / "ray-monitoring"
FOLDER = "Ray"


class Dashboards:
    """Azure Managed Grafana's, by `az grafana`."""

    name = "dashboards"

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        wanted = yaml.safe_load((MONITORING / "values.yaml").read_text())["dashboards"]["include"]
        folder = MONITORING / "files" / "dashboards"
        self.files = [folder / f"{name}.json" for name, on in wanted.items() if on]

    def _grafana(self) -> Mapping[str, Any]:
        """Its `name` and `resource_group`; empty where the cloud runs none."""
        add_ons = self.deployment.outputs().get("add_ons") or {}
        found: Mapping[str, Any] = add_ons.get("grafana") or {}
        return found

    def _digest(self) -> str:
        digest = hashlib.sha256(str(self._grafana().get("name")).encode())
        for path in self.files:
            digest.update(path.read_bytes())
        return digest.hexdigest()[:20]

    def check(self) -> str | None:
        """They are those of this checkout, or there is nowhere to put them."""
        if not self._grafana():
            return "the cloud runs no Grafana"
        current = self.deployment.record.get("dashboards") == self._digest()
        return self._summary() if current else None

    def _summary(self) -> str:
        return f"{len(self.files)} in folder {FOLDER} of {self._grafana()['name']}"

    def action(self, report: Report) -> str:
        """Write each, over the one of before."""
        grafana = self._grafana()
        az = Cli("az", "", self.deployment.provider.login)
        where = ["--name", grafana["name"], "--resource-group", grafana["resource_group"]]
        report("az extension amg")
        az.text("extension", "add", "--name", "amg", "--upgrade", "--yes", timeout=300)
        folders = az.json("grafana", "folder", "list", *where, "--output", "json") or []
        if FOLDER not in [one["title"] for one in folders]:
            az.text("grafana", "folder", "create", *where, "--title", FOLDER, "--output", "none")
        for path in self.files:
            report(path.stem)
            az.text(
                "grafana", "dashboard", "create", *where, "--folder", FOLDER,
                "--definition", str(path), "--overwrite", "true", "--output", "none",
            )  # fmt: skip
        self.deployment.record.set(dashboards=self._digest())
        return self._summary()

    def undo(self, report: Report) -> str:
        """They go with their Grafana."""
        return "they go with their Grafana"
