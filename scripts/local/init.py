"""The first process of the box: makes its namespaces, dresses them, and becomes supervisord.

Run as ``python -m local.init``; prints the process id of the box's init and ends. Everything that
the node mounts, binds or starts is inside these namespaces, so ending that one process ends it
all. ``unshare(1)`` would do the first half, but leaves a waiting parent behind and does not tell
the child's process id.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

from local import cgroups, layout

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

#: Some machines allow a milliard open files, and programs that close them one by one.
MAX_OPEN_FILES = 1 << 20


def _mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True)


def open_files_limit() -> int:
    """How many files a process of the node may open: the machine's hard limit."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_OPEN_FILES)


def _mount_all() -> None:
    """Make the box look like any other node, at the usual paths."""
    _mount("--make-rprivate", "/")
    _mount("-t", "proc", "proc", "/proc")
    resolv_conf = layout.CONFIG / "resolv.conf"
    resolv_target = Path("/etc/resolv.conf").resolve()
    if not resolv_target.is_relative_to("/run"):
        _mount("--bind", resolv_conf, resolv_target)
    _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    Path("/run/tmp").mkdir(mode=0o1777)
    if resolv_target.is_relative_to("/run"):
        resolv_target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(resolv_conf, resolv_target)
    # The stores are bound to their places under our /var/lib before that hides the host's.
    for store, name in ((layout.IMAGE_STORE, "containerd"), (layout.BUILD_CACHE, "buildkit")):
        _mount("--bind", store, layout.LIB / name)
    _mount("--rbind", layout.LIB, "/var/lib")
    _mount("--bind", layout.LOG, "/var/log")
    # The kubelet shows volumes to containers through shared mounts.
    _mount("--make-rshared", "/")


def _become_init() -> None:
    os.setsid()
    socket.sethostname(layout.NAME)
    _mount_all()
    limit = open_files_limit()
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    os.chdir("/")
    os.execv(  # noqa: S606 - no shell is wanted
        sys.executable,
        [
            sys.executable,
            "-m",
            "supervisor.supervisord",
            "--nodaemon",
            "--configuration",
            str(layout.SUPERVISOR_CONFIG),
        ],
    )


def main() -> None:
    """Start the box and print the process id of its init, as the host sees it."""
    cgroups.join("node")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWPID | CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    child = os.fork()
    if child:
        print(child, flush=True)
        return
    # Nobody holds the caller's pipe open; supervisord writes its own log from here on.
    log = os.open(layout.LOG / "init.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    _become_init()


if __name__ == "__main__":
    main()
