"""`python -m checks quick|all|full|cloud|gpu`: run every check to its end, then say which failed.

quick  no cluster: lint, types, unit tests, charts
all    quick, slow tests, and the end-to-end run on a local cluster, made and taken away for it
cloud  the clouds' Terraform against the real providers; no account, no network
full   all, cloud, then every scenario and fault that takes long
gpu    the trainings and the endpoint on this machine's GPU
"""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from lib.paths import ROOT, tool
from lib.scratch import temporary_files_removed

PYTHON = sys.executable
PYTEST = [PYTHON, "-m", "pytest", "-q"]
UNIT = ["-m", "not cluster and not full and not cloud and not gpu and not slow"]
TERRAFORM = ROOT / "terraform"


@dataclass(frozen=True, slots=True)
class Check:
    """A command that fails when something is wrong."""

    name: str
    command: list[str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check said."""

    name: str
    passed: bool
    seconds: float


def _tracked(*patterns: str) -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return listed.stdout.split()


def quick() -> list[Check]:
    """Checks that need no cluster."""
    return [
        Check("format", [PYTHON, "-m", "ruff", "format", "--check", "."]),
        Check("lint", [PYTHON, "-m", "ruff", "check", "."]),
        Check("types", [PYTHON, "-m", "mypy", "scripts", "workloads/src"]),
        Check("yaml", [PYTHON, "-m", "yamllint", "--strict", "."]),
        Check("shell", [f"{sys.prefix}/bin/shellcheck", ".ci/run", *_tracked("*.sh")]),
        Check("versions", [PYTHON, "-m", "versions", "check"]),
        Check("pipelines and releases", [PYTHON, "-m", "release", "check"]),
        Check("documentation", [".venv-docs/bin/mkdocs", "build", "--strict"]),
        # Two halves, for two lanes.
        Check("tests of charts", [*PYTEST, *UNIT, "tests/charts"]),
        Check("charts", [PYTHON, "-m", "charts", "check"]),
        Check("other tests", [*PYTEST, *UNIT, "--ignore=tests/charts", "tests"]),
    ]


def slow() -> list[Check]:
    """Further checks that need no cluster."""
    return [Check("slow tests", [*PYTEST, "-m", "slow and not full", "tests"])]


def cluster() -> list[Check]:
    """Checks on a real cluster, which the tests make and take away."""
    return [Check("end to end", [*PYTEST, "-v", "-m", "cluster and not full", "tests"])]


def full() -> list[Check]:
    """Checks that take long."""
    return [Check("scenarios and faults", [*PYTEST, "-v", "-m", "full", "tests"])]


def cloud() -> list[Check]:
    """Checks of Terraform, which need its programs and its providers."""
    lint = ["--recursive", f"--chdir={TERRAFORM}", f"--config={TERRAFORM / '.tflint.hcl'}"]
    scan = ["--directory", str(TERRAFORM), "--config-file", str(TERRAFORM / ".checkov.yaml")]
    return [
        Check(
            "Terraform's format", [tool("terraform"), "fmt", "-check", "-recursive", "terraform"]
        ),
        Check("READMEs of modules", [PYTHON, "-m", "terraform", "docs", "--check"]),
        Check("tflint", [tool("tflint"), *lint]),
        Check("checkov", [str(ROOT / ".venv-cloud/bin/checkov"), *scan]),
        Check("Terraform and OpenTofu", [PYTHON, "-m", "terraform", "check"]),
        Check("tests with Terraform", [*PYTEST, "-v", "-m", "cloud and not full", "tests"]),
    ]


def gpu() -> list[Check]:
    """Checks that need a GPU, and no cluster."""
    return [Check("on a GPU", [*PYTEST, "-v", "-m", "gpu", "tests"])]


def _run(check: Check, *, aloud: bool) -> Verdict:
    begun = time.monotonic()
    if aloud:
        print(f"── {check.name}", flush=True)
        code = subprocess.run(check.command, cwd=ROOT, check=False).returncode
        said = ""
    else:
        done = subprocess.run(check.command, cwd=ROOT, capture_output=True, text=True, check=False)
        code, said = done.returncode, done.stdout + done.stderr
    verdict = Verdict(check.name, code == 0, time.monotonic() - begun)
    if not aloud:
        mark = "ok    " if verdict.passed else "FAILED"
        tail = said.strip().splitlines()[-1:] if verdict.passed else said.splitlines()
        print(f"── {check.name}: {mark} {verdict.seconds:.1f} s", *tail, sep="\n", flush=True)
    return verdict


def main(level: str) -> int:
    """Run the checks of a level; the number of those that failed."""
    if level in ("cloud", "gpu"):
        verdicts, alone = [], cloud() if level == "cloud" else gpu()
    else:
        apart = [*quick(), *([] if level == "quick" else slow())]
        # One more than the small machine has cores: each waits at times, and they end unevenly.
        with ThreadPoolExecutor(max_workers=3) as lanes:
            verdicts = list(lanes.map(lambda check: _run(check, aloud=False), apart))
        alone = {"quick": [], "all": cluster(), "full": [*cloud(), *cluster(), *full()]}[level]
    if all(v.passed for v in verdicts):
        verdicts += [_run(check, aloud=True) for check in alone]
    print("\nhow long each part took")
    for verdict in verdicts:
        print(
            f"  {'ok    ' if verdict.passed else 'FAILED'} {verdict.seconds:7.1f} s  {verdict.name}"
        )
    failed = sum(not v.passed for v in verdicts)
    print(f"checks: {len(verdicts) - failed} passed, {failed} failed")
    return failed


if __name__ == "__main__":
    if sys.argv[1:] not in (["quick"], ["all"], ["full"], ["cloud"], ["gpu"]):
        sys.exit("usage: python -m checks quick|all|full|cloud|gpu")
    with temporary_files_removed():
        failures = main(sys.argv[1])
    sys.exit(1 if failures else 0)
