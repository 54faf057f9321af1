"""Where the Terraform of the clouds lies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lib.errors import UserError
from lib.paths import ROOT

TERRAFORM = ROOT / "terraform"


def documented() -> list[Path]:
    """Modules and roots: what has a README of its own."""
    versions = [*TERRAFORM.glob("*/versions.tf"), *TERRAFORM.glob("modules/*/versions.tf")]
    return sorted(path.parent for path in versions)


def folders(below: Sequence[Path] = ()) -> list[Path]:
    """Every module, example and root; of them those in or below the given folders.

    Raises:
        UserError: a given folder has none.
    """
    found = {path.parent for path in TERRAFORM.rglob("*.tf")}
    # Below tests/ are helpers, which their tests run.
    found = {path for path in found if not {"tests", ".terraform"} & {*path.parts}}
    if not below:
        return sorted(found)
    wanted: set[Path] = set()
    for one in below:
        inside = {path for path in found if path.is_relative_to(one.resolve())}
        if not inside:
            raise UserError(f"{one} holds no Terraform", f"one of {TERRAFORM}'s folders")
        wanted |= inside
    return sorted(wanted)
