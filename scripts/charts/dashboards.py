"""Grafana's dashboards of ray-monitoring: Ray's own, from the pinned version, and ours.

Minified: a ConfigMap holds 1 MiB, and `kubectl apply` keeps a copy of at most 256 KiB in an
annotation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charts.places import CHARTS
from lib.errors import UserError

FOLDER = CHARTS / "ray-monitoring" / "files" / "dashboards"

Json = dict[str, Any]

#: The generators of Ray's dashboards by our name of each.
_RAYS = {
    "ray-default": "default",
    "ray-data": "data",
    "ray-train": "train",
    "ray-serve": "serve",
    "ray-serve-deployment": "serve_deployment",
    "ray-serve-llm": "serve_llm",
    "ray-serve-llm-sglang": "serve_llm_sglang",
    "ray-data-llm": "data_llm",
}


@dataclass(frozen=True, slots=True)
class Panel:
    """A graph or a table.

    Args:
        title: what it shows.
        unit: Grafana's name of the unit.
        queries: PromQL by legend; a table has one.
        stacked: areas on top of each other.
        table: the latest values, a row for each series.
    """

    title: str
    unit: str
    queries: Mapping[str, str]
    stacked: bool = False
    table: bool = False

    def json(self, number: int, x: int, y: int) -> Json:
        """As Grafana has it, at a place of its grid of 24 columns."""
        targets = [
            {
                "refId": chr(ord("A") + at),
                "expr": query,
                "legendFormat": legend,
                **({"format": "table", "instant": True} if self.table else {}),
            }
            for at, (legend, query) in enumerate(self.queries.items())
        ]
        graph: Json = {"fillOpacity": 10, "showPoints": "never"}
        if self.stacked:
            graph |= {"fillOpacity": 60, "stacking": {"mode": "normal"}}
        panel: Json = {
            "id": number,
            "type": "table" if self.table else "timeseries",
            "title": self.title,
            "datasource": {"type": "prometheus", "uid": "${datasource}"},
            "gridPos": {"x": x, "y": y, "w": 12, "h": 8},
            "targets": targets,
            "fieldConfig": {
                "defaults": {"unit": self.unit, **({} if self.table else {"custom": graph})},
                "overrides": [],
            },
        }
        if self.table:
            hidden = {"excludeByName": {"Time": True}}
            panel["transformations"] = [{"id": "organize", "options": hidden}]
        else:
            panel["fieldConfig"]["defaults"]["min"] = 0
            panel["options"] = {"tooltip": {"mode": "multi", "sort": "desc"}}
        return panel


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One of ours: rows of panels by title, for chosen namespaces and clusters."""

    title: str
    rows: Mapping[str, tuple[Panel, ...]]

    def json(self, name: str) -> Json:
        """As Grafana has it."""
        panels: list[Json] = []
        y = 0
        for title, row in self.rows.items():
            place = {"x": 0, "y": y, "w": 24, "h": 1}
            panels.append(
                {"id": len(panels) + 1, "type": "row", "title": title, "gridPos": place}
                | {"collapsed": False, "panels": []}
            )
            y += 1
            for at, panel in enumerate(row):
                panels.append(panel.json(len(panels) + 1, 12 * (at % 2), y + 8 * (at // 2)))
            y += 8 * ((len(row) + 1) // 2)
        return {
            "uid": f"rayworks-{name}",
            "title": self.title,
            "tags": ["ray", "rayworks"],
            "schemaVersion": 39,
            "editable": True,
            "graphTooltip": 1,
            "time": {"from": "now-3h", "to": "now"},
            "refresh": "1m",
            "templating": {
                "list": [
                    {"name": "datasource", "type": "datasource", "query": "prometheus"},
                    _variable("namespace", 'label_values(up{job="ray-head"}, namespace)'),
                    _variable(
                        "cluster",
                        'label_values(up{job="ray-head", namespace=~"$namespace"}, ray_io_cluster)',
                    ),
                ]
            },
            "panels": panels,
        }


def _variable(name: str, query: str) -> Json:
    return {
        "name": name,
        "type": "query",
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "definition": query,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


#: What a dashboard's variables choose: series of Ray's, and of the operator's.
_CLUSTER = 'namespace=~"$namespace", ray_io_cluster=~"$cluster"'
_OBJECT = 'namespace=~"$namespace"'
_BY = "namespace, ray_io_cluster"
_NAME = "{{namespace}}/{{ray_io_cluster}}"
_POD = "{{namespace}}/{{pod}}"


def _latency(share: float) -> str:
    rate = f"rate(ray_serve_http_request_latency_ms_bucket{{{_CLUSTER}}}[$__rate_interval])"
    return f"histogram_quantile({share}, sum by (application, le) ({rate})) / 1000"


def _used(resource: str) -> str:
    """Share of a resource that tasks and actors hold, for each cluster."""
    chosen = f'Name="{resource}", {_CLUSTER}'
    used = f'sum by ({_BY}) (ray_resources{{State="USED", {chosen}}})'
    return f"{used} / sum by ({_BY}) (ray_resources{{{chosen}}})"


OURS: Mapping[str, Dashboard] = {
    "jobs": Dashboard(
        "Ray jobs and clusters",
        {
            "Jobs": (
                Panel(
                    "Jobs by state",
                    "none",
                    {
                        "{{deployment_status}}": "count by (deployment_status)"
                        f" (kuberay_job_deployment_status{{{_OBJECT}}})"
                    },
                    stacked=True,
                ),
                Panel(
                    "Alerts that fire",
                    "none",
                    {
                        "{{alertname}}": "count by (alertname)"
                        ' (ALERTS{alertname=~"Ray.+", alertstate="firing"}) or vector(0)'
                    },
                    stacked=True,
                ),
                Panel(
                    "State of each job",
                    "none",
                    {
                        "": "max by (namespace, name, deployment_status)"
                        f" (kuberay_job_deployment_status{{{_OBJECT}}})"
                    },
                    table=True,
                ),
                Panel(
                    "How long jobs took",
                    "s",
                    {
                        "": "max by (namespace, name, job_deployment_status)"
                        f" (kuberay_job_execution_duration_seconds{{{_OBJECT}}})"
                    },
                    table=True,
                ),
            ),
            "Clusters": (
                Panel(
                    "Nodes that answer",
                    "none",
                    {
                        f"{_NAME} {{{{job}}}}": f"sum by ({_BY}, job)"
                        f' (up{{job=~"ray-(head|worker)", endpoint="metrics", {_CLUSTER}}})'
                    },
                    stacked=True,
                ),
                Panel(
                    "Time until all pods were ready",
                    "s",
                    {
                        "": "max by (namespace, name)"
                        f" (kuberay_cluster_provisioned_duration_seconds{{{_OBJECT}}})"
                    },
                    table=True,
                ),
                Panel("CPUs that tasks and actors hold", "percentunit", {_NAME: _used("CPU")}),
                Panel(
                    "Work of the CPUs",
                    "percent",
                    {_POD: f"max by (namespace, pod) (ray_node_cpu_utilization{{{_CLUSTER}}})"},
                ),
                Panel(
                    "Memory",
                    "percentunit",
                    {
                        _POD: "max by (namespace, pod) (ray_node_mem_used"
                        f"{{{_CLUSTER}}} / ray_node_mem_total{{{_CLUSTER}}})"
                    },
                ),
                Panel(
                    "Object store",
                    "percentunit",
                    {_POD: f"ray:object_store_used:ratio{{{_CLUSTER}}}"},
                ),
                Panel("Disk", "percentunit", {_POD: f"ray:disk_used:ratio{{{_CLUSTER}}}"}),
                Panel(
                    "Objects on disk for want of memory",
                    "bytes",
                    {
                        _POD: "sum by (namespace, pod)"
                        f' (ray_spill_manager_objects_bytes{{State="Spilled", {_CLUSTER}}})'
                    },
                    stacked=True,
                ),
                Panel(
                    "Tasks",
                    "none",
                    {
                        "{{State}}": "clamp_min(sum by (State)"
                        f' (ray_tasks{{State!~"FINISHED|FAILED", {_CLUSTER}}}), 0)'
                    },
                    stacked=True,
                ),
                Panel(
                    "Actors",
                    "none",
                    {
                        "{{State}}": "sum by (State)"
                        f' (ray_actors{{Source="gcs", State!="DEAD", {_CLUSTER}}})'
                    },
                    stacked=True,
                ),
                Panel(
                    "Workers that were lost",
                    "none",
                    {
                        "killed by Ray for want of memory": "sum"
                        f" (ray_memory_manager_worker_eviction_total{{{_CLUSTER}}}) or vector(0)",
                        "died": "sum (ray_node_manager_unexpected_worker_failure_total"
                        f"{{{_CLUSTER}}}) or vector(0)",
                    },
                ),
                Panel(
                    "Nodes that the autoscaler waits for",
                    "none",
                    {_NAME: f"sum by ({_BY}) (autoscaler_pending_nodes{{{_CLUSTER}}})"},
                ),
            ),
            "Operator": (
                Panel(
                    "Work",
                    "ops",
                    {
                        "{{controller}} {{result}}": "sum by (controller, result) (rate("
                        'controller_runtime_reconcile_total{job="ray-operator"}[$__rate_interval]))'
                    },
                    stacked=True,
                ),
                Panel(
                    "Failures",
                    "ops",
                    {
                        "{{controller}}": "sum by (controller)"
                        " (rate(controller_runtime_reconcile_errors_total"
                        '{job="ray-operator"}[$__rate_interval]))'
                    },
                    stacked=True,
                ),
                Panel(
                    "Time that 99 of 100 rounds take",
                    "s",
                    {
                        "{{controller}}": "histogram_quantile(0.99, sum by (controller, le)"
                        " (rate(controller_runtime_reconcile_time_seconds_bucket"
                        '{job="ray-operator"}[$__rate_interval])))'
                    },
                ),
                Panel(
                    "Objects that wait",
                    "none",
                    {"{{name}}": 'sum by (name) (workqueue_depth{job="ray-operator"})'},
                    stacked=True,
                ),
            ),
        },
    ),
    "services": Dashboard(
        "Ray services",
        {
            "Services": (
                Panel(
                    "Ready",
                    "bool",
                    {
                        "{{namespace}}/{{name}}": "max by (namespace, name)"
                        f' (kuberay_service_condition_ready{{condition="true", {_OBJECT}}})'
                        f" or max by (namespace, name) (kuberay_service_info{{{_OBJECT}}}) * 0"
                    },
                ),
                Panel(
                    "Replaced by a new cluster",
                    "bool",
                    {
                        "{{namespace}}/{{name}}": "max by (namespace, name)"
                        " (kuberay_service_condition_upgrade_in_progress"
                        f'{{condition="true", {_OBJECT}}})'
                        f" or max by (namespace, name) (kuberay_service_info{{{_OBJECT}}}) * 0"
                    },
                ),
            ),
            "Requests": (
                Panel(
                    "Requests",
                    "reqps",
                    {
                        "{{application}} {{route}}": "sum by (application, route) (rate("
                        f"ray_serve_num_http_requests_total{{{_CLUSTER}}}[$__rate_interval]))"
                    },
                    stacked=True,
                ),
                Panel(
                    "Answered with an error of the service, 5xx",
                    "percentunit",
                    {
                        "{{application}}": f"ray:serve_http_errors:ratio5m{{{_CLUSTER}}} or"
                        " ray:serve_http_latency_seconds:p99_5m"
                        f"{{{_CLUSTER}}} * 0"
                    },
                ),
                Panel(
                    "Time to answer",
                    "s",
                    {
                        f"{{{{application}}}} {name}": _latency(share)
                        for name, share in (("half", 0.5), ("95 %", 0.95), ("99 %", 0.99))
                    },
                ),
                Panel(
                    "Requests in work",
                    "none",
                    {
                        "{{deployment}} in replicas": "sum by (deployment)"
                        f" (ray_serve_replica_processing_queries{{{_CLUSTER}}})",
                        "{{deployment}} waiting": "sum by (deployment)"
                        f" (ray_serve_deployment_queued_queries{{{_CLUSTER}}})",
                    },
                    stacked=True,
                ),
            ),
            "Replicas": (
                Panel(
                    "Healthy replicas",
                    "none",
                    {
                        "{{application}} {{deployment}}": "sum by (application, deployment)"
                        f" (ray_serve_deployment_replica_healthy{{{_CLUSTER}}})"
                    },
                    stacked=True,
                ),
                Panel(
                    "Use of replicas",
                    "percent",
                    {
                        "{{application}} {{deployment}}": "avg by (application, deployment)"
                        f" (ray_serve_replica_utilization_percent{{{_CLUSTER}}})"
                    },
                ),
            ),
        },
    ),
    "gpus": Dashboard(
        "Ray use of GPUs",
        {
            "Who has them": (
                Panel(
                    "GPUs that Ray counts",
                    "none",
                    {_NAME: f'sum by ({_BY}) (ray_resources{{Name="GPU", {_CLUSTER}}})'},
                    stacked=True,
                ),
                Panel("GPUs that tasks and actors hold", "percentunit", {_NAME: _used("GPU")}),
                Panel(
                    "GPUs that did nothing for an hour",
                    "none",
                    {
                        _NAME: f"count by ({_BY}) (avg_over_time"
                        f"(ray_node_gpus_utilization{{{_CLUSTER}}}[1h]) < 5)"
                    },
                    stacked=True,
                ),
                Panel(
                    "Work by cluster",
                    "percent",
                    {_NAME: f"avg by ({_BY}) (ray_node_gpus_utilization{{{_CLUSTER}}})"},
                ),
            ),
            "Each GPU": tuple(
                Panel(
                    title,
                    unit,
                    {
                        f"{_POD} {{{{GpuIndex}}}} {{{{GpuDeviceName}}}}": "max by"
                        f" (namespace, pod, GpuIndex, GpuDeviceName) ({query})"
                    },
                )
                for title, unit, query in (
                    ("Work", "percent", f"ray_node_gpus_utilization{{{_CLUSTER}}}"),
                    (
                        "Memory",
                        "percentunit",
                        f"ray_node_gram_used{{{_CLUSTER}}} / (ray_node_gram_used{{{_CLUSTER}}}"
                        f" + ray_node_gram_available{{{_CLUSTER}}})",
                    ),
                    ("Power", "watt", f"ray_node_gpu_power_milliwatts{{{_CLUSTER}}} / 1000"),
                    ("Temperature", "celsius", f"ray_node_gpu_temperature_celsius{{{_CLUSTER}}}"),
                )
            ),
        },
    ),
    "cost": Dashboard(
        "Ray cost",
        {
            "At the prices in the chart's values": (
                Panel(
                    "By namespace, an hour",
                    "short",
                    {"{{namespace}}": f"sum by (namespace) (ray:cost:per_hour{{{_CLUSTER}}})"},
                    stacked=True,
                ),
                Panel(
                    "By resource, an hour",
                    "short",
                    {"{{Name}}": f"sum by (Name) (ray:cost:per_hour{{{_CLUSTER}}})"},
                    stacked=True,
                ),
                Panel(
                    "Of each cluster in the time shown",
                    "short",
                    {
                        "": f"sum by ({_BY}) (sum_over_time"
                        f"(ray:cost:per_hour{{{_CLUSTER}}}[$__range:1m])) / 60"
                    },
                    table=True,
                ),
                Panel(
                    "CPUs and GPUs that nothing holds, an hour",
                    "short",
                    {
                        f"{_NAME} {resource}": f"sum by ({_BY})"
                        f' (ray:cost:per_hour{{Name="{resource}", {_CLUSTER}}})'
                        f" * (1 - {_used(resource)})"
                        for resource in ("CPU", "GPU")
                    },
                    stacked=True,
                ),
            ),
        },
    ),
}


def _minified(dashboard: Json) -> str:
    return json.dumps(dashboard, separators=(",", ":"), ensure_ascii=False) + "\n"


def generated() -> dict[Path, str]:
    """Every dashboard and what it should hold.

    Raises:
        UserError: the chart says that it is for another version of Ray than the one installed.
    """
    # Late: it takes seconds.
    import ray
    from ray.dashboard.modules.metrics import grafana_dashboard_factory as factory

    chart = (CHARTS / "ray-monitoring" / "Chart.yaml").read_text()
    if not re.search(rf"(?m)^appVersion: {re.escape(ray.__version__)}$", chart):
        raise UserError(
            "charts/ray-monitoring/Chart.yaml: appVersion is not the installed Ray's",
            f"set it to {ray.__version__}",
        )
    files = {name: dashboard.json(name) for name, dashboard in OURS.items()}
    for name, theirs in _RAYS.items():
        text, _uid = getattr(factory, f"generate_{theirs}_grafana_dashboard")()
        files[name] = json.loads(text)
    return {FOLDER / f"{name}.json": _minified(dashboard) for name, dashboard in files.items()}


@dataclass(frozen=True, slots=True)
class Query:
    """A query of a panel, with every variable of the dashboard at "all"."""

    dashboard: str
    panel: str
    expression: str


_VARIABLE = re.compile(r"\$(\w+|\{\w+(:\w+)?\})")


def queries() -> Iterator[Query]:
    """Every query of every dashboard in the chart, as Grafana would send it."""
    durations = {"rate_interval": "1m", "interval": "1m", "range": "30m", "window": "1m"}
    for path in sorted(FOLDER.glob("*.json")):
        rows = json.loads(path.read_text())["panels"]
        for panel in (inner for row in rows for inner in (row, *row.get("panels", []))):
            for target in panel.get("targets", []):
                expression = _VARIABLE.sub(
                    lambda found: durations.get(found[1].strip("{}").strip("_"), ".*"),
                    target["expr"],
                )
                yield Query(path.stem, panel["title"], expression)
