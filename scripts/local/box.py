"""The box that the node lives in: its init process, how to find it, enter it and end it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from supervisor.xmlrpc import SupervisorTransport  # type: ignore[import-untyped]

from lib.errors import UserError
from lib.paths import ROOT
from lib.shell import run
from local import layout, network

#: What every process of the node sees as its environment.
ENVIRONMENT = {
    "PATH": network.SEARCH,
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "TMPDIR": "/run/tmp",
    "PYTHONPATH": str(ROOT / "scripts"),
    # The box is read from the checkout; it leaves nothing there.
    "PYTHONDONTWRITEBYTECODE": "1",
}


@dataclass(frozen=True)
class Box:
    """A box that runs or ran, as .local/node.json remembers it.

    Attributes:
        pid: its init, as the host numbers it.
        ticks: when that process began, in clock ticks since boot: tells it from a later process
            of the same number.
        boot: the machine's boot, for the same purpose.
        checkout: whose cluster it is.
        address: the node's address.
        ip_forward: the host's net.ipv4.ip_forward before.
        started: when, in seconds since 1970.
    """

    pid: int
    ticks: int
    boot: str
    checkout: str
    address: str
    ip_forward: str
    started: float

    def is_alive(self) -> bool:
        """Whether its init still runs."""
        return self.is_this_boot() and self.ticks == _ticks(self.pid)

    def is_this_boot(self) -> bool:
        """Whether the machine has not been started anew since."""
        return self.boot == _boot()

    def path(self, inside: str) -> Path:
        """A path inside the box, as the host reaches it."""
        return Path(f"/proc/{self.pid}/root{inside}")

    def enter(self, command: Sequence[str]) -> list[str]:
        """The command line that runs a command inside the box."""
        return [
            "nsenter",
            "--target",
            str(self.pid),
            "--mount",
            "--net",
            "--uts",
            "--pid",
            *command,
        ]

    def supervisor(self) -> Any:
        """The XML-RPC interface of its supervisord."""
        url = f"unix://{self.path(layout.SUPERVISOR_SOCKET)}"
        server = xmlrpc.client.ServerProxy(
            "http://localhost", transport=SupervisorTransport(None, None, url)
        )
        return cast(Any, server).supervisor

    def connects(self, socket_path: str) -> bool:
        """Whether something listens on a Unix socket in the box."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2)
            try:
                client.connect(str(self.path(socket_path)))
            except OSError:
                return False
        return True

    def save(self, *files: Path) -> None:
        """Remember it in these files."""
        for file in files:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(asdict(self), indent=2) + "\n")


def load(file: Path) -> Box | None:
    """The box that a file remembers, alive or not; None when there is none."""
    try:
        return Box(**json.loads(file.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def running() -> Box | None:
    """Find this checkout's box, when it runs."""
    box = load(layout.NODE)
    return box if box is not None and box.is_alive() else None


def launch(address: str, ip_forward: str) -> Box:
    """Start an empty box: namespaces, mounts and a supervisord with nothing to supervise yet."""
    made = run(
        [sys.executable, "-m", "local.init"],
        env=ENVIRONMENT,
        hint=f"read {layout.LOG / 'init.log'}",
    )
    pid = int(made.stdout)
    box = Box(
        pid=pid,
        ticks=_ticks(pid) or 0,
        boot=_boot(),
        checkout=str(ROOT),
        address=address,
        ip_forward=ip_forward,
        started=time.time(),
    )
    box.save(layout.NODE, layout.OWNER)
    return box


def wait_for_supervisor(box: Box, timeout: float = 30) -> None:
    """Wait until the box's supervisord takes calls.

    Raises:
        UserError: it ended, or took too long; the message holds its last lines.
    """
    deadline = time.monotonic() + timeout
    while not box.connects(layout.SUPERVISOR_SOCKET):
        if not box.is_alive() or time.monotonic() > deadline:
            log = layout.LOG / "init.log"
            lines = log.read_text().splitlines()[-15:] if log.exists() else []
            raise UserError(
                "the first process of the local node did not start:\n  " + "\n  ".join(lines),
                f"read {layout.LOG}",
            )
        time.sleep(0.02)


def end(box: Box, timeout: float = 20) -> None:
    """End a box at once, and wait until the kernel has ended all that lived in it.

    Raises:
        UserError: it does not end, as happens when one of its processes hangs in the kernel.
    """
    if not box.is_alive():
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(box.pid, signal.SIGKILL)
    deadline = time.monotonic() + timeout
    while box.is_alive():
        if time.monotonic() > deadline:
            raise UserError(f"process {box.pid} does not end", "see `dmesg`")
        time.sleep(0.02)


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _ticks(pid: int) -> int | None:
    """When a process began, in clock ticks since boot; None when it does not live."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def execute(box: Box, command: Sequence[str]) -> int:
    """Run a command inside the box on this terminal, and return its exit code."""
    return subprocess.run(box.enter(command), check=False).returncode
