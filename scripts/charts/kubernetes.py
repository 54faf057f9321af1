"""Schemas of what users write in Kubernetes' own words, such as a side-car's container.

From the schemas of the Kubernetes version that the charts are checked against, strict, so that a
misspelt field is refused by Helm and not by the operator minutes later.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate

Schema = dict[str, Any]

#: Whose schemas these are; the API server's minor version.
VERSION = "1.35.0"

#: Prefix of the names of these definitions.
PREFIX = "kubernetes."

_GROUPS = (
    "io.k8s.api.core.v1.",
    "io.k8s.api.",
    "io.k8s.apimachinery.pkg.apis.",
    "io.k8s.apimachinery.pkg.",
)

#: What the charts give themselves, and what is written as a map by name.
_OURS = {
    "Container": ("name", "stdin", "stdinOnce", "tty", "resizePolicy"),
    "Volume": ("name",),
    "ServiceSpec": (
        "type",
        "selector",
        "ports",
        "clusterIP",
        "clusterIPs",
        "externalIPs",
        "externalName",
    ),
    "PodSpec": ("containers", "initContainers", "ephemeralContainers", "volumes", "restartPolicy"),
}


def folder(version: str = VERSION) -> Path:
    """Where the schemas of a version of Kubernetes lie."""
    known = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
    return known / f"v{version}-local-strict"


@cache
def definitions() -> dict[str, Schema]:
    """Every definition by name, as `kubernetes.Container`; outside of core with its group."""
    whole = json.loads((folder() / "_definitions.json").read_text())["$defs"]
    found = {_short(name): _cleaned(schema) for name, schema in whole.items()}
    for name, fields in _OURS.items():
        schema = found[PREFIX + name]
        for field in fields:
            schema["properties"].pop(field)
        schema["required"] = [key for key in schema.get("required", []) if key not in fields]
    return found


def _short(name: str) -> str:
    group = next((group for group in _GROUPS if name.startswith(group)), "")
    return PREFIX + name.removeprefix(group)


def _cleaned(node: Any) -> Any:
    """Without texts and without null, which only says that a field may be left out."""
    if isinstance(node, list):
        return [_cleaned(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    out: Schema = {}
    for key, value in node.items():
        if key == "properties":
            out[key] = {name: _cleaned(inner) for name, inner in value.items()}
        elif key == "$ref":
            out[key] = "#/$defs/" + _short(value.rsplit("/", 1)[-1])
        elif key == "type" and isinstance(value, list):
            kinds = [kind for kind in value if kind != "null"]
            out[key] = kinds[0] if len(kinds) == 1 else kinds
        elif key == "enum":
            out[key] = [choice for choice in value if choice is not None]
        elif key != "description" and not key.startswith("x-"):
            out[key] = _cleaned(value)
    return out
