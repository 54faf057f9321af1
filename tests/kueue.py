"""Kueue from its Go module, whose own chart is in it.

What a single quiet node has no use for is left out: the proxy before its metrics, the API that
shows who waits, and the kinds of workloads that are not Ray's.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from support import built, eventually

from charts import crds
from lib.kube import Kube, condition
from lib.paths import tool
from local import images
from tools import build
from tools.catalogue import Tool

VERSION = "0.10.0"
MODULE = "sigs.k8s.io/kueue"
NAMESPACE = "kueue-system"
MANAGER = "kueue-controller-manager"
PROGRAM = Tool(
    name=f"kueue-{VERSION}",
    module=MODULE,
    groups=(),
    binaries={"kueue": None},
    home=Path(__file__).parent / "e2e",
)
CONFIGURATION = {
    "apiVersion": "config.kueue.x-k8s.io/v1beta1",
    "kind": "Configuration",
    "health": {"healthProbeBindAddress": ":8081"},
    "webhook": {"port": 9443},
    "leaderElection": {"leaderElect": False},
    "integrations": {"frameworks": ["ray.io/rayjob", "ray.io/raycluster"]},
}


def _image() -> images.ImageRef:
    program = str(build.made(PROGRAM) / "bin" / "kueue")
    return built(PROGRAM.name, images.Image(PROGRAM.folder, binaries=(program,)))


def _objects() -> list[dict[str, Any]]:
    image = _image()
    manager = {
        "image": {
            "repository": f"{images.REGISTRY}/{image.repository}",
            "tag": image.tag,
            "pullPolicy": "Never",
        },
        "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}},
    }
    values = {
        "controllerManager": {
            "manager": manager,
            "featureGates": [{"name": "VisibilityOnDemand", "enabled": False}],
        },
        "managerConfig": {"controllerManagerConfigYaml": json.dumps(CONFIGURATION)},
    }
    _, module = crds.module(PROGRAM.folder, MODULE)
    chart = str(module / "charts" / "kueue")
    rendered = subprocess.run(
        [tool("helm"), "template", "kueue", chart, "-n", NAMESPACE, "-f", "-"],
        input=json.dumps(values), capture_output=True, text=True, check=True,
    )  # fmt: skip
    objects = [
        one for one in yaml.safe_load_all(rendered.stdout) if one and one["kind"] != "APIService"
    ]
    for one in objects:
        if one["kind"] == "Deployment":
            pod = one["spec"]["template"]["spec"]
            pod["containers"] = [c for c in pod["containers"] if c["name"] == "manager"]
    return objects


@contextmanager
def installed(kube: Kube) -> Iterator[None]:
    """Kueue, as long as it lasts."""
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    objects = _objects()
    first = [one for one in objects if one["kind"] == "CustomResourceDefinition"]
    try:
        kube.apply(space)
        for one in [*first, *(one for one in objects if one not in first)]:
            kube.apply(one)

        def available() -> bool:
            deployment = kube.find("deployment", MANAGER, NAMESPACE)
            return deployment is not None and condition(deployment, "Available")

        eventually(available, 180, "Kueue is available")
        yield
    finally:
        # Its webhooks first: while nobody answers them, nothing can be made or changed.
        order = ("WebhookConfiguration", "CustomResourceDefinition", "")
        for kind in order:
            for one in objects:
                if kind in one["kind"]:
                    where = one["metadata"].get("namespace")
                    words = ("delete", one["kind"], one["metadata"]["name"], "--ignore-not-found")
                    kube.run(*words, namespace=where, timeout=120)
            objects = [one for one in objects if kind not in one["kind"]]
        kube.run("delete", "namespace", NAMESPACE, "--ignore-not-found", timeout=120)
