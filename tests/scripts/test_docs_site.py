"""The site: a link that leads nowhere, and a page that nobody lists, are errors."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lib.paths import ROOT
from lib.shell import run

pytestmark = pytest.mark.slow


@pytest.fixture
def site(tmp_path: Path) -> Callable[[], subprocess.CompletedProcess[str]]:
    """Makes the site of a copy of the repository, in tmp_path."""
    for name in run(["git", "-C", ROOT, "ls-files"]).stdout.splitlines():
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_file():
            shutil.copyfile(ROOT / name, target)
    run(["git", "init", "-q", tmp_path])  # which files count is asked of git
    mkdocs = [ROOT / ".venv-docs" / "bin" / "mkdocs", "build", "--strict"]
    return lambda: run(mkdocs, cwd=tmp_path, check=False, timeout=300)


def test_the_site_as_it_is(
    site: Callable[[], subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = site()
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "dist" / "site" / "docs" / "troubleshooting" / "index.html").exists()


@pytest.mark.parametrize(
    ("file", "line", "said"),
    [
        ("docs/upgrade.md", "See [this](no-such-page.md).", "no-such-page.md"),
        ("docs/upgrade.md", "See [this](support.md#no-such-part).", "no-such-part"),
        ("charts/ray-job/README.md", "See [this](../no-such-chart/).", "no-such-chart"),
        ("docs/unlisted.md", "# A page", "docs/unlisted.md"),
    ],
)
def test_what_is_wrong_is_named(
    site: Callable[[], subprocess.CompletedProcess[str]],
    tmp_path: Path,
    file: str,
    line: str,
    said: str,
) -> None:
    with (tmp_path / file).open("a") as page:
        page.write(f"\n{line}\n")
    done = site()
    assert done.returncode != 0
    assert said in done.stderr
