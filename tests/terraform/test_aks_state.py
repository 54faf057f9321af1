"""State that a team shares: terraform/aks/backend.tf.example, read by the backend itself."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from lib.paths import ROOT, tool

EXAMPLE = ROOT / "terraform" / "aks" / "backend.tf.example"


def init(folder: Path, text: str) -> str:
    """What `terraform init` says of a backend, where there is no `az` to log in by."""
    (folder / "backend.tf").write_text(text)
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ARM_")},
        "PATH": str(folder),
        "ARM_SUBSCRIPTION_ID": "00000000-0000-0000-0000-000000000000",
        "ARM_USE_MSI": "false",
    }
    done = subprocess.run(
        [tool("terraform"), "init", "-input=false", "-no-color"],
        cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode != 0, "nobody is logged in"
    return done.stdout + done.stderr


@pytest.mark.cloud
def test_the_backend_takes_every_argument(tmp_path: Path) -> None:
    """It comes as far as the login."""
    said = init(tmp_path, EXAMPLE.read_text())
    assert "az" in said
    assert "not in" in said or "not found" in said
    assert "argument" not in said


@pytest.mark.cloud
def test_a_wrong_argument_would_be_seen(tmp_path: Path) -> None:
    said = init(tmp_path, EXAMPLE.read_text().replace("use_azuread_auth", "use_entra"))
    assert "Unsupported argument" in said


def test_who_writes_needs_no_key() -> None:
    """By Entra's roles: the account that holds the state has its keys turned off."""
    text = EXAMPLE.read_text()
    assert "use_azuread_auth     = true" in text
    assert "--allow-shared-key-access false" in text
