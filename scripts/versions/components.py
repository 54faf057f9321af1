"""`versions.yaml`: components, where each is pinned, and how its version is written elsewhere."""

from __future__ import annotations

import fnmatch
import functools
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from packaging.specifiers import SpecifierSet

from lib.errors import UserError
from lib.paths import ROOT
from tools.catalogue import TOOLS

FILE = ROOT / "versions.yaml"

#: Machines write these, from what is pinned: checks of their own compare them with it.
GENERATED = (
    "*.lock", "*go.sum", "*.schema.json", "charts/ray-crds/templates/*",
    "charts/ray-monitoring/files/dashboards/*", "tests/charts/data/*",
)  # fmt: skip


@dataclass(frozen=True)
class Component:
    """Something whose version others build on.

    Attributes:
        name: what people call it.
        pin: where its version stands, as one of `{go: TOOL}` (a wrapper module of scripts/tools),
            `{lock: FILE, package: NAME}` and `{file: FILE, line: PATTERN}`.
        needs: versions of other components that it works with, as Python's specifiers.
        note: what it works with that is no component.
        written: patterns of other places, `{version}` in them; looked for in every file.
        lines: the same for a file (or a glob of files) whose lines do not say whose version it is.
        others: versions that are written on purpose, and are not the pinned one.
        form: pattern of a version.
    """

    name: str
    pin: Mapping[str, str]
    needs: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    written: tuple[str, ...] = ()
    lines: Mapping[str, str] = field(default_factory=dict)
    others: tuple[str, ...] = ()
    form: str = r"\d+(?:\.\d+)*"

    @property
    def place(self) -> str:
        """The file that pins it."""
        if "go" in self.pin:
            return f"scripts/tools/{self.pin['go']}/go.mod"
        return self.pin.get("lock") or self.pin["file"]

    @functools.cached_property
    def version(self) -> str:
        """The pinned version.

        Raises:
            UserError: it does not stand where it should.
        """
        match dict(self.pin):
            case {"go": name}:
                for tool in TOOLS:
                    if tool.name == name:
                        return tool.version
                raise UserError(f"{FILE.name}: {self.name}: no tool {name!r} in scripts/tools")
            case {"lock": file, "package": package}:
                pattern = rf"^{re.escape(package)}==([^ ;]+)"
            case {"file": file, "line": line}:
                pattern = self._pattern(line)
            case other:
                raise UserError(
                    f"{FILE.name}: {self.name}: pin {other} is of no known form",
                    "go: TOOL, or lock: FILE and package: NAME, or file: FILE and line: PATTERN",
                )
        found = re.search(pattern, (ROOT / file).read_text(), re.MULTILINE)
        if not found:
            raise UserError(f"{file} has no version of {self.name}: nothing fits {pattern}")
        return found[1]

    def _pattern(self, text: str) -> str:
        return text.replace("{version}", f"({self.form})")

    def agrees(self, written: str) -> bool:
        """Whether a version is the pinned one or a leading part of it, or is another on purpose.

        However its parts are held together: 3.11 is also 311 and (3, 11).
        """
        parts = self.version.split(".")
        leading = {"".join(parts[:length]) for length in range(1, len(parts) + 1)}
        return re.sub(r"[., ]", "", written) in leading or written in self.others

    def disagreements(self, files: Mapping[str, str]) -> Iterator[str]:
        """What is written elsewhere and is another version, and patterns that nothing fits."""
        for text in self.written:
            found = False
            for name, content in files.items():
                for line, version in _matches(self._pattern(text), content):
                    found = True
                    if not self.agrees(version):
                        yield self._line(name, line, version)
            if not found:
                yield f"{FILE.name}: {self.name}: nothing fits {text!r}: remove it"
        for glob, text in self.lines.items():
            depth = glob.count("/")  # a star is a part of a path
            chosen = [one for one in fnmatch.filter(files, glob) if one.count("/") == depth]
            for name in chosen or [glob]:
                matches = list(_matches(self._pattern(text), files.get(name, "")))
                if not matches:
                    yield f"{name}: no version of {self.name}: nothing fits {text!r}"
                for line, version in matches:
                    if not self.agrees(version):
                        yield self._line(name, line, version)

    def _line(self, name: str, line: int, version: str) -> str:
        return (
            f"{name}:{line}: {self.name} {version}, and {self.place} pins {self.version}: "
            f"write that, or add {version} to `others` in {FILE.name} where it is meant"
        )


def _matches(pattern: str, content: str) -> Iterator[tuple[int, str]]:
    for found in re.finditer(pattern, content, re.MULTILINE):
        yield content.count("\n", 0, found.start(1)) + 1, found[1]


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@functools.cache
def components() -> dict[str, Component]:
    """Components by name, in the order of the file.

    Raises:
        UserError: the file has a key that means nothing.
    """
    found = {}
    for name, keys in yaml.safe_load(FILE.read_text()).items():
        try:
            found[name] = Component(name, **{key: _frozen(value) for key, value in keys.items()})
        except TypeError as error:
            raise UserError(f"{FILE.name}: {name}: {error}") from error
    return found


def texts() -> dict[str, str]:
    """Every text file that people write, by its path in the repository."""
    said = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = {}
    for name in said.stdout.splitlines():
        path = ROOT / name
        # A link leads to a file that is in the list itself.
        if path.is_symlink() or not path.is_file() or path == FILE:
            continue
        if not any(fnmatch.fnmatch(name, glob) for glob in GENERATED):
            found[name] = path.read_text(errors="replace")
    return found


def disagreements() -> list[str]:
    """What does not fit together, a line each."""
    known = components()
    files = texts()
    written = (line for one in known.values() for line in one.disagreements(files))
    return [*written, *unmet_needs(known), *modules(known)]


def unmet_needs(known: Mapping[str, Component]) -> Iterator[str]:
    """Components that are pinned to versions that do not work together."""
    for one in known.values():
        for name, specifier in one.needs.items():
            other = known.get(name)
            if other is None:
                yield f"{FILE.name}: {one.name} needs {name}, which is no component"
            elif other.version not in SpecifierSet(specifier):
                yield (
                    f"{one.name} {one.version} needs {name} {specifier}, and "
                    f"{other.place} pins {other.version}"
                )


def modules(known: Mapping[str, Component]) -> Iterator[str]:
    """Wrapper modules that require another version of a tool than the tool's own module does."""
    pinned = {tool.module: tool for tool in reversed(TOOLS)}
    meant = {one.pin.get("go"): one.others for one in known.values()}
    for tool in TOOLS:
        for line in (tool.folder / "go.mod").read_text().splitlines():
            found = re.fullmatch(r"\s+(\S+) v(\S+)", line)  # a direct requirement
            other = pinned.get(found[1]) if found else None
            if not found or not other or found[2] == other.version:
                continue
            if found[2] not in meant.get(other.name, ()):
                yield (
                    f"scripts/tools/{tool.name}/go.mod: {found[1]} {found[2]}, and "
                    f"scripts/tools/{other.name}/go.mod requires {other.version}"
                )
