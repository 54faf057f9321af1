"""kubectl as typed calls: JSON in, JSON out, errors that say what was asked."""

from __future__ import annotations

import json
import re
import subprocess
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from lib.errors import UserError
from lib.paths import kube_cache, tool
from lib.shell import failure, run

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Forwarded:
    """A port of this machine that leads to one in the cluster."""

    url: str
    target: str
    printed: IO[str]
    """What kubectl prints: a line for each connection, so whoever makes many has to read it."""

    def hold(self) -> None:
        """Keep it until Ctrl-C.

        Raises:
            UserError: it has ended by itself, as with its pod or its cluster.
        """
        try:
            last = deque(self.printed, maxlen=1)
        except KeyboardInterrupt:
            return
        said = last[-1].strip().removeprefix("error: ") if last else "kubectl ended without a word"
        raise UserError(f"nothing is forwarded to {self.target} any more: {said}")


@dataclass(frozen=True, slots=True)
class Kube:
    """One cluster, reached by its own kubeconfig and never by the user's default one."""

    kubeconfig: Path

    def command(self, *words: str, namespace: str | None = None) -> list[str]:
        """The kubectl command line for these words."""
        where = ["--kubeconfig", str(self.kubeconfig)]
        where += ["--cache-dir", str(kube_cache(self.kubeconfig))]
        if namespace:
            where += ["--namespace", namespace]
        return [tool("kubectl"), *where, *words]

    def run(
        self,
        *words: str,
        namespace: str | None = None,
        input_text: str | None = None,
        timeout: float | None = 60,
        check: bool = True,
    ) -> str:
        """Run kubectl and return what it prints."""
        return run(
            self.command(*words, namespace=namespace),
            input_text=input_text,
            timeout=timeout,
            check=check,
        ).stdout

    def find(self, kind: str, name: str, namespace: str | None = None) -> Object | None:
        """The object, or None when there is no such object or no such kind."""
        command = self.command(
            "get", kind, name, "-o", "json", "--ignore-not-found", namespace=namespace
        )
        done = run(command, timeout=60, check=False)
        if done.returncode != 0:
            if "the server doesn't have a resource type" in done.stderr:
                return None
            raise failure(command, done.returncode, done.stderr.strip())
        return json.loads(done.stdout) if done.stdout.strip() else None

    def list(
        self, kind: str, namespace: str | None = None, selector: str | None = None
    ) -> list[Object]:
        """All objects of a kind, in one namespace or in all of them."""
        words = ["get", kind, "-o", "json", *(["-l", selector] if selector else [])]
        if namespace is None:
            words.append("--all-namespaces")
        items: list[Object] = json.loads(self.run(*words, namespace=namespace))["items"]
        return items

    def apply(self, *objects: Object) -> None:
        """Server-side apply; Rayworks owns the fields that it names."""
        self.apply_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}))

    def apply_text(self, manifests: str) -> None:
        """The same of YAML documents."""
        self.run(
            "apply", "--server-side", "--force-conflicts", "--field-manager=rayworks", "-f", "-",
            input_text=manifests, timeout=120,
        )  # fmt: skip

    def diff(self, manifests: str, namespace: str) -> str:
        """How objects would change if Helm applied these, as a diff; empty when they would not."""
        command = self.command(
            "diff", "--server-side", "--force-conflicts", "--field-manager=helm", "-f", "-",
            namespace=namespace,
        )  # fmt: skip
        done = run(command, input_text=manifests, timeout=120, check=False)
        if done.returncode > 1:  # 1: there are differences
            raise UserError(f"kubectl cannot compare:\n{done.stderr.strip()}")
        return done.stdout

    def alive(self) -> bool:
        """Whether the API server answers and says that it is ready."""
        if not self.kubeconfig.exists():
            return False
        return not self.unanswered()

    def unanswered(self) -> str:
        """Why the API server does not answer, in kubectl's last words; empty when it does."""
        command = self.command("get", "--raw", "/readyz", "--request-timeout=10s")
        done = run(command, timeout=60, check=False)
        return "" if done.returncode == 0 else (done.stderr.strip() or "no answer")

    def watch(self, kind: str, name: str, namespace: str, seconds: float) -> Iterator[Object]:
        """The object now and after every change, until it is gone or the time is over."""
        command = self.command(
            "get", kind, name, "-o", "json", "--watch", f"--request-timeout={seconds:.0f}s",
            namespace=namespace,
        )  # fmt: skip
        with _printed(command, stderr=subprocess.DEVNULL) as printed:
            lines: list[str] = []
            for line in printed:
                lines.append(line)
                if line == "}\n":  # kubectl indents: only an object's end is a bare brace
                    yield json.loads("".join(lines))
                    lines = []

    @contextmanager
    def forwarded(
        self, target: str, port: int, namespace: str, local: int = 0
    ) -> Iterator[Forwarded]:
        """Forward a local port, 0 for any that is free, to a Service or Pod."""
        command = self.command(
            "port-forward", target, f"{local}:{port}", "--address", "127.0.0.1",
            namespace=namespace,
        )  # fmt: skip
        with _printed(command, stderr=subprocess.STDOUT) as printed:
            first = printed.readline()
            found = re.search(r"Forwarding from 127\.0\.0\.1:(\d+)", first)
            if not found:
                raise UserError(f"cannot forward to {target}: {first.strip() or 'no answer'}")
            yield Forwarded(f"http://127.0.0.1:{found[1]}", target, printed)

    def exec(self, pod: str, command: Sequence[str], namespace: str) -> str:
        """Run a command in a pod's first container and return what it prints."""
        return self.run("exec", pod, "--", *command, namespace=namespace)


@contextmanager
def _printed(command: Sequence[str], *, stderr: int) -> Iterator[IO[str]]:
    """What a command prints, while it runs; it ends with the block."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True) as process:
        assert process.stdout is not None  # noqa: S101 - PIPE was asked for
        try:
            yield process.stdout
        finally:
            process.terminate()


def condition(obj: Object, kind: str) -> bool:
    """Whether a status condition of this kind is True."""
    conditions = obj.get("status", {}).get("conditions", [])
    return any(c["type"] == kind and c["status"] == "True" for c in conditions)


def available(deployment: Object) -> bool:
    """Whether a Deployment runs as it was asked for last.

    Without replicas none does, although its condition `Available` is true.
    """
    status = deployment.get("status", {})
    current = status.get("observedGeneration") == deployment["metadata"]["generation"]
    updated = status.get("updatedReplicas", 0) == deployment["spec"].get("replicas", 1) > 0
    return current and updated and condition(deployment, "Available")


#: By this label a namespace is known as ours, to be taken away again.
OWNER = {"app.kubernetes.io/managed-by": "rayworks"}


def namespace_object(name: str, level: str = "restricted") -> Object:
    """A namespace that enforces a level of the Pod Security Standards."""
    modes = {f"pod-security.kubernetes.io/{mode}": level for mode in ("enforce", "warn", "audit")}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {**OWNER, **modes}},
    }


def is_ours(obj: Object) -> bool:
    """Whether an object carries the label of what these scripts make."""
    labels = obj["metadata"].get("labels") or {}
    return all(labels.get(key) == value for key, value in OWNER.items())
