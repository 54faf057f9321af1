"""What of the host a local cluster could leave behind, to be compared before and after.

Run as ``python -m local.snapshot`` to see it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from lib.paths import LOCAL
from local import cgroups, network

#: Programs of a node. What else its pods run is told by its control group.
_OURS = (
    "local.init",
    "supervisor.supervisord",
    "buildkitd",
    "calico",
    "catatonit",
    "containerd",
    "coredns",
    "etcd",
    "kube",
    "local-path-provisioner",
    "metrics-server",
)


@dataclass(frozen=True)
class Snapshot:
    """The host at a moment, each as a set of lines.

    Attributes:
        processes: number and command of processes that a node runs.
        mounts: mount points.
        interfaces: network interfaces.
        namespaces: named network namespaces.
        tables: nft tables, and iptables' rules.
        groups: control groups of ours.
        settings: kernel settings that ``up`` changes.
        files: this checkout's state folder.
    """

    processes: frozenset[str]
    mounts: frozenset[str]
    interfaces: frozenset[str]
    namespaces: frozenset[str]
    tables: frozenset[str]
    groups: frozenset[str]
    settings: frozenset[str]
    files: frozenset[str]


def take() -> Snapshot:
    """Look at the host."""
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    rules = [line for line in network.attempt("iptables-save").splitlines() if line[0] == "-"]
    return Snapshot(
        processes=frozenset(_processes()),
        mounts=frozenset(line.split()[4] for line in mounts),
        interfaces=frozenset(path.name for path in Path("/sys/class/net").iterdir()),
        namespaces=frozenset(network.attempt("ip", "netns", "list").splitlines()),
        tables=frozenset([*network.tables(), *rules]),
        groups=frozenset(map(str, cgroups.groups())),
        settings=frozenset({f"net.ipv4.ip_forward = {network.IP_FORWARD.read_text().strip()}"}),
        files=frozenset({str(LOCAL)} if LOCAL.exists() else ()),
    )


def _processes() -> list[str]:
    found = []
    in_group = cgroups.processes()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
        except (FileNotFoundError, ProcessLookupError):
            continue
        program = command.split(" ")[0].rpartition("/")[2]
        if int(folder.name) in in_group or any(
            program.startswith(name) or f"-m {name}" in command for name in _OURS
        ):
            found.append(f"{folder.name} {command[:100]}")
    return found


def difference(before: Snapshot, after: Snapshot) -> list[str]:
    """What came, with a plus, and what went, with a minus, a line each."""
    lines = []
    for field in fields(Snapshot):
        old, new = getattr(before, field.name), getattr(after, field.name)
        lines += [f"+ {field.name}: {line}" for line in sorted(new - old)]
        lines += [f"- {field.name}: {line}" for line in sorted(old - new)]
    return lines


def main() -> None:
    """Print a snapshot."""
    taken = take()
    for field in fields(Snapshot):
        for line in sorted(getattr(taken, field.name)):
            print(f"{field.name}: {line}")


if __name__ == "__main__":
    main()
