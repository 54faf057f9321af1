"""MkDocs' hooks: every page of the repository under its own path, and one for each workload.

So links between pages are the same in the site as in the repository. Those to other files lead to
the repository; those to nothing stay as they are, and the strict build refuses them.
"""

from __future__ import annotations

import ast
import fnmatch
import posixpath
import re
import subprocess
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
WORKLOADS = ROOT / "workloads" / "src" / "rayworks"

_LINK = re.compile(r"(?<!!)\[(?P<text>[^\]\n]+)\]\((?P<target>[^)\s#]+)(?P<anchor>#[^)\s]*)?\)")
_FENCE = re.compile(r"^(```|~~~).*?^\1[ \t]*$", re.MULTILINE | re.DOTALL)


def tracked(pattern: str) -> list[str]:
    """Files of the repository that fit a pattern, by their paths in it."""
    said = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    # A chart's folder charts/ has links to others, whose pages are there already.
    names = [name for name in said.stdout.splitlines() if (ROOT / name).is_file()]
    return [name for name in names if not name.startswith(".github/")]


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Name the pages that a pattern of the navigation stands for."""
    pages = tracked("*.md")

    def expanded(items: list[Any]) -> list[Any]:
        found: list[Any] = []
        for item in items:
            if isinstance(item, dict):
                found.append(
                    {
                        title: expanded(inner) if isinstance(inner, list) else inner
                        for title, inner in item.items()
                    }
                )
            elif "*" in item:
                found += fnmatch.filter(pages, item)
            else:
                found.append(item)
        return found

    config["nav"] = expanded(config["nav"])
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the repository's pages, and those of the workloads."""
    for name in tracked("*.md"):
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    for path in sorted(WORKLOADS.glob("*/workload.yaml")):
        name = path.parent.name.replace("_", "-")
        files.append(File.generated(config, f"workloads/{name}.md", content=workload(path.parent)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to what is no page to the repository."""
    here = PurePosixPath(page.file.src_uri).parent
    repository = str(config["repo_url"])

    def replace(match: re.Match[str]) -> str:
        target = match["target"]
        if re.match(r"[a-z]+:", target):
            return match[0]
        path = posixpath.normpath(str(here / target))
        anchor = match["anchor"] or ""
        if files.get_file_from_path(path):
            return match[0]
        if files.get_file_from_path(f"{path}/README.md"):
            return f"[{match['text']}]({target.rstrip('/')}/README.md{anchor})"
        if (ROOT / path).exists():
            kind = "tree" if (ROOT / path).is_dir() else "blob"
            return f"[{match['text']}]({repository}/{kind}/main/{path}{anchor})"
        return match[0]

    parts, end = [], 0
    for fence in _FENCE.finditer(markdown):
        parts += [_LINK.sub(replace, markdown[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, _LINK.sub(replace, markdown[end:])])


def workload(folder: Path) -> str:
    """The page of a workload: what its code and its values say of it, and how it is run."""
    name = folder.name.replace("_", "-")
    described: dict[str, Any] = yaml.safe_load((folder / "workload.yaml").read_text())
    chart = described["chart"]
    values = (folder / "values.yaml").read_text().strip()
    said = _docstring(folder / "__init__.py")
    results = "".join(f"- `{one}`\n" for one in described.get("results", []))
    laptop = (
        f"On a laptop: `rayworks {name} --help` names its options.\n"
        if (folder / "cli.py").exists()
        else ""
    )
    return f"""# {name}

{said}

Chart: [{chart}](../charts/{chart}/README.md). {laptop}
=== "make"

    ```sh
    make run WORKLOAD={name}
    make logs WORKLOAD={name}
    make remove WORKLOAD={name}
    ```

=== "helm and kubectl"

    ```sh
    # in a namespace that ray-team has made
    kubectl -n TEAM get configmap ray-environment -o jsonpath='{{.data.values\\.yaml}}' > team.yaml
    helm upgrade --install {name} charts/{chart} -n TEAM --force-conflicts \\
      -f team.yaml -f workloads/src/rayworks/{folder.name}/values.yaml
    kubectl -n TEAM get rayclusters,rayjobs,rayservices,pods
    helm uninstall {name} -n TEAM
    ```

## Its values

The same on every cluster:

```yaml
{values}
```
{f"{chr(10)}## What it leaves{chr(10)}{chr(10)}{results}" if results else ""}"""


def _docstring(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text())) if path.exists() else None
    return text or "Values alone: what it runs is another workload's, or yours."
