"""What is shown to the outside, web pages with their login, and nodes as they come and go."""

from __future__ import annotations

import base64
import datetime
import io
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from deploy import pages, watch
from deploy.environments import environment
from deploy.exposed import Exposed
from lib import kube
from lib.errors import UserError
from lib.kube import Kube, Object

INGRESS = {"enabled": True, "path": "/hello", "authentication": "ingress-controller"}


def values(own: dict[str, Any], **place: Any) -> dict[str, Any]:
    return {"ingress": own, "global": {"ray": {"ingress": {"domain": "example.com", **place}}}}


class Cluster(Kube):
    """A cluster that knows some objects."""

    def __init__(self, **objects: Any) -> None:
        super().__init__(Path("none"))
        object.__setattr__(self, "_objects", objects)

    __slots__ = ("_objects",)

    def find(self, kind: str, name: str, namespace: str | None = None) -> Object | None:
        found: Object | None = self._objects.get(name)
        return found

    def list(
        self, kind: str, namespace: str | None = None, selector: str | None = None
    ) -> list[Object]:
        found: list[Object] = self._objects.get(kind, [])
        return found


def gateway(*protocols: str) -> Object:
    return {
        "spec": {"listeners": [{"name": p.lower(), "protocol": p} for p in protocols]},
        "metadata": {},
    }


@pytest.mark.parametrize(
    "place",
    [
        {"tlsSecret": "wildcard"},
        {"annotations": {"alb.ingress.kubernetes.io/certificate-arn": "arn:aws:acm:…"}},
        {"gateway": {"name": "good", "namespace": "g"}},
        {"gateway": {"name": "mixed", "namespace": "g", "sectionName": "https"}},
    ],
)
def test_an_endpoint_with_tls_and_a_login_has_a_public_url(place: dict[str, Any]) -> None:
    exposed = Exposed.of(values(INGRESS, **place), "web")
    assert exposed is not None
    exposed.check(Cluster(good=gateway("HTTPS"), mixed=gateway("HTTP", "HTTPS")))
    assert str(exposed) == "https://web.example.com/hello (the entrance asks for credentials)"


@pytest.mark.parametrize(
    ("own", "place", "wrong"),
    [
        ({"authentication": ""}, {"tlsSecret": "t"}, "open to the whole world: .* is empty"),
        ({"authentication": "nobody"}, {"tlsSecret": "t"}, "open to the whole world: .* is nobody"),
        ({}, {}, "would travel in the clear: global.ray.ingress names no certificate"),
        ({}, {"gateway": {"name": "mixed"}}, "Gateway mixed takes requests without TLS"),
        ({}, {"gateway": {"name": "none", "namespace": "g"}}, "no Gateway none in namespace g"),
        (
            {},
            {"gateway": {"name": "mixed", "sectionName": "http"}},
            "Gateway mixed takes requests without TLS",
        ),
    ],
)
def test_without_both_it_is_refused(own: dict[str, Any], place: dict[str, Any], wrong: str) -> None:
    exposed = Exposed.of(values({**INGRESS, **own}, **place), "web")
    assert exposed is not None
    with pytest.raises(UserError, match=wrong) as caught:
        exposed.check(Cluster(mixed=gateway("HTTP", "HTTPS")))
    assert caught.value.hint


def test_what_is_not_shown_has_no_url() -> None:
    assert Exposed.of({}, "web") is None
    assert Exposed.of(values({"enabled": False}), "web") is None
    named = Exposed.of(values({**INGRESS, "host": "api.example.org"}), "web")
    assert named is not None
    assert named.host == "api.example.org"


def pod(container: dict[str, Any], **more: Any) -> Object:
    ready = {"type": "Ready", "status": "True"}
    return {
        "metadata": {"name": "p", "namespace": "monitoring"},
        "spec": {"containers": [container], **more},
        "status": {"conditions": [ready]},
    }


def variable(name: str, secret: str, key: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}


def encoded(**data: str) -> Object:
    return {"data": {k: base64.b64encode(v.encode()).decode() for k, v in data.items()}}


def test_a_login_is_what_the_pods_variables_refer_to() -> None:
    # as Grafana's chart has it, and as chart mlflow has it: in an init container
    grafana = pod(
        {
            "name": "grafana",
            "env": [
                variable("GF_SECURITY_ADMIN_USER", "g", "admin-user"),
                variable("GF_SECURITY_ADMIN_PASSWORD", "g", "admin-password"),
                {"name": "GF_SECURITY_DISABLE", "value": "no"},
            ],
        }
    )
    cluster = Cluster(
        g=encoded(**{"admin-user": "root", "admin-password": "s3cret"}),
        m=encoded(password="pass"),
    )
    assert pages.login(cluster, grafana) == ("root", "s3cret")
    init = {"name": "prepare", "env": [variable("ADMIN_PASSWORD", "m", "password")]}
    mlflow = pod({"name": "mlflow"}, initContainers=[init])
    assert pages.login(cluster, mlflow) == ("admin", "pass")
    assert pages.login(cluster, pod({"name": "prometheus"})) == ("admin", "")


def test_a_page_of_the_cloud_is_named_and_one_that_is_nowhere_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = environment("local")
    monkeypatch.setattr(Kube, "list", lambda *_, **__: [])
    monkeypatch.setattr(place, "dashboards", lambda: {"grafana": "https://g.example.com"})
    pages.show(place, "grafana", None)
    assert "https://g.example.com" in capsys.readouterr().out
    with pytest.raises(UserError, match="no mlflow runs in this cluster"):
        pages.show(place, "mlflow", None)


def node(name: str, pool: str, *, ready: str = "True", **labels: str) -> Object:
    now = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=10)
    marks = {"rayworks.io/pool": pool, "node.kubernetes.io/instance-type": "big", **labels}
    created = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "metadata": {"name": name, "labels": marks, "creationTimestamp": created},
        "spec": {},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


def test_nodes_in_words() -> None:
    spot = {"karpenter.sh/capacity-type": "spot"}
    pods = [{"metadata": {"name": "r", "namespace": "n"}, "spec": {"nodeName": "a"}}]
    found = watch.nodes(
        Cluster(nodes=[node("a", "cpu"), node("b", "gpu", ready="False", **spot)], pods=pods)
    )
    assert found["a"] == watch.Node("a", "cpu", "big", "Ready", "10m", 1)
    assert found["b"].state == "NotReady, spot"


def test_what_comes_and_goes_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [
        Cluster(nodes=[node("a", "cpu")]),
        Cluster(nodes=[node("a", "cpu"), node("b", "gpu", ready="False")]),
        Cluster(nodes=[node("b", "gpu")]),
    ]
    nodes = watch.nodes
    monkeypatch.setattr(watch, "nodes", lambda _: nodes(looks.pop(0)))
    monkeypatch.setattr(watch, "waiting", lambda _: [])
    monkeypatch.setattr(watch, "INTERVAL", 0.01)
    screen = Console(file=io.StringIO(), width=120)
    watch.watch(Cluster(), list, screen, looks=2)
    lines = screen.file.getvalue().splitlines()  # type: ignore[attr-defined]
    told = [line.split(" ", 1)[-1] for line in lines]
    assert told == [
        "a (cpu, big) Ready",
        "+ b (gpu, big)",
        "- a (cpu, big)",
        "~ b (gpu, big): NotReady → Ready",
    ]


def test_the_screen_shows_rows_nodes_and_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    unscheduled = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}
    waits = {
        "metadata": {"name": "r", "namespace": "n"},
        "spec": {},
        "status": {"conditions": [unscheduled]},
    }
    cluster = Cluster(nodes=[node("a", "cpu")], pods=[waits])
    screen = Console(file=io.StringIO(), width=120, force_terminal=True)
    watch.watch(cluster, lambda: [("stage cluster", "rayworks")], screen, looks=1)
    drawn = screen.file.getvalue()  # type: ignore[attr-defined]
    for text in ("stage cluster", "rayworks", "big", "10m", "n/r: 0/1 nodes are available"):
        assert text in drawn


@pytest.mark.parametrize(("seconds", "text"), [(5, "5s"), (119, "119s"), (120, "2m"), (7200, "2h")])
def test_ages(seconds: int, text: str) -> None:
    since = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=seconds)
    assert watch.age(since.isoformat()) == text


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in kubectl's place that forwards nothing; a test adds what it does then."""
    program = tmp_path / "kubectl"
    program.write_text("#!/bin/sh\necho 'Forwarding from 127.0.0.1:1234 -> 8265'\n")
    program.chmod(0o755)
    monkeypatch.setattr(kube, "tool", lambda _: str(program))
    return program


def test_a_forwarded_port_outlasts_many_connections_and_its_end_is_told(kubectl: Path) -> None:
    with kubectl.open("a") as program:  # more than a pipe holds
        program.write("yes 'Handling connection for 1234' | head -n 9999\n")
        program.write("echo 'error: lost connection to pod'\nexit 1\n")
    with Kube(Path("none")).forwarded("pod/head", 8265, "n") as forwarded:
        assert forwarded.url == "http://127.0.0.1:1234"
        with pytest.raises(UserError, match=r"pod/head any more: lost connection to pod$"):
            forwarded.hold()


def test_a_forwarded_port_is_held_until_ctrl_c(kubectl: Path) -> None:
    with kubectl.open("a") as program:
        program.write("exec sleep 60\n")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with Kube(Path("none")).forwarded("pod/head", 8265, "n") as forwarded:
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
            forwarded.hold()
    finally:
        signal.signal(signal.SIGINT, before)
