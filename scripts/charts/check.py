"""Everything about the charts that needs no cluster, in well under a minute.

Generated files are as they would be generated; each chart lints; the unit tests pass; each chart
renders in each scenario, each workload on each environment, and of what is rendered nothing would
be refused: not by the API servers of the oldest and the newest Kubernetes, nor by the operator.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from charts import crds, dashboards, docs, images, schema, values
from charts.conform import faults, versions, write_schemas
from charts.places import (
    APPLICATIONS,
    CHARTS,
    environments,
    examples,
    namespace,
    scenarios,
    workloads,
)
from charts.proof import Proof, Prover
from lib.errors import UserError
from lib.paths import ROOT, TOOLS_BIN, tool
from lib.shell import run

#: Rules of kube-score that are not followed.
SCORE = Path(__file__).with_name("score.yaml")


@dataclass(frozen=True, slots=True)
class Rendering:
    """One thing to render.

    Args:
        chart: the chart's name.
        title: how it is called in messages.
        values: files, merged in this order.
        place: the environment whose values are among them, if one's are.
    """

    chart: str
    title: str
    values: tuple[Path, ...]
    place: str = ""

    def text(self, *options: str) -> str:
        """What `helm template` makes of it, with further options.

        Raises:
            UserError: it does not render.
        """
        values = [word for path in self.values for word in ("--values", str(path))]
        command: list[str | Path] = [tool("helm"), "template", "demo", CHARTS / self.chart]
        where = ["--namespace", namespace(self.chart)]
        try:
            return run([*command, *where, *values, *options]).stdout
        except UserError as error:
            raise UserError(f"{self.title} does not render: {error.message}") from error

    @property
    def texts(self) -> list[str]:
        """Texts of the files."""
        return [path.read_text() for path in self.values]


def renderings() -> Iterator[Rendering]:
    """Every chart by scenario, and every workload by environment."""
    for chart in APPLICATIONS:
        for name, path in scenarios(chart).items():
            yield Rendering(chart, f"{chart}, scenario {name}", (path,))
        for name, path in examples(chart).items():
            yield Rendering(chart, f"{chart}, example {name}", (path,))
    for place, files in environments().items():
        for chart in ("ray-platform", "ray-team", "mlflow"):
            yield Rendering(chart, f"{chart} on {place}", files, place)
        for name, path in workloads().items():
            described = yaml.safe_load(path.with_name("workload.yaml").read_text())
            own = path.with_name(f"values-{place}.yaml")
            values = (*files, path, own) if own.exists() else (*files, path)
            yield Rendering(described["chart"], f"{name} on {place}", values, place)


def drift() -> list[str]:
    """Names of generated files that are not as they would be generated, each with the way out."""
    wrong = []
    generators: dict[str, Callable[[], dict[Path, str]]] = {
        "crds": crds.generated,
        "dashboards": dashboards.generated,
        "values": values.generated,
        "schema": schema.generated,
        "docs": docs.generated,
        "images": images.generated,
    }
    for name, generate in generators.items():
        for path, text in generate().items():
            if not path.exists() or path.read_text() != text:
                wrong.append(f"{path.relative_to(ROOT)} is out of date: python -m charts {name}")
    return wrong


@cache
def proofs(things: tuple[Rendering, ...], version: str) -> tuple[Proof, ...]:
    """What becomes of each thing on a version of Kubernetes."""
    with Prover() as prover:
        return tuple(prover.prove(one.chart, one.texts, kube_version=version) for one in things)


def conform(known: list[str]) -> list[str]:
    """Faults of what the charts render for some versions of Kubernetes, a line each.

    All that is rendered for the last version; for the others what shows each of a chart's objects,
    as its scenarios do, and not the same again with each environment's values.
    """
    wrong = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_schemas(folder / "schemas", known)
        for version in known:
            manifests = folder / f"manifests-{version}"
            manifests.mkdir()
            last = version == known[-1]
            things = tuple(one for one in renderings() if last or not one.place)
            found = zip(things, proofs(things, version), strict=True)
            for number, (one, proof) in enumerate(found):
                if proof.error:
                    wrong.append(f"{one.title} does not render: {proof.error}")
                wrong += [f"{one.title}: {fault}" for fault in proof.faults]
                slug = re.sub(r"[^a-z0-9]+", "-", one.title.lower())
                (manifests / f"{number:02d}-{slug}.yaml").write_text(proof.manifest)
            # The definitions of Ray's kinds are the same for every version.
            wrong += faults(manifests, folder / "schemas", version, custom_resources=last)
    return list(dict.fromkeys(wrong))


def oldest_and_newest() -> list[str]:
    """What `conform` has against the charts on the two ends of what they claim to run on."""
    known = versions()
    return conform([known[0], known[-1]])


def _command(*command: str | Path) -> list[str]:
    done = run(list(command), check=False)
    return [] if done.returncode == 0 else (done.stdout + done.stderr).splitlines()


def score() -> list[str]:
    """What kube-score warns of in what the charts render, the operator's pods included."""
    ignored: dict[str, dict[str, str]] = yaml.safe_load(SCORE.read_text())
    wrong = []
    version = versions()[-1]
    things = tuple(renderings())
    for one, proof in zip(things, proofs(things, version), strict=True):
        places = ("everywhere", one.chart, one.title)
        rules = [rule for place in places for rule in ignored.get(place, ())]
        made = proof.made.replace(f"  namespace: {namespace(one.chart)}\n", "")
        said = run(
            [
                tool("kube-score"), "score", "--kubernetes-version", f"v{version[:-2]}",
                "--ignore-container-cpu-limit", "--exit-one-on-warning",
                "--output-format", "ci", *(f"--ignore-test={rule}" for rule in rules), "-",
            ],
            input_text=proof.manifest + made,
            check=False,
        )  # fmt: skip
        if said.returncode != 0:
            found = re.findall(r"(?m)^\[(?:CRITICAL|WARNING)\].*", said.stdout)
            wrong += [f"{one.title}: {line}" for line in found or [said.stderr]]
    return wrong


def lint() -> list[str]:
    """What `ct lint` has against the charts: `helm lint`, yamllint, and Chart.yaml's schema."""
    path = f"{TOOLS_BIN}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    command = [tool("ct"), "lint", "--config", str(CHARTS / "ct.yaml")]
    done = run(command, cwd=ROOT, env={"PATH": path}, check=False)
    return [] if done.returncode == 0 else (done.stdout + done.stderr).splitlines()


def unit_tests() -> list[str]:
    """What the charts' own unit tests say when they fail."""
    charts = [CHARTS / chart for chart in APPLICATIONS if any((CHARTS / chart / "tests").glob("*"))]
    # Those of the charts in charts/ run for themselves.
    return _command(tool("helm-unittest"), "--strict", "--with-subchart=false", *charts)


CHECKS: dict[str, Callable[[], list[str]]] = {
    "generated files": drift,
    "lint": lint,
    "unit tests": unit_tests,
    "renderings": oldest_and_newest,
    "score": score,
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
