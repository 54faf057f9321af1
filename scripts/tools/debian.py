"""Debian packages, by the command that is wanted from each.

A package is installed only where its command is missing, so that what a machine has already
(Docker's containerd.io, for one) stays. Nothing that is installed is left running.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lib.errors import UserError

_SEARCH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])
_POLICY = Path("/usr/sbin/policy-rc.d")


@dataclass(frozen=True)
class Package:
    """A Debian package and the command or the file that says whether it is there."""

    name: str
    probe: str

    @property
    def missing(self) -> bool:
        """Whether the machine lacks it."""
        if self.probe.startswith("/"):
            return not Path(self.probe).exists()
        return shutil.which(self.probe, path=_SEARCH) is None


PACKAGES: tuple[Package, ...] = (
    Package("containerd", "containerd"),
    Package("runc", "runc"),
    Package("containernetworking-plugins", "/usr/lib/cni/bridge"),
    Package("mmdebstrap", "mmdebstrap"),
    Package("catatonit", "catatonit"),
    Package("iptables", "iptables"),
    Package("ipset", "ipset"),
    Package("nftables", "nft"),
    Package("conntrack", "conntrack"),
    Package("socat", "socat"),
    Package("ethtool", "ethtool"),
    Package("iproute2", "ip"),
)


def missing(groups: set[str]) -> list[str]:
    """Names of the packages that this machine lacks for the groups; a venv is for all."""
    names = [package.name for package in PACKAGES if package.missing] if "deploy" in groups else []
    if importlib.util.find_spec("ensurepip") is None:
        names.append(f"python{sys.version_info.major}.{sys.version_info.minor}-venv")
    return names


def command(names: list[str]) -> str:
    """The command that installs packages, for a person to type."""
    return f"sudo apt-get install --no-install-recommends {' '.join(names)}"


def install(names: list[str]) -> None:
    """Install packages as root, without starting the services that come with them.

    Raises:
        UserError: apt-get failed; the message holds its last lines.
    """
    with _services_stay_down():
        arguments = ["install", "--yes", "--no-install-recommends", *names]
        code, said = _apt(arguments)
        if code != 0:  # the lists are missing or too old
            _apt(["update"])
            code, said = _apt(arguments)
    if code != 0:
        lines = "\n  ".join(said.strip().splitlines()[-15:])
        raise UserError(f"apt-get could not install {' '.join(names)}:\n  {lines}", command(names))
    if "containerd" in names and shutil.which("systemctl"):
        # Nor at the next boot: the local node runs a containerd of its own.
        subprocess.run(["systemctl", "--quiet", "disable", "containerd.service"], check=False)


def _apt(arguments: list[str]) -> tuple[int, str]:
    """Run apt-get to its end; in a session of its own, so that Ctrl-C does not cut it in half."""
    done = subprocess.run(
        ["apt-get", "-o", "DPkg::Lock::Timeout=300", *arguments],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        check=False,
    )
    return done.returncode, done.stdout


@contextmanager
def _services_stay_down() -> Iterator[None]:
    """Forbid package scripts to start services, as Debian provides for (policy-rc.d).

    A machine's own policy stays. Ours binds only while this process lives, so that one left
    behind by a crash forbids nothing.
    """
    script = (
        "#!/bin/sh\n"
        "# rayworks: no service is started by an installation\n"
        f"[ ! -d /proc/{os.getpid()} ] || exit 101\n"
    )
    try:
        with _POLICY.open("x") as file:
            file.write(script)
    except FileExistsError:
        if "# rayworks:" not in _POLICY.read_text(errors="replace"):
            yield
            return
        _POLICY.write_text(script)
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink(missing_ok=True)
