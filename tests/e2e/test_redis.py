"""A cluster whose state is in a Redis of somebody's: by TLS, as a user of its own; 3 minutes.

The Redis is in another namespace, and the egress of the cluster restricted.
"""

from __future__ import annotations

import textwrap
import time
from collections.abc import Iterator
from typing import Any

import pytest
from support import (
    TMP,
    Deployed,
    authority,
    eventually,
    installed,
    make,
    pods,
    restricted_pod,
    secret,
    signed,
)

from lib.kube import Kube, namespace_object
from local import images

pytestmark = pytest.mark.full

SPACE = "remembered"
DATABASES = "remembered-databases"
HOST = f"redis.{DATABASES}.svc"
PORT = 6380
PASSWORD = "open-sesame"
#: Seconds that the operator's clean-up of Redis may take before the cluster goes without it.
PATIENCE = 150

#: Nobody gets in but by TLS, and none but the user `ray`.
START = f"""
umask 077
cd {TMP}
printf %s "$CERTIFICATE" > tls.crt
printf %s "$KEY" > tls.key
printf %s "$AUTHORITY" > ca.crt
exec redis-server - <<END
port 0
tls-port {PORT}
tls-cert-file tls.crt
tls-key-file tls.key
tls-ca-cert-file ca.crt
tls-auth-clients no
save ""
dir {TMP}
user default off
user ray on >{PASSWORD} ~* &* +@all
END
"""

VALUES: dict[str, Any] = {
    "gcsFaultTolerance": {
        "enabled": True,
        "redis": {
            "address": f"{HOST}:{PORT}",
            "tls": True,
            "username": "ray",
            "credentialsSecret": "redis",
            "caSecret": "redis",
        },
        "deletionTimeoutSeconds": PATIENCE,
    },
    "global": {"ray": {"network": {"egress": "restricted"}}},
}


@pytest.fixture
def kube(deployed: Deployed) -> Iterator[Kube]:
    """The cluster with the Redis, and what a Ray cluster must know of it in its namespace."""
    assert make("remove", "WORKLOAD=fashion-mnist").returncode == 0
    images.build(["redis"], print)
    kube = deployed.kube
    own = signed(authority(), HOST, "localhost")
    variables = {"CERTIFICATE": own["tls.crt"], "KEY": own["tls.key"], "AUTHORITY": own["ca.crt"]}
    server = {
        "image": str(images.reference("redis")),
        "command": ["bash", "-ec", START],
        "env": [{"name": name, "value": value} for name, value in variables.items()],
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "redis", "namespace": DATABASES},
        "spec": {"selector": {"app": "redis"}, "ports": [{"port": PORT}]},
    }
    kube.apply(namespace_object(DATABASES), namespace_object(SPACE))
    try:
        pod = restricted_pod("redis", DATABASES, server, {"app": "redis"})
        login = {"password": PASSWORD, "ca.crt": own["ca.crt"]}
        kube.apply(pod, service, secret("redis", SPACE, login))
        kube.run(
            "wait", "pod/redis", "--for=condition=Ready", "--timeout=60s",
            namespace=DATABASES, timeout=90,
        )  # fmt: skip
        yield kube
    finally:
        for space in (DATABASES, SPACE):
            kube.run("delete", "namespace", space, "--ignore-not-found", timeout=300)


def redis(kube: Kube, *words: str) -> str:
    """What Redis answers to its user."""
    login = ["env", f"REDISCLI_AUTH={PASSWORD}", "redis-cli", "--no-auth-warning", "--user", "ray"]
    tls = ["--tls", "--cacert", f"{TMP}/ca.crt", "-p", str(PORT)]
    command = ("exec", "redis", "--", *login, *tls, *words)
    return kube.run(*command, namespace=DATABASES)


def python(kube: Kube, pod: str, program: str) -> str:
    """The last word that a program prints in a Ray pod."""
    words = ("exec", pod, "--", "python", "-c", textwrap.dedent(program))
    return kube.run(*words, namespace=SPACE, timeout=120).split()[-1]


def ready(kube: Kube) -> str:
    """The head, when it and its worker are ready."""

    def look() -> str | None:
        heads = pods(kube, SPACE, "head")
        return heads[0] if heads and pods(kube, SPACE, "worker") else None

    return eventually(look, 240, "a head and a worker")


def test_the_state_outlives_the_head_and_goes_with_the_cluster(kube: Kube) -> None:
    keep = """
        import ray
        from ray.experimental.internal_kv import _internal_kv_put
        ray.init(log_to_driver=False)
        _internal_kv_put("kept", "here")
        print(ray.get(ray.remote(num_cpus=1)(lambda: 42).remote(), timeout=60))
    """
    look = """
        import ray
        from ray.experimental.internal_kv import _internal_kv_get
        ray.init(log_to_driver=False)
        print(_internal_kv_get("kept").decode())
    """
    assert redis(kube, "DBSIZE").strip() == "0"
    with installed(kube, "ray-cluster", SPACE, VALUES) as cluster:
        head = ready(kube)
        assert python(kube, head, keep) == "42"
        assert int(redis(kube, "DBSIZE")) > 0
        (worker,) = kube.list("pods", SPACE, "ray.io/node-type=worker")

        kube.run("delete", "pod", head, "--grace-period=0", "--force", namespace=SPACE)
        eventually(lambda: head not in pods(kube, SPACE, "head"), 60, "the end of the head")
        second = ready(kube)
        assert second != head
        assert python(kube, second, look) == "here"
        (after,) = kube.list("pods", SPACE, "ray.io/node-type=worker")
        assert after["metadata"]["uid"] == worker["metadata"]["uid"]

        # Helm waits until the object is gone, and the operator until Redis is cleaned up
        begun = time.monotonic()
        cluster.uninstall()
        eventually(lambda: not kube.list("rayclusters", SPACE), 60, "the end of the cluster")
        assert time.monotonic() - begun < PATIENCE
        assert redis(kube, "KEYS", "*").split() == []
