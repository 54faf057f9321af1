"""Why something does not run: the container's last lines, the events, the operator's message."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from lib.kube import Kube, Object

#: Reasons for which waiting longer does not help.
HOPELESS = {
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "RunContainerError",
}
LINES = 12


def patience(seconds: float, every: float = 0.3) -> Iterator[float]:
    """Yield the seconds gone by, until the time is over."""
    begun = time.monotonic()
    while (gone := time.monotonic() - begun) < seconds:
        yield gone
        time.sleep(every)


def _containers(pod: Object) -> list[Object]:
    status = pod.get("status", {})
    return [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]


def _last_lines(kube: Kube, pod: Object, container: str, *, previous: bool) -> list[str]:
    meta = pod["metadata"]
    words = ["logs", meta["name"], "-c", container, f"--tail={LINES}"]
    if previous:
        words.append("--previous")
    return kube.run(*words, namespace=meta["namespace"], check=False).splitlines()


def pod(kube: Kube, obj: Object) -> list[str]:
    """What keeps one pod from running, a line each; empty when nothing does."""
    name = obj["metadata"]["name"]
    lines: list[str] = []
    for c in obj.get("status", {}).get("conditions", []):
        if c["type"] == "PodScheduled" and c["status"] == "False":
            lines.append(f"{name} is not scheduled: {c.get('message', c.get('reason'))}")
    for status in _containers(obj):
        state = status.get("state", {})
        waiting = state.get("waiting", {})
        ended = state.get("terminated") or status.get("lastState", {}).get("terminated") or {}
        if waiting.get("reason") in HOPELESS or ended.get("exitCode", 0) != 0:
            reason = waiting.get("reason") or ended.get("reason", "Error")
            code = f", exit code {ended['exitCode']}" if ended.get("exitCode") else ""
            lines.append(f"{name}/{status['name']}: {reason}{code} {waiting.get('message', '')}")
            if ended:
                previous = "terminated" not in state
                said = _last_lines(kube, obj, status["name"], previous=previous)
                lines += [f"  | {line}" for line in said]
    return lines


def trouble(kube: Kube, pods: Iterable[Object]) -> str:
    """What will not mend itself in these pods; empty when all may still start."""
    lines: list[str] = []
    for obj in pods:
        reasons = {s.get("state", {}).get("waiting", {}).get("reason") for s in _containers(obj)}
        if reasons & HOPELESS:
            lines += pod(kube, obj)
    return "\n".join(lines)


def events(kube: Kube, namespace_name: str, limit: int = 6) -> list[str]:
    """The latest warnings of a namespace, a line each."""
    text = kube.run(
        "get", "events", "--field-selector=type=Warning", "--sort-by=.lastTimestamp",
        "--no-headers",
        "-o", "custom-columns=:.involvedObject.kind,:.involvedObject.name,:.reason,:.message",
        namespace=namespace_name, check=False,
    )  # fmt: skip
    return [" ".join(line.split()) for line in text.splitlines()[-limit:]]


def namespace(kube: Kube, name: str) -> str:
    """All that a namespace has to say about what does not run."""
    lines: list[str] = []
    for obj in kube.list("pods", name):
        lines += pod(kube, obj)
    if warnings := events(kube, name):
        lines += ["events:", *(f"  {line}" for line in warnings)]
    return "\n".join(lines) or "Kubernetes reports nothing unusual"
