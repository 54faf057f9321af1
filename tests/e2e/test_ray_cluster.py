"""What a cluster does by itself: it scales, outlives its head, encrypts, and keeps others out."""

from __future__ import annotations

import json
import subprocess
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest
from connections import PORT, Place, Row, peer, started, wrong
from support import Deployed, authority, eventually, installed, make, pods, secret

from deploy.workloads import merge
from lib.kube import Kube, namespace_object
from local import images

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def kube(deployed: Deployed) -> Kube:
    """The cluster, with room on a small machine."""
    assert make("remove", "WORKLOAD=fashion-mnist").returncode == 0
    return deployed.kube


TLS = {"enabled": True, "caSecret": "authority"}


def python(kube: Kube, namespace: str, pod: str, program: str, timeout: float = 120) -> str:
    """What a program prints in a pod's first container."""
    words = ("exec", pod, "--", "python", "-c", textwrap.dedent(program))
    return kube.run(*words, namespace=namespace, timeout=timeout)


def ready(kube: Kube, namespace: str, workers: int) -> str:
    """The head, when it and so many workers are ready."""

    def look() -> str | None:
        heads = pods(kube, namespace, "head")
        there = len(pods(kube, namespace, "worker")) == workers
        return heads[0] if heads and there else None

    return eventually(look, 240, f"a head and {workers} workers")


#: Autoscalers, and how many workers each is to have made.
SCALERS: dict[str, tuple[int, dict[str, Any]]] = {
    "v2": (3, {"workers": {"w": {"idleTimeoutSeconds": 10}}}),
    "v1": (1, {"autoscaling": {"version": "v1", "idleTimeoutSeconds": 10}}),
    "tls": (1, {"autoscaling": {"idleTimeoutSeconds": 10}, "tls": TLS}),
}


@pytest.mark.parametrize("scaler", SCALERS)
def test_workers_come_by_demand_and_go_without(kube: Kube, scaler: str) -> None:
    space = f"scaled-{scaler}"
    number, more = SCALERS[scaler]
    common = {"autoscaling": {"enabled": True}, "workers": {"w": {"replicas": 0, "maxReplicas": 3}}}
    kube.apply(namespace_object(space), secret("authority", space, authority()))
    with installed(kube, "ray-cluster", space, merge(common, more)) as cluster:
        head = ready(kube, space, 0)
        program = f"""
            import ray, time
            ray.init(log_to_driver=False)

            @ray.remote(num_cpus=1)
            def node():
                # until each has a worker of its own
                while sum(node["Alive"] for node in ray.nodes()) < {number + 1}:
                    time.sleep(0.5)
                time.sleep(5)
                return ray.get_runtime_context().get_node_id()

            print(len(set(ray.get([node.remote() for _ in range({number})]))))
        """
        words = ("exec", head, "--", "python", "-c", textwrap.dedent(program))
        command = kube.command(*words, namespace=space)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
            eventually(lambda: len(pods(kube, space, "worker")) == number, 240, f"{number} workers")
            # an upgrade that changes something else leaves the autoscaler's number alone
            cluster.upgrade()
            (found,) = kube.list("rayclusters", space)
            assert [g["replicas"] for g in found["spec"]["workerGroupSpecs"]] == [number]
            said, _ = running.communicate(timeout=240)
        assert said.split()[-1] == str(number)
        eventually(lambda: not pods(kube, space, "worker"), 180, "no worker")


def test_an_actor_on_a_worker_outlives_the_head(kube: Kube) -> None:
    space = "tolerant"
    values = {"gcsFaultTolerance": {"enabled": True, "redis": {"create": True}}}
    with installed(kube, "ray-cluster", space, values):
        head = ready(kube, space, 1)
        start = """
            import os, ray, time
            ray.init(namespace="kept", log_to_driver=False)

            @ray.remote(num_cpus=0.5)
            def square(x):
                return x * x

            @ray.remote(num_cpus=0.1)
            class Worker:
                def __init__(self):
                    self.done = 0

                async def work(self):
                    while True:
                        assert await square.remote(self.done) == self.done**2
                        self.done += 1

                async def state(self):
                    return os.getpid(), self.done

            worker = Worker.options(name="worker", lifetime="detached").remote()
            worker.work.remote()
            while ray.get(worker.state.remote())[1] < 3:
                time.sleep(0.2)
            print(*ray.get(worker.state.remote()))
        """
        look = """
            import ray
            ray.init(namespace="kept", log_to_driver=False)
            print(*ray.get(ray.get_actor("worker").state.remote(), timeout=60))
        """
        pid, done = python(kube, space, head, start).split()[-2:]
        (worker,) = kube.list("pods", space, "ray.io/node-type=worker")

        kube.run("delete", "pod", head, "--grace-period=0", "--force", namespace=space)
        eventually(lambda: head not in pods(kube, space, "head"), 60, "the end of the head")
        second = ready(kube, space, 1)
        assert second != head
        same, later = python(kube, space, second, look).split()[-2:]
        assert same == pid
        assert int(later) > int(done)
        # and goes on: its tasks run under the new head
        eventually(
            lambda: int(python(kube, space, second, look).split()[-1]) > int(later) + 3,
            120,
            "further tasks",
        )
        (after,) = kube.list("pods", space, "ray.io/node-type=worker")
        assert after["metadata"]["uid"] == worker["metadata"]["uid"]
        assert after["status"]["containerStatuses"][0]["restartCount"] == 0


def test_nodes_speak_tls_to_each_other_and_to_nobody_without(kube: Kube) -> None:
    space = "encrypted"
    kube.apply(namespace_object(space), secret("authority", space, authority()))
    values = {
        "tls": TLS,
        "autoscaling": {"enabled": True},
        "workers": {"w": {"replicas": 1, "minReplicas": 1, "maxReplicas": 1}},
    }
    with installed(kube, "ray-cluster", space, values):
        head = ready(kube, space, 1)
        task = """
            import ray
            ray.init(log_to_driver=False)
            print(ray.get(ray.remote(num_cpus=1)(lambda: 6 * 7).remote(), timeout=60))
        """
        assert python(kube, space, head, task).split()[-1] == "42"
        handshake = """
            import socket, ssl
            context = ssl.create_default_context(cafile="/etc/ray/tls/ca.crt")
            context.load_cert_chain("/etc/ray/tls/tls.crt", "/etc/ray/tls/tls.key")
            context.set_alpn_protocols(["h2"])
            with socket.create_connection(("127.0.0.1", 6379), 10) as plain:
                with context.wrap_socket(plain, server_hostname="localhost") as wrapped:
                    print(wrapped.version())
        """
        assert python(kube, space, head, handshake).split()[-1] == "TLSv1.3"
        without = ["env", "RAY_USE_TLS=0", "python", "-c", "import ray; ray.init(); print('in')"]
        refused = subprocess.run(
            kube.command("exec", head, "--", "timeout", "60", *without, namespace=space),
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert refused.returncode != 0
        assert "in" not in refused.stdout.split()


#: 6379 is the GCS, 6380 a raylet, 8265 the dashboard, 10001 the client, 8080 and 44227 metrics.
CONNECTIONS = [
    Row("head", "worker", 6380, "open"),
    Row("worker", "head", 6379, "open"),
    Row("namespace", "head", 8265, "open"),
    Row("namespace", "head", 10001, "blocked"),
    Row("namespace", "head", 6379, "blocked"),
    Row("namespace", "worker", 6380, "blocked"),
    Row("namespace", "worker", 8080, "blocked"),
    Row("elsewhere", "head", 8265, "blocked"),
    Row("elsewhere", "head", 10001, "blocked"),
    Row("elsewhere", "head", 8080, "blocked"),
    Row("notebooks", "head", 10001, "open"),
    Row("notebooks", "head", 8265, "blocked"),
    Row("ray-system", "head", 8265, "open"),
    Row("ray-system", "head", 6379, "blocked"),
    Row("monitoring", "head", 8080, "open"),
    Row("monitoring", "head", 44227, "open"),
    Row("monitoring", "worker", 8080, "open"),
    Row("monitoring", "head", 8265, "blocked"),
    Row("head", "dns", 53, "open"),
    Row("head", "dns", "53/udp", "open"),
    Row("worker", "api", 443, "blocked"),
    Row("worker", "elsewhere", PORT, "blocked"),
    Row("worker", "allowed", PORT, "open"),
    # the peers reach each other: what is blocked above is blocked by the policy
    Row("namespace", "elsewhere", PORT, "open"),
    Row("elsewhere", "allowed", PORT, "open"),
]

#: Where the peers are; `ray-system` is the operator's own namespace.
PEERS = {
    "namespace": "closed",
    "elsewhere": "closed-elsewhere",
    "notebooks": "closed-notebooks",
    "monitoring": "closed-monitoring",
    "allowed": "closed-allowed",
    "ray-system": "ray-system",
}


@pytest.fixture
def places(kube: Kube) -> Iterator[dict[str, Place]]:
    """A closed cluster and its peers, by name."""
    space = "closed"
    own = [where for where in PEERS.values() if where not in (space, "ray-system")]
    values = {
        "global": {
            "ray": {
                "network": {"egress": "restricted"},
                "monitoring": {"namespace": "closed-monitoring"},
            }
        },
        "monitoring": {"enabled": True},
        "networkPolicy": {
            "client": False,
            "from": {"notebooks": {"peers": [_namespace("closed-notebooks")], "ports": [10001]}},
            "to": {"allowed": {"peers": [_namespace("closed-allowed")], "ports": [PORT]}},
        },
    }
    kube.apply(*(namespace_object(where) for where in own))
    peers = {name: Place(f"peer-{name}", where) for name, where in PEERS.items()}
    try:
        with installed(kube, "ray-cluster", space, values):
            head = ready(kube, space, 1)
            (worker,) = pods(kube, space, "worker")
            kube.apply(
                *(peer(name, where, str(images.reference("ray"))) for name, where in PEERS.items())
            )
            started(kube, *peers.values())
            yield {"head": Place(head, space), "worker": Place(worker, space), **peers}
    finally:
        for name, where in peers.values():
            kube.run("delete", "pod", name, "--ignore-not-found", namespace=where)
        for where in own:
            kube.run("delete", "namespace", where, "--wait=false")


def _namespace(name: str) -> dict[str, Any]:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


def test_the_policy_lets_through_what_the_table_says(kube: Kube, places: dict[str, Place]) -> None:
    (dns,) = kube.list("pods", "kube-system", "k8s-app=kube-dns")
    others = {"api": "kubernetes.default.svc", "dns": dns["status"]["podIP"]}
    assert wrong(kube, places, others, CONNECTIONS) == []


@pytest.fixture(scope="module")
def several(kube: Kube) -> Iterator[str]:
    """The namespace of a cluster with a group of two workers, and one of one on two hosts.

    For the last tests of this module: until then it takes the room of any other cluster.
    """
    space = "several"
    values = {"workers": {"pair": {"replicas": 2}, "hosts": {"replicas": 1, "numOfHosts": 2}}}
    with installed(kube, "ray-cluster", space, values):
        ready(kube, space, 4)
        yield space


def test_a_drain_takes_one_worker_after_the_other(kube: Kube, several: str) -> None:
    def evicted(pod: str) -> bool:
        review = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod, "namespace": several},
        }
        path = f"/api/v1/namespaces/{several}/pods/{pod}/eviction"
        command = kube.command("create", "--raw", path, "-f", "-")
        done = subprocess.run(
            command, input=json.dumps(review), capture_output=True, text=True, check=False
        )
        refused = "violate the pod's disruption budget" in done.stderr
        assert done.returncode == 0 or refused, done.stderr
        return done.returncode == 0

    def allowed() -> bool:
        found = kube.find("poddisruptionbudget", f"{several}-pair", several)
        return (found or {}).get("status", {}).get("disruptionsAllowed") == 1

    pair = [name for name in pods(kube, several, "worker") if "-pair-" in name]
    eventually(allowed, 60, "one worker may go")
    assert evicted(pair[0])
    assert not evicted(pair[1])
    # the operator makes another, and then the second may go
    eventually(allowed, 180, "one worker may go")
    assert evicted(pair[1])
    eventually(allowed, 180, "one worker may go")


def test_hosts_of_a_replica_come_and_go_together(kube: Kube, several: str) -> None:
    def hosts() -> dict[str, str]:
        found = kube.list("pods", several, "ray.io/group=hosts")
        there = [pod["metadata"] for pod in found if "deletionTimestamp" not in pod["metadata"]]
        return {meta["labels"]["ray.io/replica-host-index"]: meta["name"] for meta in there}

    before = hosts()
    assert before.keys() == {"0", "1"}
    kube.run("delete", "pod", before["0"], "--wait=false", namespace=several)

    def renewed() -> bool:
        now = hosts()
        ready_ones = set(pods(kube, several, "worker"))
        return now.keys() == {"0", "1"} and set(now.values()) <= ready_ones - set(before.values())

    eventually(renewed, 180, "two other hosts")
