"""The workload stage: a job, a service or a standing cluster, each in a namespace of its own.

A workload is described beside its code, in workloads/src/rayworks/<name>/:

workload.yaml   chart: ray-job | ray-service | ray-cluster;  results: files to fetch
values.yaml     the chart's values, the same on every cloud
values-<cloud>.yaml  (optional) what only one place needs, such as the data set that it can reach
"""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import yaml

from deploy import explain
from deploy.capacity import needed
from deploy.environments import Environment, command
from deploy.exposed import Exposed
from deploy.helm import Release
from deploy.platform import OPERATOR
from deploy.stages import Report
from lib.errors import UserError
from lib.kube import OWNER, Kube, Object, is_ours, namespace_object
from lib.paths import ROOT

FOLDER = ROOT / "workloads" / "src" / "rayworks"
RESULTS = ROOT / "results"

#: Seconds for which a service's status may still tell of what was asked for before.
STALE = 15.0


@dataclass(frozen=True, slots=True)
class Description:
    """What workload.yaml says.

    Args:
        name: as the user types it, `fashion-mnist`; also release name and default namespace.
        chart: the chart that runs it.
        folder: where its values lie.
        results: names of the files in the run's folder that are fetched at its end;
            the first is the JSON result.
    """

    name: str
    chart: str
    folder: Path
    results: tuple[str, ...] = ()

    def values(self, cloud: str) -> list[Path]:
        """The workload's values files for one environment."""
        files = [self.folder / "values.yaml", self.folder / f"values-{cloud}.yaml"]
        return [path for path in files if path.exists()]


def descriptions() -> dict[str, Description]:
    """All workloads of this checkout by name."""
    found = {}
    for path in sorted(FOLDER.glob("*/workload.yaml")):
        fields = yaml.safe_load(path.read_text())
        name = path.parent.name.replace("_", "-")
        found[name] = Description(
            name=name,
            chart=fields["chart"],
            folder=path.parent,
            results=tuple(fields.get("results", ())),
        )
    return found


def merge(under: Any, over: Any) -> Any:
    """Two levels of values, merged as Helm does: maps by key, null takes out, else replaced."""
    if not (isinstance(under, dict) and isinstance(over, dict)):
        return over
    both = {**under, **{k: merge(under.get(k), v) for k, v in over.items()}}
    return {k: v for k, v in both.items() if v is not None}


def merged(files: Sequence[Path]) -> dict[str, Any]:
    """Values files, merged in their order."""
    values: dict[str, Any] = {}
    for path in files:
        values = merge(values, yaml.safe_load(path.read_text()) or {})
    return values


def environment_values(place: Environment, namespace: str | None) -> str:
    """A values file with what a place says to all charts, and in a team's namespace to its own.

    Raises:
        UserError: the namespace is no team's.
    """
    if namespace is None:
        return yaml.safe_dump({"global": merged(place.values())["global"]}, sort_keys=False)
    found = Kube(place.kubeconfig).find("configmap", "ray-environment", namespace)
    if found is None:
        raise UserError(
            f"namespace {namespace} has no ConfigMap ray-environment, which ray-team makes",
            "make values, without NAMESPACE, for what the environment says to all",
        )
    return str(found["data"]["values.yaml"])


def brief(line: str) -> str:
    """A line of a workload's log in a few words: the JSON events of `rayworks` without quotes."""
    try:
        event = json.loads(line)
    except ValueError:
        return line
    if not isinstance(event, dict) or "event" not in event:
        return line
    shown = {k: v for k, v in event.items() if k not in {"event", "time"}}
    words = [
        f"{name.replace('_', ' ')} {f'{value:.4g}' if isinstance(value, float) else value}"
        for name, value in shown.items()
    ]
    return f"{event['event']}: {', '.join(words)}"


class Workload(ABC):
    """What the three kinds have in common: namespace, storage, release."""

    name = "workload"
    kind: ClassVar[str]  #: plural of the custom resource

    def __init__(
        self,
        place: Environment,
        what: Description,
        namespace: str | None = None,
        extra: Sequence[Path] = (),
    ) -> None:
        self.place = place
        self.what = what
        self.namespace = namespace or what.name
        self.kube = Kube(place.kubeconfig)
        files = [*place.values(), *what.values(place.name), *extra]
        self.release = Release(what.name, what.chart, self.namespace, files, place.kubeconfig)

    @abstractmethod
    def state(self, obj: Object) -> str | None:
        """What has been reached, in a few words, when there is nothing left to wait for."""

    @abstractmethod
    def phase(self, obj: Object) -> str:
        """What it is doing now, in a few words."""

    @abstractmethod
    def refuse(self, obj: Object) -> None:
        """Raise UserError when the object has failed for good."""

    def object(self) -> Object | None:
        """The newest custom resource of this release."""
        selector = f"app.kubernetes.io/instance={self.what.name}"
        items = self.kube.list(self.kind, self.namespace, selector)
        return max(items, key=lambda o: str(o["metadata"]["creationTimestamp"]), default=None)

    def head_pod(self) -> Object | None:
        """The release's newest head pod that is not about to go."""
        selector = f"ray.io/node-type=head,app.kubernetes.io/instance={self.what.name}"
        pods = self.kube.list("pods", self.namespace, selector)
        live = [p for p in pods if not p["metadata"].get("deletionTimestamp")]
        return max(live, key=lambda p: str(p["metadata"]["creationTimestamp"]), default=None)

    def head(self) -> str:
        """Name of the head pod."""
        pod = self.head_pod()
        if pod is None:
            raise UserError(
                f"{self.what.name} has no running Ray cluster in namespace {self.namespace}",
                self.command("run"),
            )
        return str(pod["metadata"]["name"])

    def shared_storage(self) -> dict[str, Any]:
        """The environment's `global.ray.storage`; empty when it has none."""
        values = merged(self.release.values)
        found: dict[str, Any] = values.get("global", {}).get("ray", {}).get("storage") or {}
        return found

    def check(self) -> str | None:
        """The release is what the checkout says, and has reached its goal."""
        if not self.release.current():
            return None
        obj = self.object()
        return self.state(obj) if obj else None

    def action(self, report: Report) -> str:
        """Make namespace and storage, install the chart, and wait for the goal."""
        objects = self.release.template()
        self.place.fits(self.what.name, needed(objects))
        self.prepare()
        report(f"installing chart {self.what.chart}")
        if not self.release.current() or self.object() is None:
            self.place.provide(objects, report)
            self.release.upgrade()
        return self.wait(report)

    def prepare(self) -> None:
        """Namespace and shared storage, each where there is none."""
        storage = self.shared_storage()
        found = self.kube.find("namespace", self.namespace)
        if found is None or is_ours(found):
            self.kube.apply(namespace_object(self.namespace))
        self._account()
        self.place.equip(self.kube, self.namespace)
        claim = storage.get("claim")
        if claim and self.kube.find("pvc", claim, self.namespace) is None:
            self.kube.apply(self._claim(claim, storage))

    def _account(self) -> None:
        """The account that carries the cloud's identity, where the chart makes none of its own."""
        values = merged(self.release.values)
        own = values.get("serviceAccount") or {}
        identity = values.get("global", {}).get("ray", {}).get("identity") or {}
        name = identity.get("serviceAccount")
        if not name or own.get("create") or own.get("name"):
            return
        if self.kube.find("serviceaccount", name, self.namespace) is None:
            annotations = identity.get("annotations") or {}
            self.kube.apply(
                {
                    "apiVersion": "v1",
                    "kind": "ServiceAccount",
                    "metadata": {
                        "name": name,
                        "namespace": self.namespace,
                        "labels": OWNER,
                        "annotations": annotations,
                    },
                    "automountServiceAccountToken": False,
                }
            )

    def _claim(self, name: str, storage: dict[str, Any]) -> Object:
        spec: dict[str, Any] = {
            "accessModes": [storage.get("accessMode", "ReadWriteMany")],
            "resources": {"requests": {"storage": "10Gi"}},
        }
        if chosen := self.place.storage_class():
            spec["storageClassName"] = chosen
        return {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": self.namespace, "labels": OWNER},
            "spec": spec,
        }

    def wait(self, report: Report, seconds: float = 3600) -> str:
        """Wait until the object has reached its goal.

        Raises:
            UserError: it failed, or a container cannot start, or the time is over.
        """
        obj = self.object()
        if obj is None:
            raise UserError(f"chart {self.what.chart} made no {self.kind} object")
        name = obj["metadata"]["name"]
        stop = threading.Event()
        trouble: list[str] = []
        phase = [self.phase(obj)]
        watcher = threading.Thread(
            target=self._watch_pods, args=(report, phase, trouble, stop), daemon=True
        )
        watcher.start()
        try:
            for seen in self._changes(name, seconds, trouble):
                phase[0] = self.phase(seen)
                self.refuse(seen)
                if (reached := self.state(seen)) is not None:
                    return reached
        finally:
            stop.set()
        if trouble:
            raise UserError(f"{self.what.name} does not start:\n{trouble[0]}", self.hint())
        reason = explain.namespace(self.kube, self.namespace)
        raise UserError(f"{self.what.name} did not get ready: {phase[0]}\n{reason}", self.hint())

    def _changes(self, name: str, seconds: float, trouble: list[str]) -> Iterator[Object]:
        """The object at every change; a watch that breaks off is taken up again."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not trouble:
            yield from self.kube.watch(self.kind, name, self.namespace, min(20, seconds))

    def _watch_pods(
        self, report: Report, phase: list[str], trouble: list[str], stop: threading.Event
    ) -> None:
        # Each look is a process of kubectl; on a small machine the job itself needs the time.
        while not stop.wait(2.0):
            try:
                pods = self.kube.list("pods", self.namespace)
                report(self.detail(phase[0], pods))
                if found := explain.trouble(self.kube, pods):
                    trouble.append(found)
                    return
            except UserError:
                continue  # the API server may be away for a moment: the main loop decides

    def detail(self, phase: str, pods: list[Object]) -> str:
        """The phase, and what the pods wait for."""
        said = [line for obj in pods for line in explain.pod(self.kube, obj)]
        # Other reasons than full nodes, such as a volume that is being made, pass by themselves.
        waits = [line for line in said if "nodes are available" in line]
        if not pods and not self._operated():
            return f"{phase} · no Ray operator is available: make deploy brings it back"
        running = sum(p.get("status", {}).get("phase") == "Running" for p in pods)
        return waits[0] if waits else f"{phase} · {running} of {len(pods)} pods running"

    def _operated(self) -> bool:
        """Whether any Ray operator of the cluster is available."""
        found = self.kube.list("deployments", selector=f"app.kubernetes.io/name={OPERATOR}")
        return any(one.get("status", {}).get("availableReplicas") for one in found)

    def command(self, target: str) -> str:
        """A make command for this workload."""
        return command(self.place, target, f"WORKLOAD={self.what.name}")

    def hint(self) -> str:
        """What to type to learn more."""
        return self.command("logs")

    def diff(self) -> str:
        """What `action` would change in the cluster, as a diff; empty: nothing.

        Raises:
            UserError: it is not installed.
        """
        if not self.release.installed():
            raise UserError(
                f"{self.what.name} is not there: all of it would be new",
                self.command("run"),
            )
        return self.kube.diff(self.release.upgraded(), self.namespace)

    def connect(self) -> list[tuple[str, str]]:
        """How to reach it: lines for the closing table."""
        return [("dashboard", self.command("dashboard"))]

    def undo(self, report: Report) -> str:
        """Remove the release, and the last one's namespace with its storage."""
        if not self.kube.alive():
            return "no cluster"
        space = self.kube.find("namespace", self.namespace)
        if space is None:
            return "not there"
        report("release")
        self.release.uninstall()
        if others := self.release.others():
            return f"removed; its storage stays for {', '.join(others)}"
        report("namespace and storage")
        if not is_ours(space):
            ours = ",".join(f"{key}={value}" for key, value in OWNER.items())
            kinds = "pvc,serviceaccounts,secrets"
            self.kube.run("delete", kinds, "-l", ours, namespace=self.namespace, timeout=300)
            return f"removed, with its storage; namespace {self.namespace} was there before"
        self.kube.run("delete", "namespace", self.namespace, "--ignore-not-found", timeout=300)
        return "removed, with its storage"


class Job(Workload):
    """A RayJob: its goal is SUCCEEDED."""

    kind = "rayjobs"

    def state(self, obj: Object) -> str | None:
        """SUCCEEDED, as Ray says; the operator calls it Complete some seconds later."""
        return "SUCCEEDED" if obj.get("status", {}).get("jobStatus") == "SUCCEEDED" else None

    def phase(self, obj: Object) -> str:
        """Deployment status and job status, as the operator gives them."""
        status = obj.get("status", {})
        words = [status.get("jobDeploymentStatus"), status.get("jobStatus")]
        return " / ".join(w for w in words if w) or "Created"

    @staticmethod
    def has_failed(obj: Object) -> bool:
        """Whether it has ended for good otherwise than SUCCEEDED, retries included."""
        status = obj.get("status", {})
        ended = status.get("jobDeploymentStatus")
        stopped = status.get("jobStatus") in {"FAILED", "STOPPED"}
        return ended in {"Failed", "ValidationFailed"} or (stopped and ended == "Complete")

    def refuse(self, obj: Object) -> None:
        """A job that ended otherwise than SUCCEEDED."""
        if not self.has_failed(obj):
            return
        status = obj.get("status", {})
        said = "\n".join(f"  | {line}" for line in self.driver_log()[-explain.LINES :])
        message = status.get("message") or status.get("reason") or self.phase(obj)
        raise UserError(
            f"job {obj['metadata']['name']}: {message.strip()}\n{said}\n"
            f"{explain.namespace(self.kube, self.namespace)}",
            f"{self.hint()}; then: {self.command('run')}",
        )

    def action(self, report: Report) -> str:
        """As any workload; a job that failed before is run anew."""
        obj = self.object()
        if obj is not None and self.has_failed(obj):
            report("removing the failed job")
            name = obj["metadata"]["name"]
            self.kube.run("delete", self.kind, name, namespace=self.namespace, timeout=120)
        reached = super().action(report)
        self.fetch()
        return reached

    def submitters(self) -> list[Object]:
        """Pods that submitted this release's job and followed its output, oldest first."""
        obj = self.object()
        if obj is None:
            return []
        pods = self.kube.list("pods", self.namespace, f"job-name={obj['metadata']['name']}")
        return sorted(pods, key=lambda p: str(p["metadata"]["creationTimestamp"]))

    def driver_log(self) -> list[str]:
        """What the job has printed, a line each."""
        return self._log(self.submitters())

    def _log(self, submitters: list[Object], *options: str) -> list[str]:
        if not submitters:
            return []
        words = ["logs", str(submitters[-1]["metadata"]["name"]), *options]
        return self.kube.run(*words, namespace=self.namespace, check=False).splitlines()

    def detail(self, phase: str, pods: list[Object]) -> str:
        """The last thing that the job has said, once it runs."""
        if "RUNNING" in phase:
            submitters = [p for p in pods if "job-name" in p["metadata"]["labels"]]
            if said := [line for line in self._log(submitters, "--tail=1") if line.strip()]:
                return f"{phase} · {brief(said[-1].strip())}"
        return super().detail(phase, pods)

    def results(self) -> Path | None:
        """Folder of this checkout with the fetched results of the newest job."""
        obj = self.object()
        if obj is None:
            return None
        return RESULTS / self.place.name / self.what.name / str(obj["metadata"]["name"])

    def storage(self) -> str:
        """Where the checkpoints are, in words."""
        storage = self.shared_storage()
        where = storage.get("uri") or f"{storage.get('mountPath')}/{self.what.name}"
        claim = f" on volume claim {storage['claim']}" if storage.get("claim") else ""
        return f"{where}{claim} (namespace {self.namespace})"

    def fetch(self) -> None:
        """Copy the result files out of the shared storage, while the cluster is still there."""
        folder = self.results()
        head = self.head_pod()
        if folder is None or not self.what.results or head is None:
            return
        # Not `tar`: the storage may be an object store.
        pack = ["python", "-m", "rayworks.common.results", *self.what.results]
        command = self.kube.command(
            "exec", head["metadata"]["name"], "--", *pack, namespace=self.namespace
        )
        done = subprocess.run(command, capture_output=True, check=False, timeout=60)
        if done.returncode != 0:
            files = " ".join(self.what.results)
            raise UserError(
                f"the results {files} cannot be read: {done.stderr.decode().strip()}", self.hint()
            )
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            archive.extractall(folder, filter="data")

    def result(self) -> dict[str, Any] | None:
        """The job's JSON result, when it was fetched."""
        folder = self.results()
        if folder is None or not self.what.results:
            return None
        path = folder / self.what.results[0]
        if not path.exists():
            self.fetch()
        return json.loads(path.read_text()) if path.exists() else None


class StandingCluster(Workload):
    """A RayCluster to submit to: its goal is `ready`."""

    kind = "rayclusters"

    def state(self, obj: Object) -> str | None:
        """Ready, with the number of workers."""
        status = obj.get("status", {})
        if status.get("observedGeneration") != obj["metadata"]["generation"]:
            return None
        if status.get("state") != "ready":
            return None
        workers = status.get("readyWorkerReplicas", 0)
        return f"ready: a head and {workers} worker{'' if workers == 1 else 's'}"

    def phase(self, obj: Object) -> str:
        """Workers that are ready, of those wanted."""
        status = obj.get("status", {})
        ready, wanted = status.get("readyWorkerReplicas", 0), status.get("desiredWorkerReplicas", 0)
        return f"{ready} of {wanted} workers ready"

    def refuse(self, obj: Object) -> None:
        """An object that the operator will not act on."""
        if obj.get("status", {}).get("state") == "failed":
            raise UserError(
                f"RayCluster {obj['metadata']['name']}: {obj['status'].get('reason', 'failed')}",
                self.hint(),
            )

    def connect(self) -> list[tuple[str, str]]:
        """The dashboard, and how to run a script on it."""
        submit = f"{self.command('submit')} -- python x.py"
        return [*super().connect(), ("run a script", submit)]


class Service(Workload):
    """A RayService: its goal is an endpoint that answers."""

    kind = "rayservices"
    _failing: float | None = None
    """Since when an application has been told to have failed (time.monotonic)."""

    def state(self, obj: Object) -> str | None:
        """Ready, as the operator's condition says, for what was asked last."""
        status = obj.get("status", {})
        if status.get("observedGeneration") != obj["metadata"]["generation"]:
            return None
        ready = [c for c in status.get("conditions", []) if c["type"] == "Ready"]
        if not ready or ready[0]["status"] != "True":
            return None
        endpoints = status.get("numServeEndpoints", 0)
        return f"ready: {endpoints} endpoint{'' if endpoints == 1 else 's'}"

    def phase(self, obj: Object) -> str:
        """The operator's reason why it is not ready yet."""
        conditions = obj.get("status", {}).get("conditions", [])
        waits = [c.get("reason", "") for c in conditions if c["type"] == "Ready"]
        return waits[0] if waits else "Created"

    def refuse(self, obj: Object) -> None:
        """A service one of whose applications cannot be deployed, whatever runs beside it."""
        failed = self._failed(obj)
        # What failed before stands there until Serve has looked at what is asked for now.
        self._failing = (self._failing or time.monotonic()) if failed else None
        if failed and self._failing and time.monotonic() - self._failing >= STALE:
            name, message = failed
            lines = [line for line in message.splitlines() if line.strip()]
            said = "\n".join(f"  | {line}" for line in lines[-explain.LINES :])
            raise UserError(
                f"application {name} cannot be deployed:\n{said}",
                f"{self.hint()}; then: {self.command('run')}",
            )

    @staticmethod
    def _failed(obj: Object) -> tuple[str, str] | None:
        """The first application that Serve has given up, and why."""
        status = obj.get("status", {})
        for part in ("pendingServiceStatus", "activeServiceStatus"):
            for name, one in status.get(part, {}).get("applicationStatuses", {}).items():
                if one.get("status") == "DEPLOY_FAILED":
                    return name, one.get("message", "")
        return None

    def action(self, report: Report) -> str:
        """As any workload; never open to the world without TLS and somebody who asks who comes."""
        exposed = Exposed.of(merged(self.release.values), self.release.name)
        if exposed is not None:
            exposed.check(self.kube)
        return super().action(report)

    def connect(self) -> list[tuple[str, str]]:
        """The dashboard, and the endpoint: its public URL, or through a port-forward."""
        exposed = Exposed.of(merged(self.release.values), self.release.name)
        if exposed is not None:
            return [*super().connect(), ("endpoint", str(exposed))]
        obj = self.object()
        name = obj["metadata"]["name"] if obj else self.what.name
        forward = " ".join(
            ["kubectl", "--kubeconfig", str(self.place.kubeconfig), "--namespace", self.namespace]
        )
        service = f"{forward} port-forward svc/{name}-serve-svc 8000"
        return [*super().connect(), ("endpoint", f"{service}; then http://127.0.0.1:8000")]


KINDS: dict[str, type[Workload]] = {
    "ray-job": Job,
    "ray-cluster": StandingCluster,
    "ray-service": Service,
}


def workload(
    place: Environment, name: str, namespace: str | None = None, extra: Sequence[Path] = ()
) -> Workload:
    """The stage for a workload of this checkout; extra: further values files, merged last."""
    known = descriptions()
    if name not in known:
        raise UserError(f"WORKLOAD={name} is not known; there is: {', '.join(known)}", "make help")
    what = known[name]
    return KINDS[what.chart](place, what, namespace, extra)


def running(place: Environment) -> list[Workload]:
    """The workloads that are installed in the cluster, in all namespaces."""
    known = descriptions()
    kube = Kube(place.kubeconfig)
    found = {
        (str(o["metadata"]["labels"]["app.kubernetes.io/instance"]), o["metadata"]["namespace"])
        for kind in KINDS.values()
        for o in kube.list(kind.kind)
        if not o["metadata"].get("ownerReferences")
    }
    return [workload(place, name, space) for name, space in sorted(found) if name in known]


class Workloads:
    """All workloads that are installed in a cluster, to be taken away at once."""

    name = "workloads"

    def __init__(self, place: Environment) -> None:
        self.place = place

    def undo(self, report: Report) -> str:
        """Remove each, with its namespace where it was made for it."""
        kube = Kube(self.place.kubeconfig)
        if not kube.alive() or kube.find("crd", "rayjobs.ray.io") is None:
            return "none"
        found = running(self.place)
        for one in found:
            report(f"{one.what.name} in {one.namespace}")
            one.undo(report)
        return ", ".join(one.what.name for one in found) or "none"
