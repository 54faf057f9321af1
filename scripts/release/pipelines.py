"""The pipelines in .github: lint, pins, and that each of their jobs is a make target.

actionlint reads the workflows' syntax and expressions, zizmor their security (an action that is not
pinned by commit, permissions, caches, credentials). What neither knows is here: a step runs `make`,
so that whoever has no hosted runner can run the same; and docs/pipelines.md lists every job.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from lib.paths import ROOT, tool
from lib.shell import run

GITHUB = ROOT / ".github"
RENOVATE = ROOT / "renovate.json"
PAGE = ROOT / "docs" / "pipelines.md"

#: What a step may run: a target, as root where it makes a node.
STEP = re.compile(r'(?:sudo --preserve-env env "PATH=\$PATH" )?make ([a-z-]+)(?: [A-Z_]+=\S+)*')


@dataclass(frozen=True)
class Job:
    """A job of a workflow, and the make targets that its steps run."""

    workflow: str
    name: str
    targets: tuple[str, ...]


def jobs(folder: Path) -> Iterator[Job]:
    """Every job of the workflows in a folder.

    Yields:
        jobs; a step that runs something else is a target that is no target: the line itself.
    """
    for path in sorted(folder.glob("workflows/*.yml")):
        for name, job in yaml.safe_load(path.read_text())["jobs"].items():
            lines = [step["run"].strip() for step in job["steps"] if "run" in step]
            matches = [STEP.fullmatch(line) for line in lines]
            targets = [
                match[1] if match else line for match, line in zip(matches, lines, strict=True)
            ]
            yield Job(path.stem, name, tuple(targets))


def targets(makefile: str) -> set[str]:
    """Targets of a Makefile."""
    return set(re.findall(r"^([a-z-]+):(?!=)", makefile, re.MULTILINE))


def foreign(found: list[Job], known: set[str]) -> Iterator[str]:
    """Steps that run no make target."""
    for job in found:
        for target in job.targets:
            if target not in known:
                yield f".github/workflows/{job.workflow}.yml: {job.name} runs {target!r}: no target"
        if not job.targets:
            yield f".github/workflows/{job.workflow}.yml: {job.name} runs no make target"


def undocumented(found: list[Job], page: str) -> Iterator[str]:
    """Jobs that the page's table does not have as they are, and rows of jobs that are no more."""
    rows = re.findall(r"^\| `([a-z]+)` \| `([a-z-]+)` \| ((?:`make [a-z-]+`,? ?)+)\|", page, re.M)
    listed = {
        (workflow, name): tuple(re.findall(r"make ([a-z-]+)", cell))
        for workflow, name, cell in rows
    }
    real = {(job.workflow, job.name): job.targets for job in found}
    for key in sorted(listed.keys() | real.keys()):
        if listed.get(key) != real.get(key):
            yield (
                f"{PAGE.relative_to(ROOT)}: {'/'.join(key)} runs {real.get(key, 'nothing')}, "
                f"and the table says {listed.get(key, 'nothing')}"
            )


def lint(folder: Path = GITHUB) -> list[str]:
    """What actionlint and zizmor have against a folder of workflows and actions."""
    workflows = sorted(folder.glob("workflows/*.yml"))
    python = Path(sys.executable).parent
    commands: list[list[str | Path]] = [
        [tool("actionlint"), "-shellcheck", python / "shellcheck", "-pyflakes=", *workflows],
        [
            python / "zizmor", "--offline", "--no-progress", "--quiet", "--pedantic",
            "--strict-collection", "--config", GITHUB / "zizmor.yml", folder,
        ],
        [python / "check-jsonschema", "--builtin-schema", "vendor.renovate", RENOVATE],
    ]  # fmt: skip
    wrong = []
    for command in commands:
        done = run(command, check=False)
        if done.returncode != 0:
            wrong += (done.stdout + done.stderr).splitlines()
    return wrong


def faults() -> list[str]:
    """What is wrong with the pipelines, a line each."""
    found = list(jobs(GITHUB))
    known = targets((ROOT / "Makefile").read_text())
    return [*lint(), *foreign(found, known), *undocumented(found, PAGE.read_text())]
