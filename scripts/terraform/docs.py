"""README.md of each module and root: its variables, outputs and resources, by terraform-docs."""

from __future__ import annotations

from lib.errors import UserError
from lib.paths import ROOT, tool
from lib.shell import run
from terraform.places import TERRAFORM, documented

#: What stands around these is for people to write.
MARKERS = "<!-- BEGIN_TF_DOCS -->\n<!-- END_TF_DOCS -->\n"


def main(*, check: bool) -> None:
    """Write the generated part of each README, or only look whether it would change.

    Raises:
        UserError: with `check`: some would.
    """
    stale = []
    for folder in documented():
        command = [tool("terraform-docs"), "--config", str(TERRAFORM / ".terraform-docs.yml")]
        readme = folder / "README.md"
        if not check:
            if not readme.exists():
                readme.write_text(MARKERS)
            run([*command, str(folder)])
        elif (said := run([*command, "--output-check", str(folder)], check=False)).returncode != 0:
            stale.append(f"{readme.relative_to(ROOT)}: {said.stderr.strip()}")
    if stale:
        raise UserError("\n  ".join(["out of date:", *stale]), "python -m terraform docs")
