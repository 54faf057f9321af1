"""Everything about the charts that needs no cluster, in well under a minute.

Generated files are as they would be generated; each chart lints; the unit tests pass; each chart
renders in each scenario, each workload on each environment, and what is rendered satisfies the
schemas of Kubernetes and of the CRDs.
"""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from charts import crds, docs, kubernetes, schema, values
from charts.places import (
    APPLICATIONS,
    CHARTS,
    PLATFORM,
    environments,
    examples,
    scenarios,
    workloads,
)
from lib.errors import UserError
from lib.paths import ROOT, tool
from lib.shell import run

#: Kinds whose schemas are other people's, rendered by an explicit value only.
FOREIGN_KINDS = (
    "PodMonitor",
    "ServiceMonitor",
    "HTTPRoute",
    "Certificate",
    "LocalQueue",
    "ClusterQueue",
    "ResourceFlavor",
)


@dataclass(frozen=True, slots=True)
class Rendering:
    """One thing to render.

    Args:
        chart: the chart's name.
        title: how it is called in messages.
        values: files, merged in this order.
    """

    chart: str
    title: str
    values: tuple[Path, ...]

    def text(self) -> str:
        """What `helm template` makes of it.

        Raises:
            UserError: it does not render.
        """
        return self.helm("template")

    def helm(self, *command: str) -> str:
        """What a command of Helm makes of it as a release `demo`.

        Raises:
            UserError: it does not render.
        """
        values = [word for path in self.values for word in ("--values", str(path))]
        place = "ray-system" if self.chart in PLATFORM else "team"
        verb, *options = command
        try:
            return run(
                [tool("helm"), verb, "demo", CHARTS / self.chart, "-n", place, *options, *values]
            ).stdout
        except UserError as error:
            raise UserError(f"{self.title} does not render: {error.message}") from error


def renderings() -> Iterator[Rendering]:
    """Every chart by scenario, and every workload by environment."""
    for chart in APPLICATIONS:
        for name, path in scenarios(chart).items():
            yield Rendering(chart, f"{chart}, scenario {name}", (path,))
        for name, path in examples(chart).items():
            yield Rendering(chart, f"{chart}, example {name}", (path,))
    for place, file in environments().items():
        for chart in ("ray-platform", "ray-team"):
            yield Rendering(chart, f"{chart} on {place}", (file,))
        for name, path in workloads().items():
            described = yaml.safe_load(path.with_name("workload.yaml").read_text())
            own = path.with_name(f"values-{place}.yaml")
            files = (file, path, own) if own.exists() else (file, path)
            yield Rendering(described["chart"], f"{name} on {place}", files)


def drift() -> list[str]:
    """Names of generated files that are not as they would be generated, each with the way out."""
    wrong = []
    generators: dict[str, Callable[[], dict[Path, str]]] = {
        "crds": crds.generated,
        "values": values.generated,
        "schema": schema.generated,
        "docs": docs.generated,
    }
    for name, generate in generators.items():
        for path, text in generate().items():
            if not path.exists() or path.read_text() != text:
                wrong.append(f"{path.relative_to(ROOT)} is out of date: python -m charts {name}")
    return wrong


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


def write_crd_schemas(folder: Path) -> None:
    """JSON schemas of all versions of all CRDs, as `<kind>-<group>-<version>.json`."""
    for path in sorted((CHARTS / "ray-crds" / "templates").glob("*.yaml")):
        crd = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)["spec"]
        for version in crd["versions"]:
            body = _strict(version["schema"]["openAPIV3Schema"])
            body["properties"]["metadata"] = {"type": "object"}
            kind = str(crd["names"]["kind"]).lower()
            name = f"{kind}-{str(crd['group']).split('.')[0]}-{version['name']}.json"
            (folder / name).write_text(json.dumps(body))


def write_api_schemas(folder: Path) -> None:
    """JSON schemas of Kubernetes' own kinds, with references that hold between files."""
    for path in kubernetes.folder().glob("*.json"):
        body = json.loads(path.read_text().replace('"/api/_definitions.json', '"_definitions.json'))
        body.pop("$id", None)  # its base is an address, not this folder
        (folder / path.name).write_text(json.dumps(body))


def conform() -> list[str]:
    """Faults of what the charts render, a line each."""
    wrong = []
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(2) as pool:
        folder = Path(name)
        (folder / "schemas").mkdir()
        write_api_schemas(folder / "schemas")
        write_crd_schemas(folder / "schemas")
        todo = list(renderings())
        for number, (one, said) in enumerate(zip(todo, pool.map(_rendered, todo), strict=True)):
            if isinstance(said, UserError):
                wrong.append(said.message)
                continue
            slug = re.sub(r"[^a-z0-9]+", "-", one.title.lower())
            (folder / f"{number:02d}-{slug}.yaml").write_text(said)
        found = run(
            [
                tool("kubeconform"), "-strict", "-summary", "-output", "text",
                "-skip", ",".join(FOREIGN_KINDS) + ",CustomResourceDefinition",
                "-schema-location",
                f"{folder}/schemas/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json",
                *sorted(folder.glob("*.yaml")),
            ],
            check=False,
        )  # fmt: skip
        if found.returncode != 0:
            wrong += [line for line in found.stdout.splitlines() if "Summary:" not in line]
            wrong += found.stderr.splitlines()
    return wrong


def _rendered(one: Rendering) -> str | UserError:
    try:
        return one.text()
    except UserError as error:
        return error


def _command(*command: str | Path) -> list[str]:
    done = run(list(command), check=False)
    return [] if done.returncode == 0 else (done.stdout + done.stderr).splitlines()


def lint() -> list[str]:
    """What `helm lint` has against a chart."""
    return [
        line
        for chart in APPLICATIONS
        for line in _command(tool("helm"), "lint", "--strict", "--quiet", CHARTS / chart)
    ]


def unit_tests() -> list[str]:
    """What the charts' own unit tests say when they fail."""
    charts = [CHARTS / chart for chart in APPLICATIONS if any((CHARTS / chart / "tests").glob("*"))]
    # Those of the charts in charts/ run for themselves.
    return _command(tool("helm-unittest"), "--strict", "--with-subchart=false", *charts)


CHECKS: dict[str, Callable[[], list[str]]] = {
    "generated files": drift,
    "lint": lint,
    "unit tests": unit_tests,
    "renderings": conform,
}


def main() -> None:
    """Run all checks, and say which failed.

    Raises:
        UserError: at least one failed.
    """
    failed = []
    for name, check in CHECKS.items():
        begun = time.monotonic()
        wrong = check()
        mark = "✗" if wrong else "✓"
        print(f"{mark} {name:<18} {time.monotonic() - begun:5.1f} s", flush=True)
        for line in wrong:
            print(f"    {line}")
        failed += [name] if wrong else []
    if failed:
        raise UserError(f"charts: {', '.join(failed)}")
