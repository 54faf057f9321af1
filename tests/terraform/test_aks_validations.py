"""Every validation of a variable of AKS and its modules is hit by a case of its tests."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from lib.paths import ROOT

TERRAFORM = ROOT / "terraform"
FOLDERS = [
    TERRAFORM / "aks",
    *sorted(TERRAFORM.glob("modules/azure-*")),
    *sorted(TERRAFORM.glob("modules/aks-*")),
]


def validations(folder: Path) -> Counter[str]:
    """How many a variable has, by its name."""
    found: Counter[str] = Counter()
    for block in re.split(r"(?m)^variable ", (folder / "variables.tf").read_text())[1:]:
        name = re.match(r'"(\w+)"', block)
        assert name
        found[name[1]] = len(re.findall(r"(?m)^  validation \{", block))
    return +found


def refused(folder: Path) -> Counter[str]:
    """How many cases expect a variable to be refused, by its name."""
    text = "\n".join(path.read_text() for path in folder.glob("tests/*.tftest.hcl"))
    return Counter(re.findall(r"expect_failures = \[var\.(\w+)\]", text))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_each_validation_has_a_case(folder: Path) -> None:
    cases = refused(folder)
    lacking = {name: count for name, count in validations(folder).items() if cases[name] < count}
    assert lacking == {}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_each_has_an_example_and_tests(folder: Path) -> None:
    assert list(folder.glob("tests/*.tftest.hcl"))
    if folder.name != "aks":
        assert list(folder.glob("examples/*/main.tf"))
