"""Terraform's root for AKS with a mock for Azure: plans and outputs of aks/scenarios.tftest.hcl.

`terraform plan` asks Azure who one is; only `terraform test` puts a mock in the provider's place.
With `-json -verbose` it prints each run's plan, or the state after it, in nearly the form that
`terraform show -json` has.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.paths import tool
from terraform import check, mirror

SCENARIOS = Path(__file__).parent / "terraform" / "aks"


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of the scenarios says.

    Attributes:
        resources: by address: what each will be, as far as it is known before it is made.
        outputs: the root's, by name.
    """

    resources: dict[str, dict[str, Any]]
    outputs: dict[str, Any]


@functools.cache
def runs() -> dict[str, Run]:
    """All runs, by name.

    Raises:
        AssertionError: Terraform does not get through them.
    """
    with tempfile.TemporaryDirectory() as name:
        check.copy(Path(name))
        root = Path(name) / "terraform" / "aks"
        shutil.copytree(SCENARIOS, root / "scenarios")
        env = {**os.environ, **mirror.environment()}
        program = str(tool("terraform"))
        subprocess.run(
            [program, "init", "-backend=false", "-no-color"], cwd=root, env=env, check=True,
            capture_output=True,
        )  # fmt: skip
        words = ["-test-directory=scenarios", "-json", "-verbose", "-no-color"]
        done = subprocess.run(
            [program, "test", *words],
            cwd=root,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
    found, said = parsed(done.stdout)
    assert done.returncode == 0, "\n".join(said) or done.stderr
    return found


def parsed(lines: str) -> tuple[dict[str, Run], list[str]]:
    """Runs by name, and what went wrong, of the events that `terraform test -json` prints."""
    found, said = {}, []
    for line in lines.splitlines():
        event = json.loads(line)
        if event["type"] == "test_plan":
            found[event["@testrun"]] = _planned(event["test_plan"])
        elif event["type"] == "test_state":
            found[event["@testrun"]] = _made(event["test_state"])
        elif event["type"] == "diagnostic" and event["@level"] == "error":
            one = event["diagnostic"]
            said.append(f"{one['summary']}: {one.get('detail', '')}")
    return found, said


def _planned(plan: dict[str, Any]) -> Run:
    resources = {
        one["address"]: one["change"]["after"]
        for one in plan["resource_changes"]
        if one["mode"] == "managed"
    }
    outputs = {name: one.get("after") for name, one in plan["output_changes"].items()}
    return Run(resources, outputs)


def _made(state: dict[str, Any]) -> Run:
    resources: dict[str, dict[str, Any]] = {}
    modules = [state["root_module"]]
    while modules:
        module = modules.pop()
        modules += module.get("child_modules", [])
        resources |= {one["address"]: one["values"] for one in module.get("resources", [])}
    return Run(resources, {name: one["value"] for name, one in state["outputs"].items()})
