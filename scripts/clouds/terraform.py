"""Terraform or OpenTofu on one root, with one workspace a deployment."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clouds.cli import Cli
from deploy.stages import Report
from lib.errors import UserError
from lib.paths import TOOLS_BIN

LEAST = (1, 9)
INSTALL = "install Terraform or OpenTofu 1.9 or later, or name one by TERRAFORM=path"

#: Seconds that a plan, which asks the cloud for all that the state knows, may take.
PLANNING = 1800

_DONE = re.compile(r": (?:Creation|Modifications|Destruction) complete after")


def digest(root: Path, deployment: str, variables: Path) -> str:
    """Hash of all that decides what is made: the code, the variables, the name."""
    found = hashlib.sha256(deployment.encode())
    files = [
        *root.glob("*.tf"),
        *(root.parent / "modules").rglob("*.tf"),
        *root.glob(".terraform.lock.hcl"),
    ]
    for path in [*sorted(files), variables]:
        found.update(b"\0" + path.name.encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:20]


def binary() -> str:
    """The program: what TERRAFORM names, the pinned one, or what is on PATH."""
    if named := os.environ.get("TERRAFORM"):
        return named
    for name in ("terraform", "tofu"):
        if (TOOLS_BIN / name).exists():
            return str(TOOLS_BIN / name)
    return "terraform" if shutil.which("terraform") or not shutil.which("tofu") else "tofu"


class Terraform:
    """A root module with the variables of one deployment.

    Args:
        root: folder of the root module.
        deployment: its name: the workspace's, and the variable `name`.
        variables: file of variables.
        env: what its provider wants in the environment.
        login: how to log in to the provider.
    """

    def __init__(
        self,
        root: Path,
        deployment: str,
        variables: Path,
        *,
        env: Mapping[str, str] | None = None,
        login: str = "",
    ) -> None:
        self.ready = False
        self.root = root
        self.deployment = deployment
        self.variables = variables
        quiet = {"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", "TF_INPUT": "0"}
        plain = {**quiet, **(env or {})}
        self.plain = Cli(binary(), INSTALL, login, plain, root)
        self.cli = Cli(binary(), INSTALL, login, {**plain, "TF_WORKSPACE": deployment}, root)

    def initialize(self) -> None:
        """Have the providers and the backend; once is enough."""
        if not self.ready:
            self.plain.text("init", "-no-color", timeout=PLANNING)
            self.ready = True

    def prepare(self, report: Report) -> None:
        """Have them, and the deployment's workspace."""
        report("terraform init")
        self.initialize()
        if self.deployment not in self.workspaces():
            self.plain.text("workspace", "new", "-no-color", self.deployment)

    def workspaces(self) -> list[str]:
        """Names of the deployments that the state knows, `default` among them."""
        listed = self.plain.text("workspace", "list")
        return [line.strip("* ") for line in listed.splitlines() if line.strip("* ")]

    def backend(self) -> str:
        """Where the state is, in words."""
        try:
            made = json.loads((self.root / ".terraform" / "terraform.tfstate").read_text())
        except (FileNotFoundError, ValueError):
            return f"{self.root}/terraform.tfstate.d"
        return f"backend {made['backend']['type']}"

    def plan(
        self, file: Path, *, destroy: bool = False, targets: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Compare what is wanted with what is there; the plan as JSON, and in a file to apply.

        Args:
            file: where to write it.
            destroy: plan the end of everything.
            targets: of these resources, and what depends on them, alone.
        """
        options = ["-destroy"] if destroy else []
        options += [f"-target={target}" for target in targets]
        variables = [f"-var-file={self.variables}", "-var", f"name={self.deployment}"]
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._explained(
            "plan", "-no-color", "-lock-timeout=60s", f"-out={file}", *options, *variables
        )
        found: dict[str, Any] = self.cli.json("show", "-json", str(file), timeout=PLANNING)
        return found

    def _explained(self, *words: str) -> None:
        done = self.cli.tried(*words, timeout=PLANNING)
        if done.returncode != 0:
            said = "\n".join(mistakes((done.stderr or done.stdout).splitlines()))
            raise UserError(f"terraform {words[0]}, {self.variables.name}:\n{said}")

    def apply(self, file: Path, changes: int, report: Report) -> None:
        """Do what a plan says.

        Raises:
            UserError: a resource could not be made; the others are, and the state knows them.
        """
        done = 0
        said: list[str] = []

        def told(detail: str) -> None:
            nonlocal done
            said.append(detail)
            done += bool(_DONE.search(detail))
            if re.match(r"\S+: ", detail):
                report(f"{done} of {changes} · {detail[:120]}")

        words = ["apply", "-no-color", "-lock-timeout=60s", str(file)]
        try:
            self.cli.follow(told, *words)
        except UserError as error:
            found = mistakes(said)
            if not found or "not logged in" in error.message:
                raise
            raise UserError("\n".join(found)) from error

    def outputs(self) -> dict[str, Any]:
        """The root's outputs by name; empty before the first apply."""
        found: dict[str, dict[str, Any]] = self.cli.json("output", "-json") or {}
        return {name: output["value"] for name, output in found.items()}

    def state(self) -> dict[str, Any]:
        """What was made, as `terraform show -json` says it."""
        found: dict[str, Any] = self.cli.json("show", "-json", timeout=PLANNING) or {}
        return found

    def forget(self) -> None:
        """Drop the workspace, once its state is empty."""
        self.plain.text("workspace", "select", "-no-color", "default")
        self.plain.text("workspace", "delete", "-no-color", self.deployment)


def mistakes(lines: Sequence[str], most: int = 3) -> list[str]:
    """The errors in what Terraform prints, without its frame; some lines of each."""
    found: list[list[str]] = []
    for line in lines:
        bare = re.sub(r"^[│╷╵\s]+", "", line).rstrip()
        if bare.startswith("Error:"):
            found.append([bare])
        elif found and bare and len(found[-1]) < 8:
            found[-1].append(f"  {bare}")
    shown = [line for one in found[:most] for line in one]
    if len(found) > most:
        shown.append(f"and {len(found) - most} more")
    return shown or list(lines)[-15:]
