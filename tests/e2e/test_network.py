"""Everything at once where nobody gets out but to what the charts name: it works, and no more.

Operator, Prometheus and MLflow, and a service that scales, keeps its state in Redis and logs to
MLflow, all with restricted egress. Three minutes.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from connections import PORT, Place, Row, address, peer, started, wrong
from support import (
    NO_STORAGE,
    Deployed,
    Prometheus,
    eventually,
    installed,
    make,
    pods,
    release,
)
from upstream import Helm

from deploy.environments import environment
from deploy.platform import MONITORING, NAMESPACE, Platform
from deploy.workloads import merge
from lib.kube import Kube, condition, namespace_object
from local import images

pytestmark = pytest.mark.full

SPACE = "shut"
MLFLOW = f"{SPACE}-mlflow"
ELSEWHERE = f"{SPACE}-elsewhere"
RESTRICTED = {"network": {"egress": "restricted"}}

#: 8000 is Serve, 6379 the GCS or Redis, 5000 MLflow, 8265 the dashboard; nobody listens on 80 and
#: 443 of the peers.
CONNECTIONS = [
    Row("namespace", "head", 8000, "open"),
    Row("namespace", "worker", 8000, "open"),
    Row("elsewhere", "head", 8000, "blocked"),
    Row("elsewhere", "worker", 8000, "blocked"),
    Row("ray-system", "head", 8000, "open"),
    Row("ray-system", "head", 8265, "open"),
    Row("ray-system", "head", 6379, "blocked"),
    Row("head", "redis", 6379, "open"),
    Row("worker", "redis", 6379, "open"),
    Row("namespace", "redis", 6379, "blocked"),
    Row("ray-system", "redis", 6379, "blocked"),
    Row("head", "mlflow", 5000, "open"),
    Row("worker", "mlflow", 5000, "open"),
    Row("namespace", "mlflow", 5000, "blocked"),
    Row("ray-system", "mlflow", 5000, "blocked"),
    Row("head", "dns", 53, "open"),
    Row("worker", "dns", "53/udp", "open"),
    # the autoscaler asks it
    Row("head", "api", 443, "open"),
    # an endpoint of tokens, and what HTTPS to the outside does not mean
    Row("worker", "tokens", 80, "refused"),
    Row("worker", "tokens", 443, "blocked"),
    Row("worker", "tokens", PORT, "blocked"),
    # a range of addresses of the environment's
    Row("worker", "granted", PORT, "open"),
    Row("worker", "elsewhere", PORT, "blocked"),
    Row("head", "elsewhere", PORT, "blocked"),
    Row("mlflow", "dns", "53/udp", "open"),
    Row("mlflow", "elsewhere", PORT, "blocked"),
    Row("mlflow", "api", 443, "blocked"),
    # nobody holds the peers back: what is blocked above is blocked by the policies
    Row("elsewhere", "tokens", 443, "refused"),
    Row("elsewhere", "tokens", PORT, "open"),
    Row("namespace", "elsewhere", PORT, "open"),
    Row("elsewhere", "api", 443, "open"),
]

#: Logs a run with an artifact, and reads both back.
LOG = """
    import mlflow
    mlflow.set_experiment("shut")
    with mlflow.start_run() as run:
        mlflow.log_param("lr", 0.1)
        mlflow.log_text("kept", "note.txt")
    found = mlflow.get_run(run.info.run_id)
    assert found.data.params == {"lr": "0.1"}
    print(mlflow.artifacts.load_text(found.info.artifact_uri + "/note.txt"))
"""

#: Two replicas that one worker has no room for.
APPLICATION = {
    "import_path": "rayworks.hello_service.app:app",
    "deployments": {"Hello": {"num_replicas": 2, "ray_actor_options": {"num_cpus": 0.6}}},
}


def service(tokens: str, granted: str) -> dict[str, Any]:
    """Values of the service; addresses of peers that it may reach."""
    return {
        "global": {
            "ray": {
                "network": {
                    "egress": "restricted",
                    "tokenEndpoints": [f"{tokens}/32"],
                    "egressCidrs": [f"{granted}/32"],
                },
                "mlflow": {
                    "trackingUri": f"http://{MLFLOW}.{MLFLOW}.svc:5000",
                    "credentialsSecret": "mlflow",
                },
            }
        },
        "serveConfig": {"applications": {"hello": APPLICATION}},
        "autoscaling": {"enabled": True},
        "workers": {"web": {"replicas": 1, "minReplicas": 1, "maxReplicas": 2}},
        "gcsFaultTolerance": {"enabled": True, "redis": {"create": True}},
        "networkPolicy": {"https": True},
    }


@pytest.fixture(scope="module")
def kube(deployed: Deployed) -> Iterator[Kube]:
    """The cluster, with a platform that gets out to nothing but what it needs."""
    assert make("remove", "WORKLOAD=fashion-mnist").returncode == 0
    platform = Platform(environment("local"))
    try:
        for release in (platform.operator, platform.monitoring):
            replace(release, settings=(("global.ray.network.egress", "restricted"),)).upgrade()
            words = ("rollout", "status", f"deployment/{release.name}", "--timeout=180s")
            deployed.kube.run(*words, namespace=NAMESPACE, timeout=200)
        yield deployed.kube
    finally:
        platform.action(print)


@pytest.fixture(scope="module")
def places(kube: Kube) -> Iterator[dict[str, Place]]:
    """The service once both of its workers are there, MLflow, Redis and the peers, by name."""
    peers = {
        "namespace": Place("peer-namespace", SPACE),
        "elsewhere": Place("peer-elsewhere", ELSEWHERE),
        "tokens": Place("peer-tokens", ELSEWHERE),
        "granted": Place("peer-granted", ELSEWHERE),
        "ray-system": Place("peer-ray-system", NAMESPACE),
    }
    image = str(images.reference("ray"))
    with ExitStack() as stack:
        for space in (ELSEWHERE, SPACE):
            kube.apply(namespace_object(space))
            stack.callback(
                kube.run, "delete", "namespace", space, "--ignore-not-found", timeout=300
            )
        words = ("delete", "pod", "peer-ray-system", "--ignore-not-found")
        stack.callback(kube.run, *words, namespace=NAMESPACE)
        kube.apply(*(peer(name, place.namespace, image) for name, place in peers.items()))

        small = {"persistence": {"size": "1Gi"}, "backup": {"enabled": False}}
        resources = {"resources": {"requests": {"cpu": "50m", "memory": "512Mi"}}}
        tracking = {"global": {"ray": RESTRICTED}, **small, **resources}
        stack.enter_context(installed(kube, "mlflow", MLFLOW, tracking))
        kube.run(
            "rollout", "status", f"deployment/{MLFLOW}", "--timeout=300s",
            namespace=MLFLOW, timeout=320,
        )  # fmt: skip
        kube.apply(credentials(kube))
        started(kube, *peers.values())
        values = service(address(kube, peers["tokens"]), address(kube, peers["granted"]))
        stack.enter_context(installed(kube, "ray-service", SPACE, values))
        # the second has come by demand
        eventually(lambda: len(pods(kube, SPACE, "worker")) == 2, 400, "two workers")

        def only(selector: str, space: str) -> Place:
            (found,) = kube.list("pods", space, selector)
            return Place(str(found["metadata"]["name"]), space)

        (head,) = pods(kube, SPACE, "head")
        yield {
            "head": Place(head, SPACE),
            "worker": Place(pods(kube, SPACE, "worker")[0], SPACE),
            "redis": only("app.kubernetes.io/component=redis", SPACE),
            "mlflow": only("app.kubernetes.io/component=mlflow", MLFLOW),
            **peers,
        }


def credentials(kube: Kube) -> dict[str, Any]:
    """The administrator of MLflow, for the service."""
    found = kube.find("secret", f"{MLFLOW}-admin", MLFLOW)
    assert found
    login = {key: found["data"][key] for key in ("username", "password")}
    metadata = {"name": "mlflow", "namespace": SPACE}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": login}


def test_the_service_is_ready_and_answers(kube: Kube, places: dict[str, Place]) -> None:
    def ready() -> bool:
        (found,) = kube.list("rayservices", SPACE)
        return condition(found, "Ready")

    eventually(ready, 120, "the operator finds the service ready")
    program = """
        import json, urllib.request
        for _ in range(20):
            with urllib.request.urlopen("http://shut-serve-svc:8000/?name=Ada", timeout=20) as said:
                assert json.load(said)["message"] == "Hello, Ada"
        print("answered")
    """
    words = ("exec", "peer-namespace", "--", "python", "-c", textwrap.dedent(program))
    assert "answered" in kube.run(*words, namespace=SPACE)


def test_a_run_is_logged_to_mlflow(kube: Kube, places: dict[str, Place]) -> None:
    for name in ("head", "worker"):
        pod, space = places[name]
        words = ("exec", pod, "--", "python", "-c", textwrap.dedent(LOG))
        assert kube.run(*words, namespace=space, timeout=120).split()[-1] == "kept"


def test_prometheus_reaches_its_targets(kube: Kube, places: dict[str, Place]) -> None:
    wanted = {
        *(("ray-head", port) for port in ("metrics", "as-metrics", "dash-metrics")),
        ("ray-worker", "metrics"),
    }
    with kube.forwarded(f"deployment/{MONITORING}", 9090, NAMESPACE) as forwarded:
        prometheus = Prometheus(forwarded.url)

        def up() -> bool:
            found = prometheus.get("targets", state="active")["activeTargets"]
            own = [one for one in found if one["labels"].get("namespace") == SPACE]
            there = {(one["labels"]["job"], one["labels"].get("endpoint")) for one in own}
            operator = [one for one in found if one["labels"]["job"] == "ray-operator"]
            return (
                wanted <= there
                and bool(operator)
                and all(one["health"] == "up" for one in [*own, *operator])
            )

        eventually(up, 120, f"all of {sorted(wanted)}, and the operator")


def test_the_policies_let_through_what_the_table_says(kube: Kube, places: dict[str, Place]) -> None:
    (dns,) = kube.list("pods", "kube-system", "k8s-app=kube-dns")
    others = {"api": "kubernetes.default.svc", "dns": dns["status"]["podIP"]}
    assert wrong(kube, places, others, CONNECTIONS) == []


def test_a_team_that_nobody_gets_out_of_runs_its_schedule(kube: Kube, tmp_path: Path) -> None:
    space = f"{SPACE}-team"
    values = {
        "global": {"ray": RESTRICTED},
        "auth": {"existingSecret": "ray-token"},
        "head": {"rayStartParams": {"num-cpus": 1}},
        "workers": {"default": {"enabled": False}},
        "job": {
            "entrypoint": "echo said",
            "scaling": {"numWorkers": 1},
            "schedule": {"cron": "0 0 1 1 *"},
        },
    }
    team = release("ray-team", NAMESPACE, {"global": {"ray": RESTRICTED}}, tmp_path)
    team = replace(team, name=space)
    schedule = replace(release("ray-job", space, merge(NO_STORAGE, values), tmp_path), name="job")

    def succeeded() -> bool:
        found = [one.get("status", {}) for one in kube.list("rayjobs", space)]
        return [one.get("jobStatus") for one in found] == ["SUCCEEDED"]

    try:
        team.upgrade()
        schedule.upgrade()
        # its pod asks the API server, the submitter's the dashboard, the test's the API server
        kube.run("create", "job", "--from=cronjob/job", "job-now", namespace=space)
        eventually(succeeded, 240, "a run that has succeeded")
        (submitter,) = kube.list("pods", space, "app.kubernetes.io/component=submitter")
        told = kube.run("logs", submitter["metadata"]["name"], namespace=space)
        assert told.startswith("submitted job-run-now-")
        Helm(kube.kubeconfig)("test", "job", "-n", space)
    finally:
        schedule.uninstall()
        team.uninstall()
        kube.run("delete", "namespace", space, "--ignore-not-found", timeout=300)
