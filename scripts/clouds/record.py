"""What is remembered of a deployment, in `.kube/`: no secret but the kubeconfig, no state.

All of it can be made anew: from Terraform's state, from the cluster, from what the user says again.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lib.paths import ROOT, kube_cache

FOLDER = ROOT / ".kube"

#: What is fixed in each place.
ENVIRONMENTS = ROOT / "environments"

#: The deployment that is meant when none is named.
DEFAULT = "rayworks"


def fixed(cloud: str, name: str) -> Path:
    """A file of a place's folder: `values.yaml`, `addons.yaml`."""
    return ENVIRONMENTS / cloud / name


@dataclass(frozen=True, slots=True)
class Record:
    """Files of one deployment.

    Args:
        cloud: the environment.
        deployment: its name.
    """

    cloud: str
    deployment: str = DEFAULT

    @property
    def key(self) -> str:
        """What its files begin with."""
        return self.cloud if self.deployment == DEFAULT else f"{self.cloud}-{self.deployment}"

    @property
    def kubeconfig(self) -> Path:
        """How to reach the cluster; never the user's own file."""
        return FOLDER / f"{self.key}.yaml"

    @property
    def folder(self) -> Path:
        """Everything else."""
        return FOLDER / self.key

    def get(self, name: str, default: Any = None) -> Any:
        """A fact that was remembered."""
        return self._all().get(name, default)

    def set(self, **facts: Any) -> None:
        """Remember facts; None forgets one."""
        everything = {k: v for k, v in {**self._all(), **facts}.items() if v is not None}
        self.write("record.json", json.dumps(everything, indent=2, sort_keys=True) + "\n")

    def _all(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self.folder / "record.json").read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return found

    def write(self, name: str, text: str) -> Path:
        """Write a file that nobody else can read, whole or not at all."""
        path = self.folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        part.rename(path)
        return path

    def values(self, name: str, content: dict[str, Any]) -> Path:
        """Write a values file."""
        return self.write(name, yaml.safe_dump(content, sort_keys=False))

    def forget(self) -> None:
        """Remove all of it."""
        self.kubeconfig.unlink(missing_ok=True)
        for folder in (self.folder, kube_cache(self.kubeconfig)):
            shutil.rmtree(folder, ignore_errors=True)
