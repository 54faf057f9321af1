"""What the tests on a real cluster share: make targets as a user calls them, and what they made."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deploy.environments import environment
from deploy.helm import Release
from deploy.workloads import Job, StandingCluster, Workload, merge, workload
from lib.kube import Kube, condition, namespace_object
from lib.paths import ROOT
from local import images, snapshot

T = TypeVar("T")


def make(
    *words: str, timeout: float = 900, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a make target as a user would, and show what it prints."""
    clean = {k: v for k, v in os.environ.items() if k not in {"MAKEFLAGS", "MAKELEVEL", "WORKLOAD"}}
    done = subprocess.run(
        ["make", *words], cwd=ROOT, env={**clean, **(env or {})}, timeout=timeout,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    print(f"$ make {' '.join(words)} → {done.returncode}\n{done.stdout}", flush=True)
    return done


@dataclass(frozen=True)
class Deployed:
    """What `make deploy` has made."""

    kube: Kube
    job: Job
    output: str
    before: snapshot.Snapshot

    def fashion_mnist(self, namespace: str, *values: Path) -> Job:
        """The same workload in another namespace, with further values files."""
        found = workload(environment("local"), "fashion-mnist", namespace, values)
        assert isinstance(found, Job)
        return found

    @staticmethod
    def cluster() -> StandingCluster:
        """The standing cluster."""
        found = workload(environment("local"), "cluster")
        assert isinstance(found, StandingCluster)
        return found

    def uid(self, kind: str, namespace: str) -> str:
        """Identity of the only object of a kind in a namespace."""
        (obj,) = self.kube.list(kind, namespace)
        return str(obj["metadata"]["uid"])


def result(job: Job) -> dict[str, object]:
    """The JSON result that was fetched for a job."""
    folder = job.results()
    assert folder is not None
    found: dict[str, object] = json.loads((folder / job.what.results[0]).read_text())
    return found


def reached(job: Job, epoch: int) -> bool:
    """Whether a training has told the end of an epoch."""
    return any(f'"epoch": {epoch},' in line for line in job.driver_log())


def eventually(look: Callable[[], T | None], seconds: float, what: str) -> T:
    """The first true answer; fails when there is none in time (a bound, not a measure)."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.5)
    pytest.fail(f"not within {seconds:.0f} s: {what}")


#: The one folder of a restricted pod that it may write to.
TMP = "/tmp"  # noqa: S108


def restricted_pod(
    name: str, namespace: str, container: dict[str, Any], labels: dict[str, str] | None = None
) -> dict[str, Any]:
    """A pod of one container that runs once, with as few rights as the charts give theirs."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels or {}},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": name,
                    "imagePullPolicy": "Never",
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "readOnlyRootFilesystem": True,
                        "capabilities": {"drop": ["ALL"]},
                    },
                    "volumeMounts": [{"name": "tmp", "mountPath": TMP}],
                    **container,
                }
            ],
            "volumes": [{"name": "tmp", "emptyDir": {}}],
        },
    }


def secret(name: str, namespace: str, data: dict[str, str]) -> dict[str, Any]:
    """A Secret of texts."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}


def shared_claim(namespace: str) -> dict[str, Any]:
    """The claim of the local environment, which every node of it can mount: there is one."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "rayworks-storage", "namespace": namespace},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }


def beside(service: Workload, name: str, command: list[str]) -> dict[str, Any]:
    """A pod of a workload's namespace with the image and the rights of its head."""
    found = service.kube.find("pod", service.head(), service.namespace)
    assert found
    head = found["spec"]
    container = {
        "name": name,
        "image": head["containers"][0]["image"],
        "command": command,
        "securityContext": head["containers"][0]["securityContext"],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": service.namespace},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "securityContext": head["securityContext"],
            "containers": [container],
        },
    }


def ended(kube: Kube, name: str, namespace: str) -> str:
    """How a pod ended, once it has."""

    def phase() -> str | None:
        found = (kube.find("pod", name, namespace) or {}).get("status", {}).get("phase")
        return found if found in {"Succeeded", "Failed"} else None

    return eventually(phase, 200, f"the end of pod {name}")


def look(kube: Kube, image: str, script: str) -> dict[str, Any]:
    """What a pod of an image says about itself: JSON that a Python script prints after FACTS."""
    namespace = "image-test"
    variables = {"LOOK": script, "HOME": TMP, "MPLCONFIGDIR": TMP}
    container = {
        "image": image,
        "command": ["/bin/bash", "-c", 'python -c "$LOOK"'],
        "env": [{"name": name, "value": value} for name, value in variables.items()],
    }
    kube.apply(namespace_object(namespace), restricted_pod("look", namespace, container))
    try:
        ended(kube, "look", namespace)
        said = kube.run("logs", "look", namespace=namespace)
        lines = [line for line in said.splitlines() if line.startswith("FACTS")]
        assert lines, f"the pod did not get to its end:\n{said}"
        found: dict[str, Any] = json.loads(lines[0].removeprefix("FACTS"))
        return found
    finally:
        kube.run("delete", "namespace", namespace, "--ignore-not-found", timeout=120)


def release(chart: str, namespace: str, values: dict[str, Any], folder: Path) -> Release:
    """A chart, named after its namespace, on the local environment with further values."""
    place = environment("local")
    file = folder / f"{chart}-{time.monotonic_ns()}.yaml"
    file.write_text(json.dumps(values))
    return Release(namespace, chart, namespace, [*place.values(), file], place.kubeconfig)


@contextmanager
def installed(kube: Kube, chart: str, namespace: str, values: dict[str, Any]) -> Iterator[Release]:
    """The chart in a namespace of its own; both are gone after the block."""
    kube.apply(namespace_object(namespace))
    with tempfile.TemporaryDirectory() as folder:
        # no claim to wait for: these tests are about the pods
        found = release(chart, namespace, merge(NO_STORAGE, values), Path(folder))
        try:
            environment("local").provide(found.template(), print)
            found.upgrade()
            yield found
        finally:
            found.uninstall()
            kube.run("delete", "namespace", namespace, "--wait=true", timeout=300)


NO_STORAGE: dict[str, Any] = {"global": {"ray": {"storage": {"claim": ""}}}}


def built(name: str, image: images.Image) -> images.ImageRef:
    """An image of the local cluster that only a test needs."""
    with patch.dict(images.IMAGES, {name: image}):
        return images.build([name], print)[name]


def stand_in(
    group: str, version: str, kind: str, *, scope: str = "Namespaced", **served: Any
) -> dict[str, Any]:
    """The definition of somebody else's kind, which takes any fields; `served` says more of it."""
    plural = f"{kind.lower()}s"
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            "annotations": {"api-approved.kubernetes.io": "unapproved, a stand-in"},
        },
        "spec": {
            "group": group,
            "scope": scope,
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": anything},
                    **served,
                }
            ],
        },
    }


def pods(kube: Kube, namespace: str, kind: str) -> list[str]:
    """Names of the pods of a Ray node type that run and are ready."""
    found = kube.list("pods", namespace, f"ray.io/node-type={kind}")
    return [
        str(pod["metadata"]["name"])
        for pod in found
        if condition(pod, "Ready") and "deletionTimestamp" not in pod["metadata"]
    ]


@dataclass(frozen=True)
class Prometheus:
    """A Prometheus on a local port.

    Args:
        url: its address.
    """

    url: str

    def get(self, path: str, **parameters: str) -> Any:
        """`data` of an answer of its API."""
        words = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{words}", timeout=60) as answer:  # noqa: S310
            return json.load(answer)["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Series that a query finds now."""
        found: list[dict[str, Any]] = self.get("query", query=expression)["result"]
        return found

    def firing(self, alert: str, namespace: str) -> bool:
        """Whether an alert fires for a namespace."""
        chosen = f'alertname="{alert}", alertstate="firing", namespace="{namespace}"'
        return bool(self.query(f"ALERTS{{{chosen}}}"))


def authority(by: dict[str, str] | None = None) -> dict[str, str]:
    """Certificate and key of an authority, its own or under another, as a Secret holds them."""
    return _signed("test", x509.BasicConstraints(ca=True, path_length=1 if by is None else 0), by)


def signed(by: dict[str, str], *names: str) -> dict[str, str]:
    """Certificate and key of a server with these names, and its authority's certificate."""
    extension = x509.SubjectAlternativeName([x509.DNSName(one) for one in names])
    return {**_signed(names[0], extension, by), "ca.crt": by["tls.crt"]}


def _signed(name: str, extension: x509.ExtensionType, by: dict[str, str] | None) -> dict[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer, signing = subject, key
    if by is not None:
        issuer = x509.load_pem_x509_certificate(by["tls.crt"].encode()).subject
        loaded = serialization.load_pem_private_key(by["tls.key"].encode(), None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        signing = loaded
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        .sign(signing, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {"tls.crt": certificate.public_bytes(pem).decode(), "tls.key": private.decode()}
