"""Copies the workload `hello` under another name."""

from __future__ import annotations

import builtins
import keyword
import re
from pathlib import Path

import rayworks
from rayworks.common.errors import UserError

TEMPLATE = "hello"

#: The longest name: that of a Helm release which becomes a RayJob.
LONGEST = 38


def create(name: str, root: Path | None = None) -> list[Path]:
    """Write the files of a new workload.

    The command line and `make run` find them by the folder's name; nothing has to be registered.

    Args:
        name: as it is typed, `my-job`.
        root: the checkout; None: the one that this package is part of.

    Returns:
        The files written.

    Raises:
        UserError: the name cannot be used or is taken, or this is no checkout.
    """
    root = root or Path(rayworks.__file__).parents[3]
    packages, tests = root / "workloads" / "src" / "rayworks", root / "tests" / "workloads"
    if not (packages / TEMPLATE).is_dir() or not tests.is_dir():
        raise UserError(
            f"{root} is no checkout of Rayworks: there is no {tests.relative_to(root)}",
            "call it in a checkout: PYTHONPATH=workloads/src python -m rayworks new NAME",
        )
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or len(name) > LONGEST:
        raise UserError(
            f"{name!r} cannot be a workload's name",
            f"small letters, digits and single dashes, {LONGEST} at most, such as my-job",
        )
    package = name.replace("-", "_")
    if keyword.iskeyword(package) or hasattr(builtins, package):
        raise UserError(f"{name!r} is a word of Python", f"another name, such as {name}-job")
    files = {
        path: packages / package / path.name
        for path in sorted((packages / TEMPLATE).iterdir())
        if path.is_file()
    }
    files[tests / f"test_{TEMPLATE}.py"] = tests / f"test_{package}.py"
    taken = [packages / package, packages / f"{package}.py", *files.values()]
    if there := [path for path in taken if path.exists()]:
        raise UserError(f"{name!r} is taken: there is {there[0].relative_to(root)}", "another name")
    (packages / package).mkdir()
    for source, target in files.items():
        target.write_text(renamed(source.read_text(), name))
    return list(files.values())


def renamed(text: str, name: str) -> str:
    """The template's text for another workload.

    Its name in words that a user types has dashes: in quotes, or after `rayworks`. Elsewhere it is
    the package's, with underscores.
    """
    text = re.sub(rf'(?<=")\b{TEMPLATE}\b(?=")|(?<=rayworks ){TEMPLATE}\b', name, text)
    return re.sub(rf"\b{TEMPLATE}\b", name.replace("-", "_"), text)
