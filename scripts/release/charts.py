"""Charts as others get them: when a version is due, what a package holds, and how it is published.

A chart has a version of its own (SemVer) and, once published, a git tag `<chart>-<version>`, which
chart-releaser makes. Whatever a package holds is compared with that tag: a chart that has changed
must have another version, and say in `artifacthub.io/changes` what is new. Through its links a
chart holds others, ray-common above all; a change to one is a change to all that hold it.
"""

from __future__ import annotations

import gzip
import hashlib
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from packaging.version import InvalidVersion, Version

from lib.paths import ROOT
from lib.shell import run

CHANGES = "artifacthub.io/changes"

#: What Artifact Hub knows of a change.
KINDS = ("added", "changed", "deprecated", "removed", "fixed", "security")

#: What a chart's folder holds for this repository alone.
LEFT_OUT = ("tests", "ci", "README.md.gotmpl")


@dataclass(frozen=True)
class Chart:
    """A chart's folder.

    Attributes:
        folder: where its Chart.yaml lies.
    """

    folder: Path

    @cached_property
    def meta(self) -> dict[str, Any]:
        """What Chart.yaml says."""
        found: dict[str, Any] = yaml.safe_load((self.folder / "Chart.yaml").read_text())
        return found

    @property
    def name(self) -> str:
        """Its name, which is its folder's."""
        return str(self.meta["name"])

    @property
    def version(self) -> str:
        """Its own version."""
        return str(self.meta["version"])

    @property
    def is_library(self) -> bool:
        """Whether there is nothing to install, and so nothing to publish."""
        return bool(self.meta.get("type") == "library")

    @property
    def changes(self) -> str:
        """What its version changed, as Artifact Hub reads it (YAML)."""
        return str(self.meta.get("annotations", {}).get(CHANGES, ""))

    def parts(self) -> list[Chart]:
        """It, and the charts that its package holds."""
        linked = [
            Chart(path.resolve())
            for path in sorted((self.folder / "charts").glob("*"))
            if path.is_symlink()
        ]
        found = {part.name: part for chart in linked for part in chart.parts()}
        return [self, *found.values()]


def all_charts(root: Path = ROOT) -> list[Chart]:
    """Every chart of the repository."""
    return [Chart(path.parent) for path in sorted((root / "charts").glob("*/Chart.yaml"))]


class Released:
    """What git knows of published charts."""

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        self.tags = set(self._git("tag", "--list").split())

    def _git(self, *words: str) -> str:
        return run(["git", "-C", self.root, *words]).stdout

    def newest(self, chart: Chart) -> Version | None:
        """The newest published version of a chart."""
        found = []
        for tag in self.tags:
            name, _, version = tag.rpartition("-")
            if name == chart.name:
                try:
                    found.append(Version(version))
                except InvalidVersion:
                    continue
        return max(found, default=None)

    def changed(self, chart: Chart, version: Version) -> list[str]:
        """Files of a chart's package that differ from those that were published."""
        paths = [str(part.folder.relative_to(self.root)) for part in chart.parts()]
        not_packaged = [f":(exclude){path}/{name}" for path in paths for name in LEFT_OUT]
        tag = f"{chart.name}-{version}"
        listed = self._git("diff", "--name-only", tag, "--", *paths, *not_packaged)
        new = self._git("ls-files", "--others", "--exclude-standard", "--", *paths, *not_packaged)
        return sorted({*listed.splitlines(), *new.splitlines()})

    def changes(self, chart: Chart, version: Version) -> str:
        """What the published version said that it changed."""
        path = (chart.folder / "Chart.yaml").relative_to(self.root)
        meta = yaml.safe_load(self._git("show", f"{chart.name}-{version}:{path}"))
        return str(meta.get("annotations", {}).get(CHANGES, ""))


def faults(root: Path = ROOT) -> Iterator[str]:
    """What hinders the charts from being published, a line each."""
    released = Released(root)
    known = {chart.name: chart for chart in all_charts(root)}
    for chart in known.values():
        file = (chart.folder / "Chart.yaml").relative_to(root)
        for one in chart.meta.get("dependencies", []):
            if one["version"] != known[one["name"]].version:
                yield (
                    f"{file}: takes {one['name']} {one['version']}, and its version is "
                    f"{known[one['name']].version}: write that"
                )
        yield from (f"{file}: {said}" for said in _wrong_changes(chart))
        newest = released.newest(chart)
        if newest is None:
            continue
        if Version(chart.version) < newest:
            yield f"{file}: version {chart.version} is older than {newest}, which is published"
        elif Version(chart.version) > newest:
            if chart.changes == released.changes(chart, newest):
                yield f"{file}: {CHANGES} says what {newest} changed: say what {chart.version} does"
        elif files := released.changed(chart, newest):
            shown = ", ".join(files[:3]) + (f" and {len(files) - 3} more" if files[3:] else "")
            yield (
                f"{file}: {chart.name} {newest} is published, and {shown} changed since: raise "
                f"its version, and say in {CHANGES} what is new"
            )


def _wrong_changes(chart: Chart) -> Iterator[str]:
    """What is wrong with the changelog of a chart that is installed."""
    if chart.is_library:
        return
    changes = yaml.safe_load(chart.changes)
    if not isinstance(changes, list) or not changes:
        yield f"has no {CHANGES}: a list of `kind: {'|'.join(KINDS)}` and `description: …`"
        return
    for change in changes:
        if change.get("kind") not in KINDS or not change.get("description"):
            yield f"{CHANGES}: {change} needs a kind of {', '.join(KINDS)}, and a description"


def package(chart: Chart, target: Path) -> Path:
    """Package a chart into a folder: the same bytes from the same commit, on every machine.

    `helm package` would write the checkout's times into it, and the charts that it holds in random
    order. Here files are in the order of their names, and as old as the last commit to one of them.

    Returns:
        the package.
    """
    folders = [part.folder for part in chart.parts()]
    said = run(["git", "-C", chart.folder, "log", "-1", "--format=%ct", "--", *folders])
    epoch = int(said.stdout.strip() or 0)
    target.mkdir(parents=True, exist_ok=True)
    made = target / f"{chart.name}-{chart.version}.tgz"
    with (
        made.open("wb") as raw,
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=epoch) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, path in sorted(_packaged(chart.folder, chart.name)):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = path.stat().st_size, epoch, 0o644
            with path.open("rb") as file:
                archive.addfile(entry, file)
    return made


def _packaged(folder: Path, name: str) -> Iterator[tuple[str, Path]]:
    """Files of a chart's package, by their names in it; links to other charts are followed."""
    for path in folder.iterdir():
        if path.name in LEFT_OUT and (folder / "Chart.yaml").exists():
            continue  # but templates/tests is packaged
        if path.is_dir():
            yield from _packaged(path, f"{name}/{path.name}")
        else:
            yield f"{name}/{path.name}", path


def digest(path: Path) -> str:
    """A file's digest, as registries write it."""
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
