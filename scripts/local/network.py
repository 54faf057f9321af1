"""The wire between the host and the box: a veth pair, NAT in a table of ours, name servers.

The box's end vanishes with the box. On the host there are the interface, one nft table, two
rules in iptables where its FORWARD chain drops by default (as Docker and ufw make it), and
``net.ipv4.ip_forward``: ``disconnect`` takes all of them back.
"""

from __future__ import annotations

import functools
import ipaddress
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lib.errors import UserError
from lib.shell import run
from local.layout import NAME, POD_CIDR, SERVICE_CIDR

#: Where the pair of addresses is looked for: ranges that home and company networks rarely use.
CANDIDATES = tuple(
    subnet
    for block in ("10.213.77.0/28", "172.30.253.0/28", "192.168.213.0/28", "198.18.77.0/28")
    for subnet in ipaddress.IPv4Network(block).subnets(new_prefix=30)
)

#: Programs for the network lie where users' PATH may not lead.
SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_run = functools.partial(run, env={"PATH": SEARCH})

IP_FORWARD = Path("/proc/sys/net/ipv4/ip_forward")
INTERFACE = Path("/sys/class/net") / NAME

#: Where systemd-resolved keeps the servers that its stub at 127.0.0.53 asks.
RESOLVED = Path("/run/systemd/resolve/resolv.conf")


@dataclass(frozen=True)
class Link:
    """The /30 between host and box."""

    subnet: ipaddress.IPv4Network

    @property
    def host(self) -> str:
        """The host's address, the box's default gateway."""
        return str(self.subnet[1])

    @property
    def node(self) -> str:
        """The node's address, where the API server answers."""
        return str(self.subnet[2])


def routes() -> list[ipaddress.IPv4Network]:
    """Every IPv4 network that the host has a route to, but the default one and our own link."""
    listed = json.loads(_run(["ip", "-json", "-4", "route", "show", "table", "all"]).stdout or "[]")
    return [
        ipaddress.IPv4Network(route["dst"], strict=False)
        for route in listed
        if route["dst"] != "default" and route.get("dev") != NAME
    ]


def choose(taken: Sequence[ipaddress.IPv4Network], preferred: str | None = None) -> Link:
    """Find a /30 that overlaps no network the host knows.

    Args:
        taken: the host's networks.
        preferred: the node's address of an earlier start, kept where still free: etcd and the
            certificates remember it.

    Raises:
        UserError: every candidate is taken.
    """
    candidates = [*CANDIDATES]
    if preferred is not None:
        candidates.insert(0, ipaddress.IPv4Network(f"{preferred}/30", strict=False))
    for subnet in candidates:
        if not any(subnet.overlaps(other) for other in taken):
            return Link(subnet)
    raise UserError(
        "no free network for the local node: the machine has routes to "
        + ", ".join(str(candidate) for candidate in candidates),
        "remove one of these routes (see `ip route`)",
    )


def name_servers(*files: Path) -> list[str]:
    """Name servers that answer from inside the box too, in the order of the machine's list.

    Args:
        files: resolv.conf files, the best first; the first that names a usable server counts.
            The machine's own when none is given.
    """
    for file in files or (Path("/etc/resolv.conf"), RESOLVED):
        if not file.exists():
            continue
        lines = [line.split() for line in file.read_text().splitlines()]
        found = [words[1] for words in lines if len(words) > 1 and words[0] == "nameserver"]
        usable = [server for server in found if _leaves_the_host(server)]
        if usable:
            return usable
    return []


def _leaves_the_host(server: str) -> bool:
    try:
        address = ipaddress.ip_address(server)
    except ValueError:  # an IPv6 address with its interface, which the box does not have
        return False
    return address.version == 4 and not address.is_loopback


def warnings(taken: Sequence[ipaddress.IPv4Network], servers: Sequence[str]) -> list[str]:
    """What of the outside pods will not reach, for want of a route or of a name server."""
    said = []
    for cidr in (POD_CIDR, SERVICE_CIDR):
        inside = ipaddress.IPv4Network(cidr)
        said += [
            f"pods cannot reach {other}: the cluster uses {cidr} itself"
            for other in taken
            if inside.overlaps(other)
        ]
    if not servers:
        said.append(
            "no name server outside this machine in /etc/resolv.conf: pods resolve only "
            "the cluster's own names"
        )
    return said


def connect(pid: int, link: Link, owner: str) -> None:
    """Lay the wire into the network namespace of a process and let it out to the world.

    Args:
        pid: the box's init.
        link: the addresses.
        owner: written on the interface, for whoever finds it.
    """
    IP_FORWARD.write_text("1")
    _run(
        ["ip", "-batch", "-"],
        input_text=f"""\
link add {NAME} type veth peer name eth0 netns {pid}
link set {NAME} alias "{owner}"
address add {link.host}/30 dev {NAME}
link set {NAME} up
""",
    )
    inside = ["nsenter", "--target", str(pid), "--net"]
    _run(
        [*inside, "ip", "-batch", "-"],
        input_text=f"""\
link set lo up
address add {link.node}/30 dev eth0
link set eth0 up
route add default via {link.host}
""",
    )
    # Strict reverse path filtering is what Calico's protection against forged addresses needs.
    for setting in ("ip_forward", "conf/all/rp_filter"):
        _run([*inside, "tee", f"/proc/sys/net/ipv4/{setting}"], input_text="1")
    _run(["nft", "--file", "-"], input_text=nat_table(link))
    if _forward_drops():
        for direction in ("--in-interface", "--out-interface"):
            _run(["iptables", "--insert", "FORWARD", *_forward_rule(direction)])


def nat_table(link: Link) -> str:
    """Our nft table: what leaves the box carries the host's address.

    The cluster's own addresses never leave it. A service that kube-proxy has no rule for yet would
    otherwise be looked for outside, where some networks answer for any address at all, and the API
    server would go on asking whoever that was.
    """
    return f"""\
table ip {NAME}
delete table ip {NAME}
table ip {NAME} {{
  chain postrouting {{
    type nat hook postrouting priority srcnat
    ip saddr {link.subnet} oifname != "{NAME}" masquerade
  }}
  chain forward {{
    type filter hook forward priority filter
    iifname "{NAME}" ip daddr {{ {POD_CIDR}, {SERVICE_CIDR} }} reject
  }}
}}
"""


def tables() -> list[str]:
    """Every nft table, such as ``table ip rayworks``; none where nft is not installed."""
    return attempt("nft", "list", "tables").splitlines()


def attempt(*command: str) -> str:
    """What a command prints, where it is installed and does not fail."""
    if shutil.which(command[0], path=SEARCH) is None:
        return ""
    return _run(command, check=False).stdout


def _forward_rule(direction: str) -> list[str]:
    return [direction, NAME, "--match", "comment", "--comment", NAME, "--jump", "ACCEPT"]


def _forward_drops() -> bool:
    return attempt("iptables", "--list-rules", "FORWARD").startswith("-P FORWARD DROP")


def disconnect(ip_forward: str | None) -> None:
    """Take back everything that ``connect`` did on the host; what is not there is no error.

    Args:
        ip_forward: what net.ipv4.ip_forward was before; None leaves it.
    """
    if INTERFACE.exists():
        attempt("ip", "link", "delete", NAME)  # it may vanish with the box meanwhile
    if f"table ip {NAME}" in tables():
        attempt("nft", "delete", "table", "ip", NAME)
    for direction in ("--in-interface", "--out-interface"):
        rule = _forward_rule(direction)
        ours = [f"-{direction.lstrip('-')[0]}", NAME]
        for line in attempt("iptables", "--list-rules", "FORWARD").splitlines():
            if line.split()[2:4] == ours:
                attempt("iptables", "--delete", "FORWARD", *rule)
    if ip_forward is not None:
        IP_FORWARD.write_text(ip_forward)
