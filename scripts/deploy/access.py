"""Reach what runs: its logs, its dashboard, and a script of one's own on its cluster."""

from __future__ import annotations

import base64
import io
import socket
import subprocess
import tarfile
import uuid
from collections.abc import Sequence
from pathlib import Path

from deploy.workloads import Job, Workload
from lib.errors import UserError
from lib.shell import run

#: Ray refuses a larger working directory; so do we, before anything is sent.
MOST_BYTES = 100 * 2**20


def logs(workload: Workload, *, follow: bool) -> None:
    """Print what the workload prints: a job's output, else the head's.

    Raises:
        UserError: there is nothing that runs.
    """
    pods = workload.submitters() if isinstance(workload, Job) else []
    name = pods[-1]["metadata"]["name"] if pods else workload.head()
    words = ["logs", str(name), "--tail=-1", *(["--follow"] if follow else [])]
    subprocess.run(workload.kube.command(*words, namespace=workload.namespace), check=True)


def token(workload: Workload) -> str | None:
    """The bearer token of the workload's Ray cluster; None when it needs none."""
    pod = workload.kube.find("pod", workload.head(), workload.namespace) or {}
    for variable in pod["spec"]["containers"][0].get("env", []):
        reference = variable.get("valueFrom", {}).get("secretKeyRef")
        if variable["name"] == "RAY_AUTH_TOKEN" and reference:
            secret = workload.kube.find("secret", reference["name"], workload.namespace)
            if secret is None:
                raise UserError(f"Secret {reference['name']} with the token is not there")
            return base64.b64decode(secret["data"][reference["key"]]).decode()
    return None


def check_port(port: int, target: str = "dashboard") -> None:
    """Raise when a local port is taken.

    Args:
        port: on the loopback interface.
        target: of make, that takes another one.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise UserError(
                f"port {port} is in use on this machine", f"make {target} PORT={port + 1}"
            ) from error


def dashboard(workload: Workload, port: int) -> None:
    """Forward the dashboard to a local port until Ctrl-C, and say where to look."""
    check_port(port)
    pod = f"pod/{workload.head()}"
    secret = token(workload)
    with workload.kube.forwarded(pod, 8265, workload.namespace, port) as forwarded:
        print(f"dashboard of {workload.what.name}: {forwarded.url}")
        if secret:
            print(f"it asks for a token: {secret}")
        print("jobs → what ran and its log; cluster → nodes and actors; Ctrl-C ends", flush=True)
        forwarded.hold()


def _files(folder: Path) -> list[Path]:
    """What git would take along; all files where git has no say."""
    listed = run(
        ["git", "-C", folder, "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        check=False,
    )
    if listed.returncode == 0:
        names = [name for name in listed.stdout.split("\0") if name]
        return [folder / name for name in names if (folder / name).is_file()]
    return [path for path in folder.rglob("*") if path.is_file()]


def packed(folder: Path) -> bytes:
    """The working directory as a tar archive.

    Raises:
        UserError: it is larger than Ray takes, or not there.
    """
    if not folder.is_dir():
        raise UserError(f"DIR={folder} is not a folder", "make submit DIR=path -- python x.py")
    files = _files(folder)
    size = sum(path.stat().st_size for path in files)
    if size > MOST_BYTES:
        raise UserError(
            f"DIR={folder} holds {size / 2**20:.0f} MiB; a working directory may have "
            f"{MOST_BYTES // 2**20}",
            "name a smaller folder with DIR=, or list what is large in its .gitignore",
        )
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in files:
            archive.add(path, arcname=str(path.relative_to(folder)))
    return buffer.getvalue()


def submit(workload: Workload, command: Sequence[str], folder: Path) -> int:
    """Run a command on the workload's Ray cluster, with a local folder as working directory.

    The folder travels to the head, and Ray's own command line there submits it: with the
    cluster's token, and with exactly the Ray version that runs.

    Returns:
        The exit code of `ray job submit`: 0 when the job has succeeded.
    """
    if not command:
        raise UserError("there is nothing to run", "make submit -- python x.py")
    head, kube, space = workload.head(), workload.kube, workload.namespace
    archive = packed(folder)
    there = f"/tmp/submit-{uuid.uuid4().hex[:8]}"  # noqa: S108 - a folder in the head's pod
    unpack = f"mkdir {there} && tar -xf - -C {there}"
    sent = subprocess.run(
        kube.command("exec", "-i", head, "--", "sh", "-c", unpack, namespace=space),
        input=archive, capture_output=True, check=False,
    )  # fmt: skip
    if sent.returncode != 0:
        raise UserError(f"the working directory did not arrive: {sent.stderr.decode().strip()}")
    submitting = ["ray", "job", "submit", "--working-dir", there, "--", *command]
    try:
        done = subprocess.run(kube.command("exec", head, "--", *submitting, namespace=space))
    finally:
        kube.run("exec", head, "--", "rm", "-rf", there, namespace=space, check=False)
    return done.returncode
