"""Starts, inspects and ends the local cluster."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import os
import shutil
import signal
import string
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from xmlrpc.client import Error as RpcError

from lib.errors import UserError
from lib.kube import Kube
from lib.paths import LOCAL, ROOT, TOOLS_BIN
from local import box, cgroups, components, images, kube, layout, network, pki, preflight, steps
from local import values as machine_values
from local.box import Box
from local.components import Component

Report = Callable[[str], None]

#: How long a part may take to become healthy on a slow machine, in seconds.
PATIENCE = 180

#: Images that the cluster's own pods run.
OWN_IMAGES = ("pause", "coredns", "local-path-provisioner", "metrics-server", "base")

#: Deployments of those pods; nothing waits for the last, which answers after its first scrape.
ADDONS = (
    ("kube-system", "coredns"),
    ("local-path-storage", "local-path-provisioner"),
    ("kube-system", "metrics-server"),
)
AWAITED_ADDONS = ADDONS[:2]

_APPLIED = LOCAL / "applied"


@dataclass(frozen=True)
class ComponentStatus:
    """How a part of the cluster is.

    Attributes:
        name: the component, the node, or the Deployment of an add-on.
        healthy: whether it does its work.
        detail: since when, or why not.
        log: its last lines, when it is not healthy and has a log of its own.
    """

    name: str
    healthy: bool
    detail: str
    log: tuple[str, ...] = ()


@contextlib.contextmanager
def _locked(report: Report) -> Iterator[None]:
    """Keep other commands, of any checkout that shares the cache, from changing the cluster."""
    layout.LOCK.parent.mkdir(parents=True, exist_ok=True)
    with layout.LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("waiting for another command that starts or ends a local cluster")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _elsewhere() -> Box | None:
    """A cluster of another checkout that runs on this machine."""
    known = [box.load(layout.OWNER)]
    with contextlib.suppress(OSError):
        # The interface names its owner even where that one uses another cache.
        owner = (network.INTERFACE / "ifalias").read_text().strip()
        known.append(box.load(Path(owner) / LOCAL.name / layout.NODE.name))
    for found in known:
        if found and found.checkout != str(ROOT) and found.is_alive():
            return found
    return None


def up(report: Report) -> None:
    """Start the cluster, or mend it, or find that there is nothing to do.

    Args:
        report: called with a line whenever something has come about.

    Raises:
        UserError: the machine lacks something, another checkout's cluster runs, or a component
            does not become healthy; the message then holds its last lines.
    """
    preflight.check()
    with _locked(report):
        if other := _elsewhere():
            there = Path(other.checkout).exists()
            raise UserError(
                f"the local cluster of {other.checkout} runs on this machine, and there is room "
                "for one",
                f"make -C {other.checkout} cluster-down"
                if there
                else f"that folder is gone: `kill -9 {other.pid}` ends all that runs of it, and "
                "the same command as now removes the rest",
            )
        began = time.monotonic()
        node = box.running()
        is_new = node is None
        if node is None:
            node, parts = _launch(report)
        else:
            parts = _desired(node.address)
            _reconfigure(node, parts)
        steps.run(_steps(node, parts, report, began, is_new=is_new))
        machine_values.write()


def _launch(report: Report) -> tuple[Box, list[Component]]:
    """Make an empty box, after whatever an earlier one, of this or another checkout, has left."""
    dead = box.load(layout.NODE)
    ip_forward = network.IP_FORWARD.read_text().strip()
    if (last := dead or box.load(layout.OWNER)) and last.is_this_boot():
        ip_forward = last.ip_forward
    _clean(None)
    taken = network.routes()
    link = network.choose(taken, dead.address if dead else None)
    servers = network.name_servers()
    for warning in network.warnings(taken, servers):
        report(f"warning: {warning}")
    for folder in (layout.LOG, layout.LIB, layout.IMAGE_STORE, layout.BUILD_CACHE):
        folder.mkdir(parents=True, exist_ok=True)
    # Places in the node's /var/lib for the two stores, which stay in the cache.
    for name in ("containerd", "buildkit", "volumes"):
        (layout.LIB / name).mkdir(exist_ok=True)
    parts = _desired(link.node)
    components.write(parts)
    resolv_conf = "".join(f"nameserver {server}\n" for server in servers)
    (layout.CONFIG / "resolv.conf").write_text(resolv_conf)
    cgroups.make()
    node = box.launch(link.node, ip_forward)
    try:
        network.connect(node.pid, link, str(ROOT))
        box.wait_for_supervisor(node)
    except BaseException:
        box.end(node)
        _clean(ip_forward)
        raise
    return node, parts


def _desired(address: str) -> list[Component]:
    """The components as they should be, with certificates and the administrator's kubeconfig."""
    pki.ensure(address)
    components.write_private(layout.KUBECONFIG, components.kubeconfig("admin", address))
    pause = str(images.reference("pause"))
    return components.all_of(components.Machine.read(address, pause))


def _reconfigure(node: Box, parts: Sequence[Component]) -> None:
    """Let supervisord restart those components whose command or files have changed."""
    if not _drifted(parts):
        return
    components.write(parts)
    supervisor = node.supervisor()
    _, changed, removed = supervisor.reloadConfig()[0]
    old = {*changed, *removed}
    for name in old:
        with contextlib.suppress(RpcError):  # it does not run
            supervisor.stopProcess(name, False)
    steps.until(lambda: not old & _live(node), threading.Event(), PATIENCE)
    for name in old:
        supervisor.removeProcessGroup(name)
        if name in changed:
            supervisor.addProcessGroup(name)


def _drifted(parts: Sequence[Component]) -> bool:
    """Whether the running configuration is not the one that the sources stand for."""
    current = layout.SUPERVISOR_CONFIG
    return not current.exists() or current.read_text() != components.supervisor_config(parts)


def _steps(
    node: Box, parts: Sequence[Component], report: Report, began: float, *, is_new: bool
) -> dict[str, steps.Step]:
    """All that makes a cluster of an empty box, and what each part of it waits for."""

    def say(text: str) -> None:
        report(f"{text} ({time.monotonic() - began:.1f} s)")

    def start(part: Component) -> steps.Action:
        def action(stop: threading.Event) -> None:
            if _is_running(node, part.name) and part.check(node) is None:
                return
            with contextlib.suppress(RpcError):  # it runs already, and is only not healthy yet
                node.supervisor().startProcess(part.name, False)
            if not steps.until(lambda: part.check(node) is None, stop, PATIENCE):
                raise UserError(
                    f"{part.name} is not healthy after {PATIENCE} s: {part.check(node)}\n  "
                    + "\n  ".join(last_lines(part.name)),
                    f"read {layout.LOG / part.name}.log",
                )
            say(f"{part.name} is healthy")

        return action

    api = Kube(layout.KUBECONFIG)

    def calico(_: threading.Event) -> None:
        if _applied(node):
            return
        api.apply_text(_render("calico.yaml", node) + "\n---\n" + _calico_crds())
        say("Calico's resources are defined")

    def calico_resources(stop: threading.Event) -> None:
        if _applied(node):
            return
        steps.until(lambda: _serves_calico(node.address), stop, PATIENCE)
        api.apply_text(_render("calico-resources.yaml", node))

    def own_images(_: threading.Event) -> None:
        images.build(OWN_IMAGES, report)

    def addons(_: threading.Event) -> None:
        if _applied(node):
            return
        api.apply_text(_addons(node))
        _APPLIED.write_text(_digest(node))
        say("name server, volumes and metrics are deployed")

    def node_ready(stop: threading.Event) -> None:
        if not is_new and _node_problem(node) is None:
            return
        if not steps.until(lambda: _node_problem(node) is None, stop, PATIENCE):
            raise UserError(
                f"the node is not Ready after {PATIENCE} s: {_node_problem(node)}",
                f"read {layout.LOG}/kubelet.log",
            )
        say("the node is Ready")

    def addons_ready(stop: threading.Event) -> None:
        for namespace, name in AWAITED_ADDONS:
            problem = functools.partial(_addon_problem, node, namespace, name)
            if problem() is None:
                continue
            if not steps.until(lambda: problem() is None, stop, PATIENCE):  # noqa: B023 - used now
                raise UserError(
                    f"{name} is not available after {PATIENCE} s: {problem()}",
                    f".tools/bin/kubectl --kubeconfig {layout.KUBECONFIG} "
                    f"describe pods --namespace {namespace}",
                )
            say(f"{name} is available")

    return {
        **{part.name: steps.Step(start(part), part.needs) for part in parts},
        "calico": steps.Step(calico, ["kube-apiserver"]),
        "calico-resources": steps.Step(calico_resources, ["calico"]),
        "images": steps.Step(own_images, ["buildkitd"]),
        "addons": steps.Step(addons, ["calico-resources", "images"]),
        "node": steps.Step(node_ready, ["kubelet"]),
        "addons-ready": steps.Step(
            addons_ready,
            ["addons", "node", "calico-felix", "kube-controller-manager", "kube-scheduler"],
        ),
    }


def _live(node: Box) -> set[str]:
    """Names of the components that have a process, be it one that is about to end."""
    return {info["name"] for info in node.supervisor().getAllProcessInfo() if info["pid"]}


def _is_running(node: Box, name: str) -> bool:
    try:
        return bool(node.supervisor().getProcessInfo(name)["statename"] == "RUNNING")
    except (OSError, RpcError):
        return False


def _serves_calico(address: str) -> bool:
    found = []
    for kind in ("ippools", "clusterinformations"):
        with contextlib.suppress(kube.UnreachableError):
            found.append(kube.get_object(address, f"/apis/crd.projectcalico.org/v1/{kind}"))
    return len(found) == 2


def _render(manifest: str, node: Box) -> str:
    servers = network.name_servers()
    template = string.Template((layout.MANIFESTS / manifest).read_text())
    return template.substitute(
        name=layout.NAME,
        address=node.address,
        pod_cidr=layout.POD_CIDR,
        dns=layout.DNS_SERVICE,
        domain=layout.DOMAIN,
        forward=f"forward . {' '.join(servers)}" if servers else "",
        **{name.replace("-", "_"): images.reference(name) for name in OWN_IMAGES},
    )


def _addons(node: Box) -> str:
    names = ("calico", "calico-resources", "coredns", "local-path", "metrics-server")
    return "\n---\n".join(_render(f"{name}.yaml", node) for name in names)


def _calico_crds() -> str:
    return ((TOOLS_BIN / "calico").resolve().parents[1] / "share" / "crds.yaml").read_text()


def _digest(node: Box) -> str:
    return hashlib.sha256((_addons(node) + _calico_crds()).encode()).hexdigest()


def _applied(node: Box) -> bool:
    """Whether the add-ons are in the cluster as the sources stand."""
    if not _APPLIED.exists() or _APPLIED.read_text() != _digest(node):
        return False
    try:
        for namespace, name in ADDONS:
            kube.get_object(node.address, _deployment(namespace, name))
    except kube.UnreachableError:
        return False
    return True


def _deployment(namespace: str, name: str) -> str:
    return f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}"


def _node_problem(node: Box) -> str | None:
    """Why the node is not Ready, going by what it has said since this box began."""
    try:
        found = kube.get_object(node.address, f"/api/v1/nodes/{layout.NAME}")
    except kube.UnreachableError as error:
        return str(error)
    for condition in found.get("status", {}).get("conditions", []):
        if condition["type"] == "Ready":
            if not _is_after(condition["lastHeartbeatTime"], node.started):
                return "the kubelet has not reported yet"
            return None if condition["status"] == "True" else str(condition["message"])
    return "the kubelet has not registered the node yet"


def _addon_problem(node: Box, namespace: str, name: str) -> str | None:
    """Why a Deployment has no ready pod, going by containers that this box has started."""
    try:
        pods = kube.get_object(node.address, f"/api/v1/namespaces/{namespace}/pods")["items"]
    except kube.UnreachableError as error:
        return str(error)
    own = [pod for pod in pods if pod["metadata"]["name"].startswith(f"{name}-")]
    problem = "it has no pod"
    for pod in own:
        problem = f"pod {pod['metadata']['name']} is {pod['status'].get('phase')}, not ready"
        containers = pod["status"].get("containerStatuses", [])
        for container in containers:
            if waiting := container["state"].get("waiting"):
                problem += f": {waiting.get('reason')} {waiting.get('message', '')}".rstrip()
        if containers and all(
            container["ready"]
            and _is_after(container["state"]["running"]["startedAt"], node.started)
            for container in containers
        ):
            return None
    return problem


def _is_after(timestamp: str, seconds: float) -> bool:
    """Whether a time of the API, which has whole seconds, is not before one since 1970."""
    return datetime.fromisoformat(timestamp).timestamp() >= int(seconds)


def status() -> list[ComponentStatus]:
    """How each part is; empty when no cluster of this checkout runs.

    Raises:
        UserError: not root.
    """
    preflight.check_root()
    node = box.running()
    if node is None:
        return []
    try:
        processes = {info["name"]: info for info in node.supervisor().getAllProcessInfo()}
    except (OSError, RpcError) as error:
        return [ComponentStatus("supervisord", False, str(error), last_lines("supervisord"))]
    found = []
    for name, info in processes.items():
        part = next((part for part in _desired(node.address) if part.name == name), None)
        problem = f"{info['statename'].lower()}: {info['spawnerr'] or info['description']}"
        if info["statename"] == "RUNNING":
            problem = (part.check(node) if part else "no part of the cluster any more") or ""
        since = timedelta(seconds=max(0, info["now"] - info["start"]))
        found.append(
            ComponentStatus(
                name,
                not problem,
                problem or f"pid {info['pid']}, for {since}",
                last_lines(name) if problem else (),
            )
        )
    problem_of_node = _node_problem(node)
    found.append(
        ComponentStatus(f"node {layout.NAME}", not problem_of_node, problem_of_node or "Ready")
    )
    for namespace, name in ADDONS:
        addon_problem = _addon_problem(node, namespace, name)
        found.append(
            ComponentStatus(f"{namespace}/{name}", not addon_problem, addon_problem or "available")
        )
    return found


def healthy() -> bool:
    """Whether the cluster runs, as the sources stand, with every awaited part well.

    Raises:
        UserError: not root.
    """
    preflight.check_root()
    node = box.running()
    if node is None:
        return False
    try:
        drifted = _drifted(_desired(node.address)) or not _applied(node)
    except UserError:  # a tool is missing: `up` says which
        return False
    if drifted:
        return False
    unhealthy = {part.name for part in status() if not part.healthy}
    return unhealthy <= {"kube-system/metrics-server"}


def summary() -> str:
    """The cluster in a line."""
    node = box.running()
    return f"node {layout.NAME} at {node.address}" if node else "no local cluster runs"


def last_lines(name: str, count: int = 15) -> tuple[str, ...]:
    """The end of a component's log."""
    log = layout.LOG / f"{name}.log"
    if not log.exists():
        return ()
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 64 * 1024))
        return tuple(file.read().decode(errors="replace").splitlines()[-count:])


def kill(name: str) -> None:
    """End a component, or ``init`` and with it everything, with SIGKILL: for tests.

    Raises:
        UserError: no cluster runs, or it has no such component.
    """
    node = box.running()
    if node is None:
        raise UserError("no local cluster runs", "make cluster")
    if name == "init":
        box.end(node)
        return
    try:
        pid = node.supervisor().getProcessInfo(name)["pid"]
    except RpcError as error:
        raise UserError(f"no component {name}", "make cluster-status lists them") from error
    os.kill(_on_host(pid), signal.SIGKILL)


def _on_host(pid: int) -> int:
    """The host's number of a daemon that has this one inside the box."""
    for candidate in cgroups.processes("node"):
        try:
            status = Path(f"/proc/{candidate}/status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue  # another process of the box, that ended since it was listed
        numbers = next(line for line in status.splitlines() if line.startswith("NSpid:"))
        if numbers.split()[-1] == str(pid):
            return candidate
    raise UserError(f"process {pid} of the box has ended", "make cluster-status")


def down(report: Report) -> None:
    """End the cluster and remove all that it made, volumes included; images stay in the cache.

    Args:
        report: called with a line for each thing done.

    Raises:
        UserError: not root, or something does not let itself be removed.
    """
    preflight.check_root()
    with _locked(report):
        if _elsewhere() is not None:
            # The machine's things are the other's: only our own files can be left.
            shutil.rmtree(LOCAL, ignore_errors=True)
            return
        if not leftovers():
            return
        report("ending the local cluster; the data on its volumes goes with it")
        remembered = box.load(layout.NODE)
        node = box.running()
        if node is None and remembered is not None and layout.SUPERVISOR_CONFIG.exists():
            # Its containers are still in the image store's books: only containerd can strike
            # them out.
            node, _ = _launch(report)
            node.supervisor().startProcess("containerd", False)
            steps.until(
                lambda: node is not None and node.connects(layout.CONTAINERD_SOCKET),
                threading.Event(),
                PATIENCE,
            )
        if node is not None:
            _empty_store(node)
            box.end(node)
            report("every process, pod and mount has ended")
        _clean(node.ip_forward if node else None)
        shutil.rmtree(LOCAL, ignore_errors=True)
        layout.OWNER.unlink(missing_ok=True)
        report("interface, firewall table, control groups, volumes and state are removed")


def _empty_store(node: Box) -> None:
    """Remove all containers from the image store, which outlives the cluster."""
    supervisor = node.supervisor()
    names = {info["name"]: info for info in supervisor.getAllProcessInfo()}
    for name in names.keys() - {"containerd"}:
        with contextlib.suppress(RpcError):  # it does not run
            supervisor.stopProcess(name, False)
    deadline = time.monotonic() + 10
    while node.connects(layout.CONTAINERD_SOCKET) and time.monotonic() < deadline:
        for child in ("kubepods", "buildkit"):
            for pid in cgroups.processes(child):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(UserError):
            left = images.ctr(node, "containers", "list", "--quiet").split()
            if not left and not _is_running(node, "kubelet"):
                break
            if left:
                # It refuses those that have not ended yet: the next round takes them.
                images.ctr(node, "containers", "remove", *left)
        time.sleep(steps.INTERVAL)


def _clean(ip_forward: str | None) -> None:
    """Remove what a dead box has left on the host.

    Raises:
        UserError: processes of it live on; then it keeps its network.
    """
    cgroups.remove()
    network.disconnect(ip_forward)
    for plugin in ("io.containerd.grpc.v1.cri", "io.containerd.runtime.v2.task"):
        # Files of its pods beside the images.
        shutil.rmtree(layout.IMAGE_STORE / plugin, ignore_errors=True)


def leftovers() -> list[str]:
    """What is still there of a cluster of this checkout, a line each; empty after ``down``."""
    if _elsewhere() is not None:
        return [str(LOCAL)] if LOCAL.exists() else []
    found = [f"process {pid}" for pid in sorted(cgroups.processes())]
    found += [f"control group {group}" for group in cgroups.roots()]
    if network.INTERFACE.exists():
        found.append(f"network interface {layout.NAME}")
    found += [f"nft {table}" for table in network.tables() if table.split()[-1] == layout.NAME]
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    found += [f"mount {line.split()[4]}" for line in mounts if str(LOCAL) in line]
    if LOCAL.exists():
        found.append(str(LOCAL))
    return found
