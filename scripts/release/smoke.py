"""A published chart is one that installs: definitions, operator, and a job that ends SUCCEEDED.

From the checkout, or from a registry.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from lib.paths import ROOT, tool
from lib.shell import run
from release.charts import Chart
from release.registry import Registry

SYSTEM = "ray-system"
NAMESPACE = "rayworks-smoke"


def _source(chart: str, registry: Registry | None) -> list[str | Path]:
    folder = ROOT / "charts" / chart
    if registry is None:
        return [folder]
    plain = ["--plain-http"] if registry.plain else []
    version = Chart(folder).version
    return [f"oci://{registry.address}/charts/{chart}", "--version", version, *plain]


def _helm(kubeconfig: Path | None) -> list[str | Path]:
    command: list[str | Path] = [tool("helm")]
    return [*command, "--kubeconfig", kubeconfig] if kubeconfig else command


def smoke(
    registry: Registry | None = None,
    values: Sequence[Path] = (),
    kubeconfig: Path | None = None,
) -> None:
    """Install KubeRay, run a job of the chart's own, and look at its end.

    Args:
        registry: where the charts come from; the checkout without.
        values: what the environment says (`global.ray`), for all three charts.
        kubeconfig: of the cluster; the current one without.

    Raises:
        UserError: something was not installed, or the job did not end SUCCEEDED.
    """
    given = [word for path in values for word in ("--values", str(path))]

    def install(name: str, namespace: str, *words: str) -> None:
        begun = time.monotonic()
        command = [*_helm(kubeconfig), "upgrade", name, *_source(name, registry), "--install"]
        command += ["--namespace", namespace, "--create-namespace", *words]
        run(command, timeout=900)
        print(f"installed {name} in {time.monotonic() - begun:.0f} s", flush=True)

    install("ray-crds", SYSTEM)
    # Helm 4 waits for custom resources too, in a form that Ray's objects do not have.
    install("ray-operator", SYSTEM, "--wait=legacy", "--timeout=10m", *given)
    install("ray-job", NAMESPACE, *given)
    begun = time.monotonic()
    # The chart's own test waits for the job, and fails with what it says.
    test = [*_helm(kubeconfig), "test", "ray-job", "--namespace", NAMESPACE]
    run([*test, "--logs", "--timeout=15m"], timeout=1000)
    print(f"ray-job SUCCEEDED in {time.monotonic() - begun:.0f} s", flush=True)


def remove(kubeconfig: Path | None = None) -> None:
    """Take the job away; the platform stays."""
    command = [*_helm(kubeconfig), "uninstall", "ray-job", "--namespace", NAMESPACE, "--wait"]
    run(command, timeout=600)
