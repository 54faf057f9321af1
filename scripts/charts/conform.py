"""Manifests against the schemas of Kubernetes' versions and of the CRDs, by kubeconform."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from charts import kubernetes
from charts.places import APPLICATIONS, CHARTS, FOREIGN_KINDS, RAY_KINDS
from lib.errors import UserError
from lib.paths import tool
from lib.shell import run


@cache
def versions() -> list[str]:
    """Versions of Kubernetes that the charts claim to run on and whose schemas are at hand.

    Raises:
        UserError: the charts' kubeVersion differ, or are not of the one form.
    """
    claims = {
        str(yaml.safe_load((CHARTS / chart / "Chart.yaml").read_text())["kubeVersion"])
        for chart in APPLICATIONS
    }
    first = re.fullmatch(r">=1\.(\d+)\.0-0", claims.pop())
    if claims or not first:
        raise UserError("the charts' kubeVersion is not one", 'write ">=1.30.0-0" in each')
    at_hand = (
        re.fullmatch(r"v1\.(\d+)\.0-local-strict", path.name)
        for path in kubernetes.folder().parent.iterdir()
    )
    minors = sorted(int(found[1]) for found in at_hand if found)
    return [f"1.{minor}.0" for minor in minors if minor >= int(first[1])]


def _strict(node: Any) -> Any:
    """A CRD's schema as JSON schema that knows no other fields than it names."""
    if isinstance(node, list):
        return [_strict(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    out = {key: _strict(value) for key, value in node.items() if not key.startswith("x-kubernetes")}
    if node.get("x-kubernetes-int-or-string"):
        out["type"] = ["integer", "string"]
        out.pop("anyOf", None)
    if node.get("nullable") and isinstance(out.get("type"), str):
        out["type"] = [out["type"], "null"]
    if "properties" in out and not node.get("x-kubernetes-preserve-unknown-fields"):
        out["additionalProperties"] = False
    return out


def _write_crd_schemas(folder: Path) -> None:
    """JSON schemas of all versions of all CRDs, as `<kind>-<group>-<version>.json`."""
    for path in sorted((CHARTS / "ray-crds" / "templates").glob("*.yaml")):
        crd = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)["spec"]
        for version in crd["versions"]:
            body = _strict(version["schema"]["openAPIV3Schema"])
            body["properties"]["metadata"] = {"type": "object"}
            kind = str(crd["names"]["kind"]).lower()
            name = f"{kind}-{str(crd['group']).split('.')[0]}-{version['name']}.json"
            (folder / name).write_text(json.dumps(body))


def _write_api_schemas(folder: Path, version: str) -> None:
    """JSON schemas of Kubernetes' own kinds, with references that hold between files."""
    for path in kubernetes.folder(version).glob("*.json"):
        body = json.loads(path.read_text().replace('"/api/_definitions.json', '"_definitions.json'))
        body.pop("$id", None)  # its base is an address, not this folder
        (folder / path.name).write_text(json.dumps(body))


def write_schemas(folder: Path, known: list[str]) -> None:
    """Schemas for `faults`: a folder of CRDs, and one for each version of Kubernetes."""
    for name in ("crds", *known):
        (folder / name).mkdir(parents=True)
    _write_crd_schemas(folder / "crds")
    for version in known:
        _write_api_schemas(folder / version, version)


def faults(
    manifests: Path, schemas: Path, version: str, *, custom_resources: bool = True
) -> list[str]:
    """What is wrong with the manifests in a folder, a line each that begins with the file.

    Args:
        manifests: the folder.
        schemas: what `write_schemas` has made.
        version: of Kubernetes.
        custom_resources: look at Ray's kinds too.
    """
    file = "{{.ResourceKind}}{{.KindSuffix}}.json"
    skipped = (*FOREIGN_KINDS, "CustomResourceDefinition", *(() if custom_resources else RAY_KINDS))
    found = run(
        [
            tool("kubeconform"), "-strict", "-output", "json", "-n", "2",
            "-skip", ",".join(skipped),
            "-schema-location", f"{schemas}/crds/{file}",
            "-schema-location", f"{schemas}/{version}/{file}",
            manifests,
        ],
        check=False,
    )  # fmt: skip
    if found.returncode == 0:
        return []
    said = json.loads(found.stdout or "{}").get("resources", [])
    lines = [
        f"{Path(one['filename']).name}: {one['kind']}/{one['name']}: {one['msg']}"
        for one in said
        if one["status"] in ("statusInvalid", "statusError")
    ]
    return [f"Kubernetes {version}: {line}" for line in lines or found.stderr.splitlines()]
