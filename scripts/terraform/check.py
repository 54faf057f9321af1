"""Each module, example and root against the real providers, by Terraform and by OpenTofu.

Both validate; Terraform also runs the tests, whose providers are mocks: no cloud is asked, and no
network. All of it happens in copies: what `terraform init` has left in the checkout (providers,
their lock, a backend) neither counts nor changes.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lib.errors import UserError
from lib.paths import ROOT, tool
from lib.shell import run
from terraform import mirror
from terraform.places import TERRAFORM, folders

#: Seconds for a single command.
LIMIT = 1200

#: Two providers at once fit into the memory of a small machine.
LANES = 2


@dataclass(frozen=True, slots=True)
class Unit:
    """A folder, in the copy that one of the programs works on."""

    program: str
    folder: Path

    def commands(self, copy: Path) -> Iterator[list[str]]:
        """What to run, in this order."""
        yield ["init", "-backend=false"]
        yield ["validate"]
        if self.program == "terraform" and [*(copy / self.folder).glob("tests/*.tftest.hcl")]:
            yield ["test"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a unit.

    Attributes:
        done: each command that passed, with its seconds.
        wrong: what the one that failed has printed; empty if none did.
    """

    unit: Unit
    done: str
    wrong: str


def main(below: Sequence[Path] = ()) -> None:
    """Check all folders, or those in and below the given ones; a line for each.

    Raises:
        UserError: some failed; or a tool or a provider is missing.
    """
    wanted = [folder.relative_to(ROOT) for folder in folders(below)]
    environment = mirror.environment()
    failed = []
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(LANES) as lanes:
        units = []
        # OpenTofu knows no mocks in files of their own, which the tests of AWS' modules share, and
        # reads the tests even where it is not to run them.
        for program, left_out in (("terraform", ()), ("tofu", ("*.tftest.hcl",))):
            copy(Path(name) / program, *left_out)
            units += [Unit(program, folder) for folder in wanted]
        # Big ones first: the two lanes end together.
        units.sort(key=lambda unit: -sum(1 for _ in (ROOT / unit.folder).glob("tests/*")))
        for verdict in lanes.map(lambda one: _run(one, Path(name), environment), units):
            mark = "✗" if verdict.wrong else "✓"
            print(f"{mark} {verdict.unit.folder}: {verdict.unit.program} {verdict.done}")
            for line in verdict.wrong.splitlines():
                print(f"    {line}")
            failed += [str(verdict.unit.folder)] if verdict.wrong else []
    if failed:
        names = " ".join(dict.fromkeys(failed))
        raise UserError(f"Terraform: {names}", f"python -m terraform check {names}")
    print(f"{len(wanted)} folders, {len(units)} validations")


def copy(target: Path, *without: str) -> None:
    """Copy the Terraform; what its files refer to beside it is linked."""
    left = shutil.ignore_patterns(".terraform", ".terraform.*", "*.tfstate*", *without)
    shutil.copytree(TERRAFORM, target / TERRAFORM.name, ignore=left)
    for name in ("charts", "environments", "workloads"):
        (target / name).symlink_to(ROOT / name)


def _run(unit: Unit, place: Path, environment: Mapping[str, str]) -> Verdict:
    copied = place / unit.program
    done: list[str] = []
    for words in unit.commands(copied):
        begun = time.monotonic()
        said = run(
            [tool(unit.program), words[0], "-no-color", *words[1:]],
            cwd=copied / unit.folder,
            env=environment,
            timeout=LIMIT,
            check=False,
            hint="make ready-cloud",
        )
        if said.returncode != 0:
            return Verdict(unit, " ".join([*done, words[0]]), said.stdout + said.stderr)
        done.append(f"{words[0]} {time.monotonic() - begun:.1f} s")
    return Verdict(unit, ", ".join(done), "")
