"""What a cluster does by itself: it scales, outlives its head, encrypts, and keeps others out."""

from __future__ import annotations

import json
import subprocess
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest
from support import Deployed, authority, eventually, installed, make, pods

from deploy.kube import Kube
from deploy.platform import namespace_object

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def kube(deployed: Deployed) -> Kube:
    """The cluster, with room on a small machine."""
    assert make("remove", "WORKLOAD=fashion-mnist").returncode == 0
    return deployed.kube


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


def test_workers_come_by_demand_and_go_without(kube: Kube) -> None:
    space = "scaled"
    values = {
        "autoscaling": {"enabled": True},
        "workers": {"w": {"replicas": 0, "maxReplicas": 3, "idleTimeoutSeconds": 10}},
    }
    with installed(kube, "ray-cluster", space, values) as cluster:
        head = ready(kube, space, 0)
        program = """
            import ray, time
            ray.init(log_to_driver=False)

            @ray.remote(num_cpus=1)
            def node():
                # until each of the three has a worker of its own
                while sum(node["Alive"] for node in ray.nodes()) < 4:
                    time.sleep(0.5)
                time.sleep(5)
                return ray.get_runtime_context().get_node_id()

            print(len(set(ray.get([node.remote() for _ in range(3)]))))
        """
        words = ("exec", head, "--", "python", "-c", textwrap.dedent(program))
        command = kube.command(*words, namespace=space)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
            eventually(lambda: len(pods(kube, space, "worker")) == 3, 240, "three workers")
            # an upgrade that changes something else leaves the autoscaler's number alone
            cluster.upgrade()
            (found,) = kube.list("rayclusters", space)
            assert [g["replicas"] for g in found["spec"]["workerGroupSpecs"]] == [3]
            said, _ = running.communicate(timeout=240)
        assert said.split()[-1] == "3"
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
    kube.apply(
        namespace_object(space),
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "authority", "namespace": space},
            "stringData": authority(),
        },
    )
    values = {
        "tls": {"enabled": True, "caSecret": "authority"},
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


#: (from, to, port, whether it comes through). 6379 is the GCS, 8265 the dashboard, 10001 the
#: client, 8080 metrics, 8081 the peers' own.
CONNECTIONS = [
    ("head", "worker", 6380, True),
    ("worker", "head", 6379, True),
    ("namespace", "head", 8265, True),
    ("namespace", "head", 10001, False),
    ("namespace", "head", 6379, False),
    ("namespace", "worker", 6380, False),
    ("namespace", "worker", 8080, False),
    ("elsewhere", "head", 8265, False),
    ("elsewhere", "head", 10001, False),
    ("elsewhere", "head", 8080, False),
    ("notebooks", "head", 10001, True),
    ("notebooks", "head", 8265, False),
    ("ray-system", "head", 8265, True),
    ("ray-system", "head", 6379, False),
    ("monitoring", "head", 8080, True),
    ("monitoring", "head", 44227, True),
    ("monitoring", "worker", 8080, True),
    ("monitoring", "head", 8265, False),
    ("head", "dns", 53, True),
    ("worker", "api", 443, False),
    ("worker", "elsewhere", 8081, False),
    ("worker", "allowed", 8081, True),
    # the peers reach each other: what is blocked above is blocked by the policy
    ("namespace", "elsewhere", 8081, True),
    ("elsewhere", "allowed", 8081, True),
]

CONNECT = """
import json, socket, sys
for host, port in json.loads(sys.argv[1]):
    try:
        socket.create_connection((host, port), 5).close()
        print("open")
    except OSError:
        print("closed")
"""

#: Where the peers are; `ray-system` is the operator's own namespace.
PEERS = {
    "namespace": "closed",
    "elsewhere": "closed-elsewhere",
    "notebooks": "closed-notebooks",
    "monitoring": "closed-monitoring",
    "allowed": "closed-allowed",
    "ray-system": "ray-system",
}


def peer(name: str, namespace: str, image: str) -> dict[str, Any]:
    """A pod that connects, and that listens on 8081."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"peer-{name}", "namespace": namespace},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 1000,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "peer",
                    "image": image,
                    "command": ["python", "-m", "http.server", "8081"],
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }
            ],
        },
    }


@pytest.fixture
def addresses(kube: Kube) -> Iterator[dict[str, str]]:
    """A closed cluster and its peers; their addresses by name."""
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
            "to": {"allowed": {"peers": [_namespace("closed-allowed")], "ports": [8081]}},
        },
    }
    kube.apply(*(namespace_object(where) for where in own))
    made: list[tuple[str, str]] = []
    try:
        with installed(kube, "ray-cluster", space, values):
            head = ready(kube, space, 1)
            (worker,) = pods(kube, space, "worker")
            found = kube.find("pod", head, space)
            assert found
            image = str(found["spec"]["containers"][0]["image"])
            for name, where in PEERS.items():
                kube.apply(peer(name, where, image))
                made.append((f"peer-{name}", where))
            for name, where in made:
                kube.run(
                    "wait", f"pod/{name}", "--for=condition=Ready", "--timeout=60s",
                    namespace=where, timeout=90,
                )  # fmt: skip
            everybody = {"head": (head, space), "worker": (worker, space)}
            everybody |= {name.removeprefix("peer-"): (name, where) for name, where in made}
            yield {name: f"{pod} {where}" for name, (pod, where) in everybody.items()}
    finally:
        for name, where in made:
            kube.run("delete", "pod", name, "--ignore-not-found", namespace=where)
        for where in own:
            kube.run("delete", "namespace", where, "--wait=false")


def _namespace(name: str) -> dict[str, Any]:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


def test_the_policy_lets_through_what_the_table_says(kube: Kube, addresses: dict[str, str]) -> None:
    targets = {"api": "kubernetes.default.svc"}
    (dns,) = kube.list("pods", "kube-system", "k8s-app=kube-dns")
    targets["dns"] = dns["status"]["podIP"]
    for name, said in addresses.items():
        pod, where = said.split()
        found = kube.find("pod", pod, where)
        assert found
        targets[name] = found["status"]["podIP"]
    wrong = []
    for source in dict.fromkeys(row[0] for row in CONNECTIONS):
        rows = [row for row in CONNECTIONS if row[0] == source]
        asked = json.dumps([[targets[to], port] for _, to, port, _ in rows])
        pod, where = addresses[source].split()
        said = kube.run(
            "exec", pod, "--", "python", "-c", CONNECT, asked, namespace=where, timeout=120
        ).split()
        for (_, to, port, wanted), got in zip(rows, said, strict=True):
            mark = "as it should be" if (got == "open") == wanted else "WRONG"
            print(f"{source:>10} → {to:<10} {port:>5}  {got:<6} {mark}")
            wrong += [] if (got == "open") == wanted else [(source, to, port, got)]
    assert wrong == []
