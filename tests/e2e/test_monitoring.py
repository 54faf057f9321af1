"""The platform's Prometheus on a real cluster: targets, every query of every dashboard, alerts."""

from __future__ import annotations

import json
import re
import subprocess
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support import Deployed, Prometheus, eventually, installed, make, pods

from charts import dashboards
from deploy.environments import environment
from deploy.helm import Release
from deploy.platform import MONITORING, NAMESPACE, Platform
from lib.kube import Kube
from lib.paths import tool
from lib.shell import run
from local import images

pytestmark = pytest.mark.full

SPACE = "watched"

#: Queries that find nothing here, as regular expressions of what they ask for, and why.
EMPTY = {
    r"ray_(node|component)_(gpu|gram)": "no GPU here",
    r'Name="GPU"': "no GPU here",
    r"ray_tpu_": "no TPU here",
    r"ray_(vllm|sglang)_|vllm:|sglang": "no language model here",
    r"ray_memory_manager_worker_eviction_total": "no memory ran out",
    r"ray_node_manager_unexpected_worker_failure_total": "no worker died",
    r"autoscaler_pending_resources.*> \(": "shown only while nodes are pending",
    r"ray_serve_\w*grpc": "Serve is asked by HTTP",
    r"ray_serve_\w*multiplexed": "no multiplexed models",
    r"ray_data_cluster_\w+_utilization": "only RAY_DATA_CLUSTER_AUTOSCALER=V2 sets them",
    r"ray_data_task_completion_time_excl_backpressure_s": "Ray 2.60 has it under another name",
}

#: What fills the dashboards, in the head of a service: tasks that fail once, an actor, a placement
#: group, Data, Train, requests that succeed and that fail, until standard input ends.
WORK = """
    import os, sys, tempfile, threading, time, urllib.request
    import numpy as np, ray, ray.data, ray.train
    from ray import serve
    from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer
    from ray.util.placement_group import placement_group

    def ended():
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=ended, daemon=True).start()
    ray.init(log_to_driver=False)
    ray.get(placement_group([{"CPU": 0.1}]).ready())
    context = ray.data.DataContext.get_current()
    context.enable_per_node_metrics, context.enable_progress_bars = True, False

    @ray.remote(num_cpus=0.1, max_retries=3, retry_exceptions=True)
    def unlucky(marker):
        if not os.path.exists(marker):
            open(marker, "w").close()
            raise ValueError("once")
        time.sleep(3)
        return np.zeros(2**18)

    @ray.remote(num_cpus=0.1)
    class Counter:
        count = 0
        def add(self):
            self.count += 1

    @serve.deployment(ray_actor_options={"num_cpus": 0.1})
    class Bad:
        @serve.batch(max_batch_size=2)
        async def many(self, requests):
            return requests
        async def __call__(self, request):
            await self.many(1)
            raise ValueError("always")

    serve.run(Bad.bind(), name="bad", route_prefix="/bad")

    def ask():
        for path in ("/?name=Ada", "/bad"):
            try:
                urllib.request.urlopen("http://127.0.0.1:8000" + path, timeout=10).read()
            except OSError:
                pass

    def data():
        def slow(batch):
            time.sleep(1)
            return batch
        with tempfile.TemporaryDirectory() as folder:
            # Not all at once: each takes a process, and all of them this machine's cores.
            rows = ray.data.range(20000, override_num_blocks=20).map_batches(
                slow, num_cpus=0.1, concurrency=3
            )
            for _ in rows.iter_batches(batch_size=1000):
                pass
            rows.write_parquet(folder)

    def loop():
        shard = ray.train.get_dataset_shard("train")
        for step in range(4):
            for _ in shard.iter_batches(batch_size=500):
                pass
            with tempfile.TemporaryDirectory() as folder:
                checkpoint = ray.train.Checkpoint.from_directory(folder)
                ray.train.report({"step": step}, checkpoint=checkpoint)
            time.sleep(2)

    def train():
        with tempfile.TemporaryDirectory() as folder:
            DataParallelTrainer(
                loop,
                datasets={"train": ray.data.range(2000, override_num_blocks=4)},
                scaling_config=ray.train.ScalingConfig(
                    num_workers=1, resources_per_worker={"CPU": 0.1}
                ),
                run_config=ray.train.RunConfig(storage_path=folder),
            ).fit()

    def repeat(step):
        while True:
            step()
            time.sleep(0.1)

    for step in (ask, data, train):
        threading.Thread(target=repeat, args=(step,), daemon=True).start()
    counter, number = Counter.remote(), 0
    while True:
        number += 1
        ray.get([counter.add.remote(), unlucky.remote(f"/tmp/unlucky-{number}")])
"""

#: Keeps most of an object store of 200 MiB in use until standard input ends.
FILL = """
    import sys, numpy as np, ray
    ray.init(log_to_driver=False)
    kept = [ray.put(np.zeros(10 * 2**20, dtype="uint8")) for _ in range(15)]
    print("full", flush=True)
    sys.stdin.read()
"""

#: Says what it is sent.
RECEIVE = """
    import http.server
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            print(self.rfile.read(int(self.headers["Content-Length"])).decode().strip(), flush=True)
            self.send_response(200)
            self.end_headers()
        def log_message(self, *_):
            pass
    http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""


def python(program: str) -> list[str]:
    """The command that runs a program."""
    return ["python", "-c", textwrap.dedent(program)]


@pytest.fixture(scope="module")
def kube(deployed: Deployed) -> Kube:
    """The cluster, with room on a small machine."""
    assert make("remove", "WORKLOAD=fashion-mnist").returncode == 0
    return deployed.kube


@pytest.fixture(scope="module")
def ended(kube: Kube) -> Iterator[None]:
    """A job that has ended: the operator tells its time as long as it is there."""
    with installed(kube, "ray-job", "ended", {"job": {"entrypoint": "true"}}):

        def complete() -> bool:
            (job,) = kube.list("rayjobs", "ended")
            return bool(job.get("status", {}).get("jobDeploymentStatus") == "Complete")

        eventually(complete, 300, "the end of a job")
        yield


@pytest.fixture(scope="module")
def receiver(kube: Kube) -> Iterator[str]:
    """A pod that is told of alerts; its address."""
    operator = kube.list("pods", NAMESPACE, "app.kubernetes.io/component=operator")[0]["spec"]
    image = images.reference("ray")
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "receiver", "namespace": NAMESPACE},
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "securityContext": operator["securityContext"],
            "containers": [
                {
                    "name": "receiver",
                    "image": str(image),
                    "command": python(RECEIVE),
                    "securityContext": operator["containers"][0]["securityContext"],
                }
            ],
        },
    }
    kube.apply(pod)
    try:
        kube.run(
            "wait", "pod/receiver", "--for=condition=Ready", "--timeout=60s",
            namespace=NAMESPACE, timeout=90,
        )  # fmt: skip
        found = kube.find("pod", "receiver", NAMESPACE)
        assert found
        yield f"http://{found['status']['podIP']}:8080"
    finally:
        kube.run("delete", "pod", "receiver", namespace=NAMESPACE)


@pytest.fixture(scope="module")
def prometheus(
    kube: Kube, receiver: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """The platform's Prometheus, with an Alertmanager, more often and with less patience."""
    alertmanager = images.build(["alertmanager"], print)["alertmanager"]
    values = {
        "global": {
            "ray": {
                "images": {
                    "alertmanager": {
                        "repository": alertmanager.repository,
                        "tag": alertmanager.tag,
                    }
                }
            }
        },
        "monitors": {"interval": "5s"},
        "rules": {"testAlert": True},
        "alerts": {
            "RayHeadDown": {"for": "0s"},
            "RayJobStuck": {"for": "10s"},
            "RayObjectStoreNearlyFull": {"for": "10s", "threshold": 0.7},
        },
        "alertmanager": {"enabled": True},
        "receivers": {"test": {"webhook": {"url": receiver}}},
    }
    normal = Platform(environment("local")).monitoring
    file = tmp_path_factory.mktemp("monitoring") / "values.yaml"
    file.write_text(json.dumps(values))
    eager = Release(MONITORING, MONITORING, NAMESPACE, [*normal.values, file], normal.kubeconfig)
    try:
        eager.upgrade()
        rolled(kube)
        with kube.forwarded(f"deployment/{MONITORING}", 9090, NAMESPACE, 19090) as forwarded:
            yield Prometheus(forwarded.url)
    finally:
        normal.upgrade()
        rolled(kube)


def rolled(kube: Kube) -> None:
    """Wait until what was asked for last runs."""
    words = ("rollout", "status", f"deployment/{MONITORING}", "--timeout=180s")
    kube.run(*words, namespace=NAMESPACE, timeout=200)


@pytest.fixture(scope="module")
def head(kube: Kube, prometheus: Prometheus) -> Iterator[str]:
    """The head of a service that runs tasks itself."""
    # A worker without a replica has no proxy, and is not ready.
    on_the_worker = {"Hello": {"ray_actor_options": {"resources": {"web": 0.5}}}}
    values = {
        "serveConfig": {
            "applications": {
                "hello": {
                    "import_path": "rayworks.hello_service.app:app",
                    "deployments": on_the_worker,
                }
            }
        },
        "head": {"size": "large", "rayStartParams": {"num-cpus": "3"}},
        "workers": {"web": {"pool": "cpu", "size": "small", "rayResources": {"web": 1}}},
        "objectStoreMemory": "200Mi",
    }
    assert make("remove", "WORKLOAD=cluster").returncode == 0
    with installed(kube, "ray-service", SPACE, values):
        eventually(
            lambda: pods(kube, SPACE, "head") and pods(kube, SPACE, "worker"), 300, "a service"
        )
        yield pods(kube, SPACE, "head")[0]


@contextmanager
def running(kube: Kube, pod: str, program: str) -> Iterator[subprocess.Popen[str]]:
    """A program in a pod, which reads from here; it ends with the block."""
    command = kube.command("exec", "--stdin", pod, "--", *python(program), namespace=SPACE)
    with subprocess.Popen(
        command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def test_every_target_is_up(prometheus: Prometheus, head: str) -> None:
    wanted = {
        *(("ray-head", port) for port in ("metrics", "as-metrics", "dash-metrics")),
        ("ray-worker", "metrics"),
        ("ray-operator", None),
        ("prometheus", None),
        ("alertmanager", None),
    }

    def all_up() -> bool:
        targets = prometheus.get("targets", state="active")["activeTargets"]
        there = {(one["labels"]["job"], one["labels"].get("endpoint")) for one in targets}
        return wanted <= there and all(one["health"] == "up" for one in targets)

    eventually(all_up, 120, f"all of {sorted(map(str, wanted))}, and all of them up")


@pytest.mark.usefixtures("ended")
def test_every_query_of_every_dashboard_finds_something(
    kube: Kube, prometheus: Prometheus, head: str
) -> None:
    queries = list(dashboards.queries())
    left = [q for q in queries if not any(re.search(one, q.expression) for one in EMPTY)]
    assert len(left) > 200
    unused = [one for one in EMPTY if not any(re.search(one, q.expression) for q in queries)]
    assert not unused, "exceptions that nothing needs any more"

    def answered() -> bool:
        left[:] = [query for query in left if not prometheus.query(query.expression)]
        return not left

    with running(kube, head, WORK):
        try:
            eventually(answered, 400, "an answer to every query")
        finally:
            for query in left:
                print(f"{query.dashboard}: {query.panel}: {query.expression}")


def test_the_test_alert_arrives(kube: Kube, prometheus: Prometheus) -> None:
    def told() -> bool:
        lines = kube.run("logs", "receiver", namespace=NAMESPACE).splitlines()
        alerts = [alert for line in lines for alert in json.loads(line)["alerts"]]
        return any(alert["labels"]["alertname"] == "RayTestAlert" for alert in alerts)

    eventually(told, 120, "a message about RayTestAlert")


def test_a_full_object_store_is_told_and_forgotten(
    kube: Kube, prometheus: Prometheus, head: str
) -> None:
    alert = "RayObjectStoreNearlyFull"
    assert not prometheus.firing(alert, SPACE)
    with running(kube, head, FILL) as process:
        assert process.stdout
        assert process.stdin
        assert any("full" in line for line in process.stdout)
        eventually(lambda: prometheus.firing(alert, SPACE), 120, "the alert")
        process.stdin.close()
        eventually(lambda: not prometheus.firing(alert, SPACE), 240, "its end")


def test_a_stuck_job_is_told_and_forgotten(kube: Kube, prometheus: Prometheus) -> None:
    space = "stuck"
    values = {
        "job": {"entrypoint": "true"},
        # more than any machine has: it waits for ever
        "head": {"resources": {"requests": {"cpu": "1000"}}},
    }
    with installed(kube, "ray-job", space, values):
        eventually(lambda: prometheus.firing("RayJobStuck", space), 120, "the alert")
    eventually(lambda: not prometheus.firing("RayJobStuck", space), 120, "its end")


def test_a_dead_head_is_told_and_forgotten(kube: Kube, prometheus: Prometheus, head: str) -> None:
    assert not prometheus.firing("RayHeadDown", SPACE)
    # The operator makes another at once, which must find no node until the alert is there: one
    # that is back within seconds may not be missed at all.
    kube.run("cordon", "--selector=kubernetes.io/os=linux")
    try:
        kube.run("delete", "pod", head, "--grace-period=0", "--force", namespace=SPACE)
        eventually(lambda: prometheus.firing("RayHeadDown", SPACE), 120, "the alert")
    finally:
        kube.run("uncordon", "--selector=kubernetes.io/os=linux")
    eventually(lambda: not prometheus.firing("RayHeadDown", SPACE), 300, "its end")


def test_prometheus_on_the_network_asks_for_a_password(kube: Kube) -> None:
    space = "guarded"
    values = {
        "global": {"ray": {"monitoring": {"namespace": space}}},
        "prometheus": {
            "auth": {"existingSecret": "prometheus-auth"},
            "persistence": {"enabled": False},
        },
        "monitors": {"namespaces": [space]},
    }
    # bcrypt of the password
    users = {"prometheus": "$2b$04$cjVPvGzKzI9TuZ3FK8hljuQ6GpqCtP/o7Blwt79mBdnb1cgB8cOhK"}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "prometheus-auth", "namespace": space},
        "stringData": {
            "password": "open sesame",
            "web.yaml": json.dumps({"basic_auth_users": users}),
        },
    }
    with installed(kube, "ray-monitoring", space, values) as guarded:
        kube.apply(secret)
        name = f"{space}-ray-monitoring"
        words = ("rollout", "status", f"deployment/{name}", "--timeout=180s")
        kube.run(*words, namespace=space, timeout=200)
        said = run(
            [
                tool("helm"), "--kubeconfig", guarded.kubeconfig, "test", guarded.name,
                "--namespace", space, "--logs", "--timeout", "180s",
            ],
        ).stdout  # fmt: skip
        # it was asked with a password, and without
        assert "asks for a password" in said
