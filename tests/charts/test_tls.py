"""The init container that signs a pod's certificate: what it writes must convince TLS itself."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml
from support import authority

from lib.paths import ROOT, tool


@pytest.fixture(scope="module")
def script() -> str:
    """The program as the chart renders it."""
    values = {"tls": {"enabled": True, "caSecret": "authority"}}
    text = subprocess.run(
        [tool("helm"), "template", "demo", ROOT / "charts" / "ray-cluster", "--values", "-",
         "--show-only", "templates/raycluster.yaml"],
        input=json.dumps(values), capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    head = yaml.safe_load(text)["spec"]["headGroupSpec"]["template"]["spec"]
    return str(head["initContainers"][0]["command"][2])


@pytest.fixture
def made(script: str, tmp_path: Path) -> Path:
    """The folder with a pod's certificate."""
    (tmp_path / "authority").mkdir()
    for name, text in authority().items():
        (tmp_path / "authority" / name).write_text(text)
    target = tmp_path / "tls"
    target.mkdir()
    environment = {
        "AUTHORITY": str(tmp_path / "authority"), "TARGET": str(target),
        "CLUSTER": "demo", "NAMESPACE": "team", "POD_IP": "10.1.2.3",
    }  # fmt: skip
    subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, **environment}, check=True, timeout=60
    )
    return target


def handshake(folder: Path, name: str) -> str:
    """TLS with both sides verified, as Ray's processes do it; the protocol's version."""
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(folder / "ca.crt"))
    server.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    client.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    ours, theirs = socket.socketpair()
    with ours, theirs:

        def answer() -> None:
            try:
                with server.wrap_socket(theirs, server_side=True) as wrapped:
                    wrapped.sendall(b"x")
            except OSError:
                pass  # the client has refused

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            with client.wrap_socket(ours, server_hostname=name) as wrapped:
                wrapped.recv(1)
                return str(wrapped.version())
        finally:
            thread.join()


@pytest.mark.parametrize(
    "name",
    ["10.1.2.3", "127.0.0.1", "localhost", "demo-head-svc.team.svc.cluster.local"],
)
def test_the_pod_is_known_by_its_names(made: Path, name: str) -> None:
    assert handshake(made, name) == "TLSv1.3"


@pytest.mark.parametrize("name", ["10.1.2.4", "other-head-svc.team.svc.cluster.local"])
def test_it_is_nobody_else(made: Path, name: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(made, name)
