"""The init container that signs a pod's certificate: what it writes must convince TLS itself."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
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


def certified(script: str, folder: Path, by: dict[str, str]) -> Path:
    """The folder with a pod's certificate."""
    (folder / "authority").mkdir(parents=True)
    for name, text in by.items():
        (folder / "authority" / name).write_text(text)
    target = folder / "tls"
    target.mkdir()
    environment = {
        "AUTHORITY": str(folder / "authority"), "TARGET": str(target),
        "CLUSTER": "demo", "NAMESPACE": "team", "POD_IP": "10.1.2.3",
    }  # fmt: skip
    subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, **environment}, check=True, timeout=60
    )
    return target


@pytest.fixture
def made(script: str, tmp_path: Path) -> Path:
    """The folder with a certificate by an authority of its own."""
    return certified(script, tmp_path, authority())


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


@pytest.mark.slow
def test_grpc_takes_an_authority_that_is_under_another(script: str, tmp_path: Path) -> None:
    """As cert-manager makes it by `tls.issuer`; what the one above has signed else does not."""
    above = authority()
    own, other = (
        certified(script, tmp_path / name, authority(by=above)) for name in ("own", "other")
    )
    assert reaches(own, own)
    assert not reaches(own, other)


def reaches(server: Path, client: Path) -> bool:
    """Whether a client of gRPC, as Ray's processes are, gets through to a server of it."""

    def files(folder: Path) -> tuple[bytes, bytes, bytes]:
        key, certificate, root = (
            (folder / name).read_bytes() for name in ("tls.key", "tls.crt", "ca.crt")
        )
        return key, certificate, root

    key, certificate, root = files(server)
    with ThreadPoolExecutor(1) as pool:
        listener = grpc.server(pool)
        guarded = grpc.ssl_server_credentials([(key, certificate)], root, require_client_auth=True)
        port = listener.add_secure_port("127.0.0.1:0", guarded)
        listener.start()
        key, certificate, root = files(client)
        login = grpc.ssl_channel_credentials(root, key, certificate)
        try:
            with grpc.secure_channel(f"127.0.0.1:{port}", login) as channel:
                grpc.channel_ready_future(channel).result(timeout=5)
                return True
        except grpc.FutureTimeoutError:
            return False
        finally:
            listener.stop(None)
