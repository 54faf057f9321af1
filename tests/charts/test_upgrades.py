"""Upgrade each value by Helm's server-side apply, on objects that the operator writes to as well.

The operator writes to the objects that Helm applies; a chart that rendered them otherwise than the
API server keeps them would end in a conflict at the first change of a list. No upgrade here may
need `--force-conflicts`.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import Deployed, eventually

from deploy.environments import environment
from deploy.workloads import merge
from lib.kube import namespace_object
from lib.paths import ROOT, tool

pytestmark = pytest.mark.full

NAMESPACE = "upgrades"
Values = dict[str, Any]

WORKERS: Values = {"workers": {"a": {"pool": "cpu", "size": "small", "replicas": 0}}}
#: No pods but the head's: what is upgraded is the object.
CLUSTER: Values = {**WORKERS, "storage": {"claim": "none-here", "mountPath": "/data"}}
JOB: Values = {
    "job": {"entrypoint": "echo", "suspend": True, "scaling": {"numWorkers": 1}},
    "workers": {"default": {"replicas": 2}},
}


def group(**fields: Any) -> Values:
    """A change of the worker group."""
    return {"workers": {"a": fields}}


CHANGES: dict[str, Values] = {
    "nothing": {},
    "rayVersion": {"rayVersion": "2.60.1"},
    "head": {"head": {"podLabels": {"example.org/x": "y"}}},
    "workers.enabled": {"workers": {"a": {"enabled": False}, "b": {"pool": "cpu"}}},
    "workers: another group": {"workers": {"b": {"pool": "memory", "replicas": 0}}},
    "workers.order": {"workers": {"a": {"order": 2}, "b": {"order": 1, "replicas": 0}}},
    "workers.pool": group(pool="memory"),
    "workers.size": group(size="large"),
    "workers.accelerators": group(pool="gpu", accelerators=1),
    "workers.replicas": group(replicas=1),
    "workers.minReplicas, maxReplicas": group(minReplicas=0, maxReplicas=5),
    "workers.numOfHosts": group(numOfHosts=2),
    "workers.idleTimeoutSeconds": {
        "autoscaling": {"enabled": True},
        "workers": {"a": {"idleTimeoutSeconds": 30, "maxReplicas": 2}},
    },
    "workers.resources": group(resources={"requests": {"cpu": 0.1}, "limits": {"memory": "2G"}}),
    "workers.rayResources": group(rayResources={"special": 2}),
    "workers.rayLabels": group(rayLabels={"tier": "x"}),
    "workers.podLabels": group(podLabels={"example.org/x": "y"}),
    "workers.rayStartParams": group(rayStartParams={"object-manager-port": "8076"}),
    "autoscaling": {
        "autoscaling": {"enabled": True, "upscalingMode": "Aggressive"},
        "workers": {"a": {"maxReplicas": 3}},
    },
    "autoscaling.version, idleTimeoutSeconds": {
        "autoscaling": {"enabled": True, "version": "v1", "idleTimeoutSeconds": 30},
        "workers": {"a": {"maxReplicas": 3}},
    },
    "auth.existingSecret": {"auth": {"existingSecret": "own"}},
    "auth.mode": {"auth": {"mode": "disabled"}},
    "headService": {"headService": {"labels": {"a": "b"}, "ports": {"ssh": {"port": 22}}}},
    "storage": {"storage": {"claim": "other", "mountPath": "/other"}},
    # after an autoscaled head, for which the operator made an account
    "serviceAccount": {"serviceAccount": {"create": True}},
    "probes": {"probes": {"readiness": {"periodSeconds": 2}}},
    "queue": {"queue": {"name": "team"}},
    "networkPolicy": {"networkPolicy": {"enabled": False}},
    "podDisruptionBudget": {"podDisruptionBudget": {"enabled": False}},
    "monitoring": {"monitoring": {"enabled": False}},
    "env": {"env": {"A": "1", "B": {"valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}}},
    "image": {"image": {"repository": "example.org/ray", "tag": "1"}},
    "shmSize": {"shmSize": "512Mi"},
    "objectStoreMemory": {"objectStoreMemory": "256Mi", "shmSize": "512Mi"},
    "terminationGracePeriodSeconds": {"terminationGracePeriodSeconds": 60},
    "upgradeStrategy": {"upgradeStrategy": "Recreate"},
}

JOB_CHANGES: dict[str, Values] = {
    "nothing": {},
    "entrypoint": {"job": {"entrypoint": "true"}},
    "scaling": {"job": {"scaling": {"numWorkers": 2}}},
    "submissionMode": {"job": {"submissionMode": "HTTPMode"}},
    "submitter": {"job": {"submitter": {"backoffLimit": 1}}},
    "metadata": {"job": {"metadata": {"team": "x"}}},
    "preRunningDeadlineSeconds": {"job": {"preRunningDeadlineSeconds": 600}},
    "backoffLimit": {"job": {"backoffLimit": 1}},
    "activeDeadlineSeconds": {"job": {"activeDeadlineSeconds": 600}},
    "ttlSecondsAfterFinished": {"job": {"ttlSecondsAfterFinished": 5}},
    "deletionRules": {
        "job": {
            "suspend": False,
            "entrypoint": "sleep 600",
            "shutdownAfterJobFinishes": False,
            "ttlSecondsAfterFinished": 0,
            "deletionRules": [{"policy": "DeleteCluster", "condition": {"jobStatus": "FAILED"}}],
        }
    },
    "runtimeEnv": {"job": {"runtimeEnv": {"env_vars": {"A": "1"}}}},
    "clusterSelector": {"job": {"suspend": False, "clusterSelector": {"ray.io/cluster": "x"}}},
    "schedule": {"job": {"suspend": False, "schedule": {"cron": "0 0 1 1 *", "suspend": True}}},
    "suspend": {"job": {"suspend": True}},
    "rerunOnUpgrade": {"job": {"rerunOnUpgrade": True}},
    "env": {"env": {"A": "1"}},
    "entrypointResources": {"job": {"entrypointResources": {"CPU": 1}}},
    "workers.env": {"workers": {"default": {"env": {"A": "1"}}}},
    "packages": {"packages": {"einops": "==0.8.1"}},
    "pods.volumes": {
        "pods": {"volumes": {"data": {"mountPath": "/data", "source": {"emptyDir": {}}}}}
    },
    "pods.podLabels": {"pods": {"podLabels": {"example.org/x": "y"}}},
}

#: Its changes of the cluster are applied to nothing, so that no second one starts.
SERVICE: Values = {
    **CLUSTER,
    "serveConfig": {"applications": {"hello": {"import_path": "rayworks.hello_service.app:app"}}},
    "upgradeStrategy": "None",
}

SERVICE_CHANGES: dict[str, Values] = {
    "nothing": {},
    "serveConfig": {"serveConfig": {"http_options": {"request_timeout_s": 5}}},
    "excludeHead": {"excludeHead": True},
    "clusterDeletionDelaySeconds": {"clusterDeletionDelaySeconds": 5},
    "initializingTimeoutSeconds": {"initializingTimeoutSeconds": 3600},
    "workers.replicas": group(replicas=1),
    "workers: another group": {"workers": {"b": {"pool": "memory", "replicas": 0}}},
    "env": {"env": {"A": "1"}},
}


def upgrade(chart: str, values: Values, folder: Path) -> None:
    """Upgrade (or install) the one release of a chart, by plain server-side apply."""
    place = environment("local")
    own = folder / f"{chart}.yaml"
    own.write_text(json.dumps(values))
    files = [word for path in [*place.values(), own] for word in ("--values", str(path))]
    done = subprocess.run(
        [
            tool("helm"), "--kubeconfig", str(place.kubeconfig), "--namespace", NAMESPACE,
            "upgrade", "--install", chart, str(ROOT / "charts" / chart), "--server-side=true",
            *files,
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def namespace(deployed: Deployed) -> Iterator[Deployed]:
    """A namespace for the releases."""
    deployed.kube.apply(namespace_object(NAMESPACE))
    try:
        yield deployed
    finally:
        for chart in ("ray-service", "ray-job", "ray-cluster"):
            command = [tool("helm"), "--kubeconfig", str(deployed.kube.kubeconfig), "uninstall"]
            words = [chart, "--namespace", NAMESPACE, "--ignore-not-found"]
            subprocess.run([*command, *words], check=True)
        deployed.kube.run("delete", "namespace", NAMESPACE, timeout=180)


def there_and_back(
    deployed: Deployed, folder: Path, chart: str, kind: str, values: Values, change: Values
) -> None:
    """Upgrade by a change, then by its reverse; the object stays the same."""
    upgrade(chart, values, folder)
    before = deployed.uid(kind, NAMESPACE)
    upgrade(chart, merge(values, change), folder)
    upgrade(chart, values, folder)
    assert deployed.uid(kind, NAMESPACE) == before


@pytest.mark.parametrize("name", CHANGES)
def test_a_cluster_takes_a_change_and_its_reverse(
    namespace: Deployed, tmp_path: Path, name: str
) -> None:
    there_and_back(namespace, tmp_path, "ray-cluster", "rayclusters", CLUSTER, CHANGES[name])


def test_a_token_outlives_an_upgrade(namespace: Deployed, tmp_path: Path) -> None:
    upgrade("ray-cluster", CLUSTER, tmp_path)

    def token() -> dict[str, Any] | None:
        return namespace.kube.find("secret", "ray-cluster", NAMESPACE)

    before = eventually(token, 60, "a token by the operator")
    upgrade("ray-cluster", merge(CLUSTER, CHANGES["image"]), tmp_path)
    after = token()
    assert after
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["data"] == before["data"]


def test_a_cluster_takes_its_state_to_redis_and_keeps_it_there(
    namespace: Deployed, tmp_path: Path
) -> None:
    def tolerant(address: str) -> Values:
        # it is not there to be cleaned up
        redis = {"redis": {"address": address}, "deletionTimeoutSeconds": 1}
        return merge(CLUSTER, {"gcsFaultTolerance": {"enabled": True, **redis}})

    def finalizers() -> list[str]:
        (found,) = namespace.kube.list("rayclusters", NAMESPACE)
        return list(found["metadata"].get("finalizers", []))

    upgrade("ray-cluster", CLUSTER, tmp_path)
    before = namespace.uid("rayclusters", NAMESPACE)
    upgrade("ray-cluster", tolerant("redis:6379"), tmp_path)
    upgrade("ray-cluster", tolerant("other:6379"), tmp_path)
    assert namespace.uid("rayclusters", NAMESPACE) == before
    eventually(finalizers, 60, "the operator's finalizer")
    with pytest.raises(AssertionError, match="the state of the cluster that runs is in Redis"):
        upgrade("ray-cluster", CLUSTER, tmp_path)
    command = [tool("helm"), "--kubeconfig", str(namespace.kube.kubeconfig), "uninstall"]
    subprocess.run([*command, "ray-cluster", "--namespace", NAMESPACE, "--wait"], check=True)
    eventually(lambda: not namespace.kube.list("rayclusters", NAMESPACE), 60, "no cluster")


def test_a_job_takes_each_change_and_runs_again_only_when_what_runs_has_changed(
    namespace: Deployed, tmp_path: Path
) -> None:
    def jobs() -> list[str]:
        return [str(o["metadata"]["uid"]) for o in namespace.kube.list("rayjobs", NAMESPACE)]

    anew = {
        "entrypoint", "scaling", "submissionMode", "deletionRules", "runtimeEnv",
        "clusterSelector", "schedule", "rerunOnUpgrade", "env", "entrypointResources",
        "workers.env", "packages", "pods.volumes",
    }  # fmt: skip
    wrong = []
    for name, change in JOB_CHANGES.items():
        upgrade("ray-job", JOB, tmp_path)
        before = jobs()
        upgrade("ray-job", merge(JOB, change), tmp_path)
        if (jobs() != before) != (name in anew):
            wrong.append(name)
    assert wrong == []


@pytest.mark.parametrize("name", SERVICE_CHANGES)
def test_a_service_takes_a_change_and_its_reverse(
    namespace: Deployed, tmp_path: Path, name: str
) -> None:
    change = SERVICE_CHANGES[name]
    there_and_back(namespace, tmp_path, "ray-service", "rayservices", SERVICE, change)
