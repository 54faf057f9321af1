"""Nodes as they come and go, and what waits for them."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from lib.errors import UserError
from lib.kube import Kube, Object, condition

#: Seconds between two looks.
INTERVAL = 5.0

#: How many comings and goings are shown.
EVENTS = 12

#: By which labels clouds say of which size a node is, and of which pool: the first that is there.
SIZE = ("node.kubernetes.io/instance-type",)
POOL = (
    "rayworks.io/pool",
    "karpenter.sh/nodepool",
    "kubernetes.azure.com/agentpool",
    "eks.amazonaws.com/nodegroup",
)
SPOT = {
    "karpenter.sh/capacity-type": "spot",
    "eks.amazonaws.com/capacityType": "SPOT",
    "kubernetes.azure.com/scalesetpriority": "spot",
}


@dataclass(frozen=True, slots=True)
class Node:
    """A node, in words."""

    name: str
    pool: str
    size: str
    state: str
    age: str
    pods: int

    @property
    def title(self) -> str:
        """Name, pool and size."""
        return f"{self.name} ({', '.join(filter(None, (self.pool, self.size)))})"


def _label(labels: Mapping[str, str], names: Sequence[str]) -> str:
    return next((labels[name] for name in names if name in labels), "")


def nodes(kube: Kube) -> dict[str, Node]:
    """The nodes of a cluster by name, with how many of Ray's pods each has."""
    count: dict[str, int] = {}
    for pod in kube.list("pods", selector="ray.io/is-ray-node=yes"):
        where = pod["spec"].get("nodeName", "")
        count[where] = count.get(where, 0) + 1
    return {node.name: node for node in (_node(obj, count) for obj in kube.list("nodes"))}


def _node(obj: Object, count: Mapping[str, int]) -> Node:
    meta = obj["metadata"]
    labels = meta.get("labels") or {}
    words = ["Ready" if condition(obj, "Ready") else "NotReady"]
    words += ["draining"] if obj["spec"].get("unschedulable") else []
    words += ["spot"] if any(labels.get(key) == value for key, value in SPOT.items()) else []
    return Node(
        name=meta["name"],
        pool=_label(labels, POOL),
        size=_label(labels, SIZE),
        state=", ".join(words),
        age=age(meta["creationTimestamp"]),
        pods=count.get(meta["name"], 0),
    )


def age(since: str) -> str:
    """Time since a moment, in its largest unit."""
    begun = datetime.datetime.fromisoformat(since)
    seconds = (datetime.datetime.now(datetime.UTC) - begun).total_seconds()
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f}{unit}"
    return f"{max(0, seconds):.0f}s"


def waiting(kube: Kube) -> list[str]:
    """Pods that find no node, each with the scheduler's reason."""
    lines = []
    for pod in kube.list("pods"):
        for one in pod.get("status", {}).get("conditions", []):
            if one["type"] == "PodScheduled" and one["status"] == "False":
                meta = pod["metadata"]
                lines.append(f"{meta['namespace']}/{meta['name']}: {one.get('message', '')[:100]}")
    return lines


def compare(before: Mapping[str, Node], now: Mapping[str, Node]) -> list[str]:
    """What has come and gone between two looks, and what has changed its state."""
    lines = [f"+ {now[name].title}" for name in now.keys() - before.keys()]
    lines += [f"- {before[name].title}" for name in before.keys() - now.keys()]
    lines += [
        f"~ {now[name].title}: {before[name].state} → {now[name].state}"
        for name in now.keys() & before.keys()
        if now[name].state != before[name].state
    ]
    return sorted(lines)


def watch(
    kube: Kube,
    rows: Callable[[], Sequence[tuple[str, str]]],
    console: Console,
    looks: int | None = None,
) -> None:
    """Show rows, nodes and what waits, again and again until Ctrl-C.

    Args:
        kube: the cluster.
        rows: what to show above: label and text.
        console: where; without a terminal only what has changed is printed, a line each.
        looks: how many times; None: for ever.
    """
    seen = nodes(kube)
    events: list[str] = []
    if not console.is_terminal:
        for node in seen.values():
            console.print(f"= {node.title} {node.state}", soft_wrap=True)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        done = 0
        while looks is None or done < looks:
            done += 1
            try:
                now = nodes(kube)
                lines = waiting(kube)
            except UserError as error:  # it may be back at the next look
                now, lines = seen, [error.message.splitlines()[0]]
            clock = datetime.datetime.now().astimezone().strftime("%H:%M:%S")
            news = [f"{clock} {line}" for line in compare(seen, now)]
            events = [*events, *news][-EVENTS:]
            seen = now
            if console.is_terminal:
                live.update(_screen(rows(), now, lines, events), refresh=True)
            else:
                for line in news:
                    console.print(line, soft_wrap=True)
            if looks is None or done < looks:
                time.sleep(INTERVAL)


def _screen(
    rows: Sequence[tuple[str, str]],
    found: Mapping[str, Node],
    lines: Sequence[str],
    events: Sequence[str],
) -> Group:
    above = Table.grid(padding=(0, 2))
    for label, text in rows:
        above.add_row(Text(label, style="bold"), text)
    table = Table("node", "pool", "size", "state", "age", "Ray pods", box=None, pad_edge=False)
    for node in sorted(found.values(), key=lambda one: (one.pool, one.name)):
        table.add_row(node.name, node.pool, node.size, node.state, node.age, str(node.pods))
    parts: list[Table | Text] = [above, Text(), table]
    if lines:
        parts += [Text("\nwithout a node:", style="bold"), Text("\n".join(lines[:8]))]
    if events:
        parts += [Text("\ncame and went:", style="bold"), Text("\n".join(events))]
    return Group(*parts)
