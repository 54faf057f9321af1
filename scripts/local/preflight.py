"""What must hold before the local cluster is started, each with its way out."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from lib.errors import UserError
from lib.paths import CACHE, LOCAL, ROOT, TOOLS_BIN
from lib.shell import run
from local import cgroups, layout
from tools import debian

MIN_MEMORY = 6 * 2**30
#: Free disk for a node whose images are there, and for one that must build them.
MIN_DISK = 3 * 2**30
MIN_DISK_WITH_IMAGES = 15 * 2**30

TOOLS = (
    "buildctl",
    "buildkitd",
    "calico",
    "calico-felix",
    "coredns",
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
    "local-path-provisioner",
    "metrics-server",
    "ray-operator",
)

#: Folders that look different from within the box.
HIDDEN = (Path("/run"), Path("/var/lib"), Path("/var/log"))


def check() -> None:
    """Look at the machine.

    Raises:
        UserError: the first thing that stands in the way.
    """
    check_root()
    check_programs()
    check_folders([ROOT, CACHE, LOCAL])
    check_size(memory_bytes(), free_disk(), has_images=layout.IMAGE_STORE.exists())
    if not cgroups.trees():
        raise UserError(
            "no cgroup file system is mounted", "mount -t cgroup2 cgroup2 /sys/fs/cgroup"
        )


def check_root() -> None:
    """Raise UserError when this is not root."""
    if os.geteuid() != 0:
        raise UserError(
            "the local cluster is made of namespaces, mounts and firewall rules: that takes root",
            "the same command with sudo, or as root",
        )


def check_programs() -> None:
    """Raise UserError when a pinned tool or a Debian package is missing."""
    missing = [name for name in TOOLS if not (TOOLS_BIN / name).exists()]
    if missing:
        raise UserError(f"not in {TOOLS_BIN}: {', '.join(missing)}", "make tools")
    packages = debian.missing({"deploy"})
    if packages:
        raise UserError(
            f"Debian packages are missing: {', '.join(packages)}", debian.command(packages)
        )


def check_folders(folders: Iterable[Path]) -> None:
    """Raise UserError when a folder lies where the box could not see it, or not build on it."""
    for folder in folders:
        for hidden in HIDDEN:
            if folder.resolve().is_relative_to(hidden):
                raise UserError(
                    f"{folder} lies in {hidden}, which the local node has for itself",
                    "move the checkout, or name another cache: RAYWORKS_CACHE=FOLDER",
                )
    kind = _file_system(CACHE)
    if kind in {"overlay", "tmpfs", "ramfs"}:
        raise UserError(
            f"{CACHE} lies on {kind}, which cannot hold the images' layers",
            "name a folder on a disk: RAYWORKS_CACHE=FOLDER",
        )


def check_size(memory: int, disk: int, *, has_images: bool) -> None:
    """Raise UserError when the machine is too small for the node itself.

    Args:
        memory: the machine's memory, bytes.
        disk: free bytes where the cache and the state lie.
        has_images: the image store is there already.
    """
    if memory < MIN_MEMORY:
        raise UserError(
            f"the machine has {memory / 2**30:.1f} GiB of memory; the node, its daemons and one "
            f"small workload need {MIN_MEMORY / 2**30:.0f} GiB",
            "take a larger machine",
        )
    needed = MIN_DISK if has_images else MIN_DISK_WITH_IMAGES
    if disk < needed:
        raise UserError(
            f"{disk / 2**30:.1f} GiB of disk are free at {CACHE} or {LOCAL}; "
            f"the local cluster needs {needed / 2**30:.0f} GiB",
            "free some, or name a folder on a larger disk: RAYWORKS_CACHE=FOLDER",
        )


def memory_bytes() -> int:
    """The machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def free_disk() -> int:
    """Free bytes on the fuller of the disks that the cluster writes to."""
    return min(shutil.disk_usage(_existing(folder)).free for folder in (CACHE, LOCAL))


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder


def _file_system(folder: Path) -> str:
    found = run(["findmnt", "--json", "--target", _existing(folder), "--output", "FSTYPE"]).stdout
    return str(json.loads(found)["filesystems"][0]["fstype"])
