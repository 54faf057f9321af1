"""One deployment to Azure or AWS: its cloud, its Terraform, and what is remembered of it."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clouds.aws import Aws
from clouds.azure import Azure
from clouds.plan import recorded
from clouds.provider import Account, Provider
from clouds.record import DEFAULT, Record
from clouds.terraform import Terraform, digest
from deploy.options import Options
from lib.errors import UserError
from lib.paths import ROOT

TERRAFORM = ROOT / "terraform"

PROVIDERS: Mapping[str, type[Provider]] = {"aks": Azure, "eks": Aws}


class Deployment:
    """What the stages of a cloud share.

    Args:
        cloud: `aks` or `eks`.
        options: what the user says.
    """

    def __init__(self, cloud: str, options: Options) -> None:
        self.cloud = cloud
        self.options = options
        self.name = options.name or DEFAULT
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}[a-z0-9]", self.name):
            raise UserError(
                f"NAME={self.name} is no name: lower-case letters, digits and dashes, 2 to 32 of "
                "them, a letter first",
                f"make deploy CLOUD={cloud} NAME=team-a",
            )
        self.record = Record(cloud, self.name)
        self.root = TERRAFORM / cloud
        self.provider = PROVIDERS[cloud]()
        self.plan_file = self.record.folder / "plan"

    def command(self, target: str) -> str:
        """A make command for this deployment."""
        return f"make {target} {self.words}"

    @property
    def words(self) -> str:
        """What a make command says to mean this deployment."""
        return f"CLOUD={self.cloud}" + ("" if self.name == DEFAULT else f" NAME={self.name}")

    @functools.cached_property
    def variables(self) -> Path:
        """The file of variables: the user's, that of the name, or the example's defaults."""
        own = self.root / f"{self.name}.tfvars"
        for path in (self.options.variables, own, self.root / "example.tfvars"):
            if path is not None and path.exists():
                return path
        raise UserError(
            f"{own.relative_to(ROOT)} is not there, and no example of it either",
            "VARS=path names another file",
        )

    @functools.cached_property
    def account(self) -> Account:
        """Who is logged in, and where."""
        return self.provider.account()

    @functools.cached_property
    def terraform(self) -> Terraform:
        """Terraform on the cloud's root; logged in."""
        return Terraform(
            self.root, self.name, self.variables,
            env=self.provider.settings(self.account), login=self.provider.login,
        )  # fmt: skip

    def region(self) -> str:
        """Where it was made; where that is not known, what the file of variables says."""
        if known := self.record.get("region"):
            return str(known)
        found = re.search(r'^\s*region\s*=\s*"([^"]+)"', self.variables.read_text(), re.M)
        return found[1] if found else ""

    def digest(self) -> str:
        """Hash of what is wanted."""
        return digest(self.root, self.name, self.variables)

    def applied(self) -> bool:
        """Whether what is wanted is what was applied last from here."""
        return self.record.get("applied") == self.digest() and bool(self.outputs())

    def outputs(self) -> dict[str, Any]:
        """Terraform's outputs as of the last apply from here; empty when there was none."""
        try:
            found: dict[str, Any] = json.loads((self.record.folder / "outputs.json").read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return found

    def remember(self) -> dict[str, Any]:
        """Read the outputs from the state, and write what the charts want of them."""
        found = self.terraform.outputs()
        self.record.write("outputs.json", json.dumps(found, indent=2, sort_keys=True) + "\n")
        values = {"global": {"ray": found.get("helm_values") or {}}}
        self.record.values("values.yaml", values)
        return found

    def state(self) -> list[dict[str, Any]]:
        """The resources that the state knows; none where there is no such deployment."""
        self.terraform.initialize()
        if self.name not in self.terraform.workspaces():
            return []
        return recorded(self.terraform.state())

    def check_owner(self, resources: Sequence[Mapping[str, Any]]) -> None:
        """Raise when the state is of another account than the one that is logged in.

        Terraform would find nothing of it there, and forget it.
        """
        owners = self.provider.owners(resources)
        if owners and self.account.id not in owners:
            word = self.provider.account_word
            raise UserError(
                f"the state of {self.name} ({self.terraform.backend()}) is of {word} "
                f"{', '.join(sorted(owners))}, and you are logged in to {self.account.id} "
                f"as {self.account.user}",
                f"log in to that {word} ({self.provider.login}), or NAME= another deployment",
            )

    def check_unknown(self, region: str) -> None:
        """Raise when the account has such a deployment, and the state here, which is empty, not."""
        if found := self.provider.left(self.name, region):
            shown = "\n  ".join(one.what for one in found[:5])
            more = f"\n  and {len(found) - 5} more" if len(found) > 5 else ""
            raise UserError(
                f"{self.provider.account_word} {self.account.name} has a deployment {self.name}, "
                f"and the state here ({self.terraform.backend()}) does not know it:\n"
                f"  {shown}{more}",
                "work from the checkout that made it, or give this one the same backend "
                "(terraform/README.md), or NAME= another",
            )
