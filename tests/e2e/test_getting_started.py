"""The commands of docs/getting-started.md, as they stand there, one after the other."""

from __future__ import annotations

import re
import subprocess

import pytest
from support import Deployed

from lib.paths import ROOT

pytestmark = pytest.mark.full

PAGE = ROOT / "docs" / "getting-started.md"


def blocks() -> list[str]:
    """Blocks of commands; what is shown with its prompt (`console`) is for a person to type."""
    return re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def test_the_page_works_as_it_stands(deployed: Deployed) -> None:
    assert len(blocks()) >= 5
    said = []
    for block in blocks():
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block], cwd=ROOT, timeout=1800,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        said.append(done.stdout)
        assert done.returncode == 0, f"{block}\n{done.stdout}"
    assert "SUCCEEDED" in said[0]
    assert "\n30\n" in said[3]
