"""Locks of the Python requirements: every version and hash, no address of an index."""

from __future__ import annotations

from lib.paths import ROOT
from lib.shell import run
from tools.progress import Progress
from tools.venv import uv, uv_environment

#: Each list of requirements (.in) and its lock beside it; a list comes after those it refers to.
LOCKS = (
    "scripts/bootstrap", "scripts/requirements", "workloads/requirements", "requirements-dev",
    "images/mlflow/requirements", "docs/requirements", "tests/s3/requirements",
    "tests/checkov/requirements", "tests/aws/requirements", "tests/with-deepspeed/requirements",
)  # fmt: skip

#: Those that are put on top of another environment, which has what their packages need.
ON_TOP = ("tests/with-deepspeed/requirements",)


def lock(progress: Progress, *, upgrade: bool) -> None:
    """Write every lock anew: for changed lists only, or with `upgrade` to the latest versions."""
    for name in LOCKS:
        with progress.task(f"{name}.lock"):
            compile_command = [
                *(uv(), "pip", "compile", "--quiet", "--universal", "--generate-hashes"),
                *("--no-emit-index-url", "--python-version", "3.11"),
                *("--custom-compile-command", "make lock"),
                *(["--no-deps"] if name in ON_TOP else []),
                *(["--upgrade"] if upgrade else []),
                *(f"{name}.in", "--output-file", f"{name}.lock"),
            ]
            run(compile_command, cwd=ROOT, env=uv_environment())
