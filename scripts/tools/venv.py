"""Virtual environments from hash-locked requirements, kept in the user-level cache.

uv makes them; it comes from PyPI, pinned by scripts/bootstrap.lock, into an environment of its own.
An environment is hard-linked from uv's cache, so a second one costs next to no disk. Its modules
are compiled as it is made: some users' settings (PYTHONDONTWRITEBYTECODE) would have each of Ray's
processes do that anew, which takes a run on a laptop from 20 s to 40.
"""

from __future__ import annotations

import hashlib
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

from lib.paths import CACHE, ROOT
from lib.shell import run
from tools.files import link, locked, remove
from tools.progress import Progress

#: Says that an environment is whole; written last. (Environments cannot be renamed into place:
#: the scripts in them hold their own path.)
READY = ".ready"


@dataclass(frozen=True)
class Environment:
    """A virtual environment: its name, its requirements, and its link in the checkout."""

    name: str
    lock: Path
    link: Path

    @property
    def path(self) -> Path:
        """Its place in the cache; another one for each set of requirements and interpreter."""
        digest = hashlib.sha256(self.lock.read_bytes())
        digest.update(f"{platform.python_version()} {sys.base_prefix} compiled".encode())
        return CACHE / "venv" / f"{self.name}-{digest.hexdigest()[:12]}"

    @property
    def ready(self) -> bool:
        """Whether it is whole, and its interpreter still there."""
        return (self.path / READY).exists() and (self.path / "bin" / "python").exists()


BOOTSTRAP = Environment("uv", ROOT / "scripts/bootstrap.lock", ROOT / ".tools/uv")
ENVIRONMENTS = {
    "deploy": Environment("deploy", ROOT / "scripts/requirements.lock", ROOT / ".venv"),
    "dev": Environment("dev", ROOT / "requirements-dev.lock", ROOT / ".venv-dev"),
    "cloud": Environment("cloud", ROOT / "tests/checkov/requirements.lock", ROOT / ".venv-cloud"),
    # What the image of that name holds: made by the tests that run the server as a process.
    "mlflow": Environment(
        "mlflow", ROOT / "images/mlflow/requirements.lock", ROOT / ".venv-mlflow"
    ),
    # What makes the site, whose own requirements are no business of the checks.
    "docs": Environment("docs", ROOT / "docs/requirements.lock", ROOT / ".venv-docs"),
    # The S3 server of the tests, likewise.
    "s3": Environment("s3", ROOT / "tests/s3/requirements.lock", ROOT / ".venv-s3"),
    # Their AWS account.
    "aws": Environment("aws", ROOT / "tests/aws/requirements.lock", ROOT / ".venv-aws"),
    # What their training with DeepSpeed has on its path beside the workloads' packages.
    "deepspeed": Environment(
        "deepspeed", ROOT / "tests/with-deepspeed/requirements.lock", ROOT / ".venv-deepspeed"
    ),
}


def uv_environment() -> dict[str, str]:
    """What uv is told by its environment: our cache, no downloads of Python, the system's CAs."""
    return {
        "UV_CACHE_DIR": str(CACHE / "uv"),
        "UV_LINK_MODE": "hardlink",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_SYSTEM_CERTS": "true",
        "UV_NO_CONFIG": "true",
    }


def uv() -> str:
    """Path of the pinned uv, which is installed first where it is missing."""
    path = BOOTSTRAP.path
    with locked(path):
        if not BOOTSTRAP.ready:
            remove(path)
            run([sys.executable, "-m", "venv", path])
            install = [str(path / "bin/python"), "-m", "pip", "install", "--quiet"]
            run([*install, "--require-hashes", "--only-binary=:all:", "-r", BOOTSTRAP.lock])
            (path / READY).touch()
    return str(path / "bin/uv")


def make(name: str, progress: Progress, *, quiet: bool = False) -> None:
    """Make an environment of ENVIRONMENTS if it is not there, and link it into the checkout.

    `quiet` leaves out the line of one that is there.
    """
    environment = ENVIRONMENTS[name]
    path = environment.path
    title = f"Python environment {name}"
    if not environment.ready:
        with progress.task(title), locked(path):
            if not environment.ready:
                _fill(environment)
    elif not quiet:
        progress.done(title, "cached")
    link(environment.link, path)


def _fill(environment: Environment) -> None:
    path = environment.path
    remove(path)
    tool, settings = uv(), uv_environment()
    run([tool, "venv", "--quiet", "--python", sys.executable, path], env=settings)
    sync = [
        tool,
        "pip",
        "sync",
        "--quiet",
        "--compile-bytecode",
        "--require-hashes",
        "--python",
        str(path / "bin/python"),
    ]
    run([*sync, environment.lock], env=settings)
    (path / READY).touch()
