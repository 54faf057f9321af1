"""Add-ons: the form of the files, which are chosen, how placeholders are filled, when one is up."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from cloud_world import World

from clouds.addons import AddOn, chosen, filled, load, up
from lib.errors import UserError
from lib.paths import ROOT

PLACES = sorted((ROOT / "environments").glob("*/addons.yaml"))

OUTPUTS: dict[str, Any] = {
    "cluster_name": "rayworks",
    "tags": {"team": "blue"},
    "node_pools": {"gpu": {"max": 2, "spot": True}},
    "add_ons": {"karpenter": {"queue": "q", "none": None}, "redis": None, "off": {}},
}


@pytest.mark.parametrize("path", PLACES, ids=[path.parent.name for path in PLACES])
def test_every_list_is_of_the_form_and_pins_each_chart(path: Path) -> None:
    found = load(path)
    assert found
    for one in found:
        if local := one.chart.get("path"):
            assert (ROOT / local / "Chart.yaml").exists(), one.name
        else:
            assert re.fullmatch(r"v?\d+\.\d+\.\d+", one.chart["version"]), one.name


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("a: {chart: {path: charts/x}, namespace: n}", "'about' is a required property"),
        ("a: {about: x, chart: {path: /etc}, namespace: n}", "chart"),
        (
            "a: {about: x, chart: {repository: https://e, name: n, version: latest}, namespace: n}",
            "chart",
        ),
        ("A_b: {about: x, chart: {path: charts/x}, namespace: n}", "does not match"),
        ("a: {about: x, chart: {path: charts/x}, namespace: n, wehn: y}", "'wehn' was unexpected"),
        ("- a", "is not of type"),
    ],
)
def test_a_wrong_list_says_what_is_wrong(tmp_path: Path, text: str, wrong: str) -> None:
    path = tmp_path / "addons.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=re.escape(wrong)):
        load(path)


def test_no_list_is_no_add_on(tmp_path: Path) -> None:
    assert load(tmp_path / "none.yaml") == []
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    assert load(tmp_path / "empty.yaml") == []


def add_on(name: str, **fields: Any) -> AddOn:
    return AddOn(name, "about", {"path": "charts/x"}, "n", **fields)


KNOWN = [
    add_on("always"),
    add_on("karpenter", when="add_ons.karpenter"),
    add_on("redis", when="add_ons.redis"),
    add_on("off", when="add_ons.off"),
    add_on("nowhere", when="add_ons.nowhere.deeper"),
    add_on("kueue", optional=True),
]


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("", ["always", "karpenter"]),
        ("kueue", ["always", "karpenter", "kueue"]),
        ("kueue -always", ["karpenter", "kueue"]),
        ("-karpenter,+kueue", ["always", "kueue"]),
        # asked for, and not there: what it needs is missing
        ("redis", ["always", "karpenter"]),
    ],
)
def test_which_are_chosen(asked: str, names: list[str]) -> None:
    assert [one.name for one in chosen(KNOWN, OUTPUTS, asked, "eks")] == names


def test_an_add_on_that_there_is_not_is_named() -> None:
    with pytest.raises(UserError, match=r"eks has no add-on nope; there is: always, karpenter"):
        chosen(KNOWN, OUTPUTS, "-nope", "eks")


@pytest.mark.parametrize(
    ("value", "becomes"),
    [
        ("${cluster_name}", "rayworks"),
        ("${ cluster_name }", "rayworks"),
        ("a-${cluster_name}-${add_ons.karpenter.queue}", "a-rayworks-q"),
        ("${tags}", {"team": "blue"}),
        ("${node_pools.gpu.max}", 2),
        ("most ${node_pools.gpu.max}, spot ${node_pools.gpu.spot}", "most 2, spot true"),
        ("${add_ons.redis}", None),
        ("$${cluster_name}", "${cluster_name}"),
        ({"a": ["${tags.team}", 3]}, {"a": ["blue", 3]}),
        ("$plain {text}", "$plain {text}"),
    ],
)
def test_placeholders(value: Any, becomes: Any) -> None:
    assert filled(value, OUTPUTS, "add-on a, values") == becomes


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ("${add_ons.karpentr.queue}", "under add_ons there is karpenter, off, redis"),
        ("${nowhere}", "Terraform's outputs are add_ons, cluster_name, node_pools, tags"),
        ("${cluster_name.x}", "under cluster_name there is nothing"),
        ("a ${tags}", "is no text, and stands within a longer text"),
        ("a ${add_ons.redis}", "is null, and stands within a longer text"),
    ],
)
def test_placeholders_that_cannot_be_filled(value: str, wrong: str) -> None:
    with pytest.raises(UserError, match=re.escape(wrong)) as caught:
        filled({"b": [value]}, OUTPUTS, "add-on a, values")
    assert caught.value.message.startswith("add-on a, values.b[0]: ")


def obj(kind: str, spec: dict[str, Any], **status: Any) -> dict[str, Any]:
    status.setdefault("observedGeneration", 2)
    return {"kind": kind, "metadata": {"generation": 2}, "spec": spec, "status": status}


AVAILABLE = [{"type": "Available", "status": "True"}]


@pytest.mark.parametrize(
    ("found", "is_up"),
    [
        (obj("Deployment", {"replicas": 2}, updatedReplicas=2, conditions=AVAILABLE), True),
        (obj("Deployment", {"replicas": 2}, updatedReplicas=1, conditions=AVAILABLE), False),
        (
            obj("Deployment", {}, updatedReplicas=1, conditions=AVAILABLE, observedGeneration=1),
            False,
        ),
        (obj("StatefulSet", {"replicas": 1}, readyReplicas=1), True),
        (obj("StatefulSet", {"replicas": 1}), False),
        (obj("DaemonSet", {}, desiredNumberScheduled=0, numberReady=0), True),
        (
            obj("DaemonSet", {}, desiredNumberScheduled=2, updatedNumberScheduled=2, numberReady=1),
            False,
        ),
        (
            obj("DaemonSet", {}, desiredNumberScheduled=2, updatedNumberScheduled=2, numberReady=2),
            True,
        ),
        (obj("APIService", {}, conditions=[{"type": "Available", "status": "False"}]), False),
        (
            obj("APIService", {}, conditions=[{"type": "Available", "status": "True"}]),
            True,
        ),
        (
            obj(
                "Gateway", {},
                conditions=[
                    {"type": "Accepted", "status": "True"},
                    {"type": "Programmed", "status": "False"},
                ],
            ),
            False,
        ),
        (obj("ConfigMap", {}), True),
    ],
)  # fmt: skip
def test_when_an_object_is_up(found: dict[str, Any], is_up: bool) -> None:
    assert up(found) is is_up


@pytest.mark.slow
def test_one_of_somebody_else_is_left_as_it_is(deployed: World) -> None:
    content = deployed.read()
    content["releases"] = [
        [space, name, "" if name == "metrics" else digest]
        for space, name, digest in content["releases"]
    ]
    content["objects"] = {k: v for k, v in content["objects"].items() if not k.startswith("RayJob")}
    deployed.write(content)
    done = deployed.deploy("--add-ons", "queues")
    assert done.returncode == 0, done.stderr
    assert "queues; left as they are: metrics" in done.stdout
    calls = deployed.calls("helm upgrade")
    assert not [line for line in calls if " metrics " in line]
    assert [line for line in calls if "oci://charts.example.com/kueue --version 1.2.3" in line]
    # what was asked for is remembered
    done = deployed.run("status")
    assert "stage add-ons" in done.stdout
    assert "queues" in done.stdout


@pytest.mark.slow
def test_one_that_does_not_come_up_says_why(deployed: World) -> None:
    content = deployed.read()
    pulling = {"name": "c", "state": {"waiting": {"reason": "ErrImagePull", "message": "no such"}}}
    meta = {
        "name": "queues-1",
        "namespace": "queues",
        "labels": {"app.kubernetes.io/instance": "queues"},
    }
    status = {"containerStatuses": [pulling]}
    content["objects"]["Pod/queues/queues-1"] = {"kind": "Pod", "metadata": meta, "status": status}
    content["stuck"] = ["queues"]
    deployed.write(content)
    done = deployed.deploy("--add-ons", "queues")
    assert done.returncode == 1
    assert "add-on queues does not start:\nqueues-1/c: ErrImagePull no such" in done.stderr
    assert "make deploy CLOUD=aks" in done.stderr
