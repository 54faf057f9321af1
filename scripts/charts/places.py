"""The charts, and where they lie."""

from __future__ import annotations

from pathlib import Path

from lib.paths import ROOT

CHARTS = ROOT / "charts"

#: Charts whose values.yaml is annotated, and that may be installed.
APPLICATIONS = (
    "ray-crds",
    "ray-operator",
    "ray-monitoring",
    "ray-storage",
    "ray-platform",
    "ray-team",
    "ray-cluster",
    "ray-job",
    "ray-service",
    "mlflow",
)

#: Charts of the platform, which are installed in the operator's namespace.
PLATFORM = ("ray-crds", "ray-operator", "ray-monitoring", "ray-platform", "mlflow")

#: Those that make a Ray cluster, and share most of their values.
CLUSTERS = ("ray-cluster", "ray-job", "ray-service")

#: Kinds that the operator defines.
RAY_KINDS = ("RayCluster", "RayJob", "RayService", "RayCronJob")

#: Kinds whose definitions are other people's, rendered by an explicit value only.
FOREIGN_KINDS = (
    "PodMonitor",
    "PrometheusRule",
    "AlertmanagerConfig",
    "ServiceMonitor",
    "HTTPRoute",
    "Certificate",
    "LocalQueue",
    "ClusterQueue",
    "ResourceFlavor",
)

ENVIRONMENTS = ROOT / "environments"
WORKLOADS = ROOT / "workloads" / "src" / "rayworks"


def environments() -> dict[str, tuple[Path, ...]]:
    """Values files of each environment, by name: what is fixed, then an example of what is not."""
    found: dict[str, tuple[Path, ...]] = {}
    for path in sorted(ENVIRONMENTS.glob("*/values.yaml")):
        example = path.with_name("example.yaml")
        found[path.parent.name] = (path, example) if example.exists() else (path,)
    return found


def scenarios(chart: str) -> dict[str, Path]:
    """Values file of each scenario of a chart, by name."""
    return {path.stem: path for path in sorted((CHARTS / chart / "ci").glob("*.yaml"))}


def examples(chart: str) -> dict[str, Path]:
    """Values file of each example of a chart, by name."""
    return {path.stem: path for path in sorted((CHARTS / chart / "examples").glob("*.yaml"))}


def workloads() -> dict[str, Path]:
    """Values file of each workload, by the workload's name."""
    found = sorted(WORKLOADS.glob("*/values.yaml"))
    return {path.parent.name.replace("_", "-"): path for path in found}


def namespace(chart: str) -> str:
    """Where a chart is installed when only it is looked at."""
    return "ray-system" if chart in PLATFORM else "team"
