"""Tables of connections between pods, each tried for real from inside the pod that it begins in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from support import restricted_pod

from lib.kube import Kube

#: Port that each peer listens on.
PORT = 8081

#: Says for each of a list of [host, port] what becomes of a connection: `open`; `refused`, which is
#: as far as it gets where nobody listens; or `blocked`, without any answer. 53/udp asks for a name.
CONNECT = r"""
import json, socket, sys
LABELS = (b"kubernetes", b"default", b"svc", b"cluster", b"local", b"")
NAME = b"".join(bytes([len(label)]) + label for label in LABELS)
QUESTION = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0" + NAME + b"\0\x01\0\x01"
for host, port in json.loads(sys.argv[1]):
    number, _, protocol = str(port).partition("/")
    try:
        if protocol == "udp":
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
                one.settimeout(5)
                one.connect((host, int(number)))
                one.send(QUESTION)
                one.recv(512)
        else:
            socket.create_connection((host, int(number)), 5).close()
        print("open")
    except ConnectionRefusedError:
        print("refused")
    except OSError:
        print("blocked")
"""


class Place(NamedTuple):
    """A pod that connections begin or end at."""

    pod: str
    namespace: str


class Row(NamedTuple):
    """A connection, and what is to become of it."""

    source: str
    target: str
    port: int | str
    wanted: str


def peer(name: str, namespace: str, image: str) -> dict[str, Any]:
    """A pod that connects, and that listens on PORT; the image has Python."""
    container = {"image": image, "command": ["python", "-m", "http.server", str(PORT)]}
    pod = restricted_pod(f"peer-{name}", namespace, container)
    pod["spec"]["securityContext"]["runAsUser"] = 1000
    return pod


def started(kube: Kube, *places: Place) -> None:
    """Wait until pods are ready."""
    for pod, namespace in places:
        words = ("wait", f"pod/{pod}", "--for=condition=Ready", "--timeout=60s")
        kube.run(*words, namespace=namespace, timeout=90)


def address(kube: Kube, place: Place) -> str:
    """The IP of a pod that runs."""
    found = kube.find("pod", place.pod, place.namespace)
    assert found
    return str(found["status"]["podIP"])


def wrong(
    kube: Kube, places: dict[str, Place], others: dict[str, str], rows: Sequence[Row]
) -> list[str]:
    """What becomes of connections, printed as a table; those that are not as they should be.

    Args:
        kube: the cluster.
        places: pods by the names that rows give them; in those that are sources there is Python.
        others: hosts of further targets.
        rows: the table.
    """
    hosts = others | {name: address(kube, place) for name, place in places.items()}
    found = []
    for source in dict.fromkeys(row.source for row in rows):
        own = [row for row in rows if row.source == source]
        asked = json.dumps([[hosts[row.target], row.port] for row in own])
        pod, namespace = places[source]
        words = ("exec", pod, "--", "python", "-c", CONNECT, asked)
        said = kube.run(*words, namespace=namespace, timeout=200).split()
        for row, got in zip(own, said, strict=True):
            line = f"{row.source:>10} → {row.target:<10} {row.port:>6}  {got:<7}"
            print(line, "as it should be" if got == row.wanted else f"WRONG: not {row.wanted}")
            found += [] if got == row.wanted else [line]
    return found
