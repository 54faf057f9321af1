"""The main job on a real cluster, in the order in which a user meets it.

The tests share one cluster (fixture `deployed`) and run in the order of this file; the last ones
take it away and look for what is left.
"""

from __future__ import annotations

import json
import re
import subprocess
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import yaml
from support import Deployed, eventually, make, result

from deploy import access
from lib.kube import Kube
from lib.paths import LOCAL, ROOT
from local import cgroups, cluster, snapshot

pytestmark = pytest.mark.cluster


def test_deploy_ends_with_a_trained_model(deployed: Deployed) -> None:
    assert "SUCCEEDED" in deployed.output
    found = result(deployed.job)
    assert isinstance(found["accuracy"], float)
    assert found["accuracy"] >= 0.95
    assert f"{found['accuracy']:.4f}" in deployed.output
    folder = deployed.job.results()
    assert folder is not None
    picture = next(folder.glob("*.png")).read_bytes()
    assert picture.startswith(b"\x89PNG")


def test_a_second_deploy_changes_nothing(deployed: Deployed) -> None:
    space = deployed.job.namespace

    def identity() -> tuple[str, str, str]:
        revisions = deployed.kube.list("secrets", None, "owner=helm")
        names = sorted(str(r["metadata"]["name"]) for r in revisions)
        return deployed.uid("rayjobs", space), deployed.uid("rayclusters", space), " ".join(names)

    before = identity()
    done = make("deploy")
    assert done.returncode == 0
    assert done.stdout.count("(was done)") == 5
    assert identity() == before


def test_kubectl_and_helm_keep_nothing_in_the_users_home(
    deployed: Deployed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECACHEDIR", raising=False)
    assert deployed.kube.list("pods", "kube-system")
    assert deployed.job.release.current()
    assert list(tmp_path.iterdir()) == []


def test_what_would_change_is_shown_before(deployed: Deployed, tmp_path: Path) -> None:
    done = make("diff")
    assert done.returncode == 0
    assert "nothing would change" in done.stdout
    other = tmp_path / "other.yaml"
    other.write_text("pods: {podLabels: {team: blue}}\n")
    done = make("diff", f"VALUES={other}")
    assert done.returncode == 0
    assert re.search(r"^\+ +team: blue$", done.stdout, re.MULTILINE)
    assert make("diff", "WORKLOAD=hello-service").returncode != 0


def test_the_environment_comes_as_values_of_a_plain_install(deployed: Deployed) -> None:
    values = yaml.safe_load(make("values").stdout)
    assert values["global"]["ray"]["images"]["ray"]["tag"]
    done = make("values", "NAMESPACE=fashion-mnist")
    assert done.returncode != 0
    assert "ray-environment" in done.stdout


def test_the_namespace_refuses_a_privileged_pod(deployed: Deployed) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "bad", "namespace": deployed.job.namespace},
        "spec": {"hostPID": True, "containers": [{"name": "c", "image": "x"}]},
    }
    done = subprocess.run(
        deployed.kube.command("apply", "-f", "-"), input=json.dumps(pod),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert 'violates PodSecurity "restricted' in done.stderr


def _status(url: str, token: str | None) -> int:
    request = urllib.request.Request(url)  # noqa: S310 - loopback
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_the_job_api_wants_the_token(deployed: Deployed) -> None:
    secret = access.token(deployed.job)
    assert secret
    head, space = f"pod/{deployed.job.head()}", deployed.job.namespace
    with deployed.kube.forwarded(head, 8265, space) as forwarded:
        assert _status(f"{forwarded.url}/api/jobs/", None) == 401
        assert _status(f"{forwarded.url}/api/jobs/", "wrong") == 403
        assert _status(f"{forwarded.url}/api/jobs/", secret) == 200


CONNECT = """
import socket, sys
host, port = sys.argv[1], int(sys.argv[2])
try:
    socket.create_connection((host, port), timeout=4).close()
    print("connected")
except TimeoutError:
    print("blocked")
"""


def _connects(kube: Kube, pod: str, space: str, host: str, port: int) -> str:
    return kube.exec(pod, ["python", "-c", CONNECT, host, str(port)], space).strip()


def test_a_forbidden_connection_is_blocked_and_an_allowed_one_is_not(deployed: Deployed) -> None:
    job = deployed.job
    head = deployed.kube.find("pod", job.head(), job.namespace)
    assert head
    address = head["status"]["podIP"]
    workers = deployed.kube.list("pods", job.namespace, "ray.io/node-type=worker")
    inside = workers[0]["metadata"]["name"]
    image = head["spec"]["containers"][0]["image"]
    security = head["spec"]["containers"][0]["securityContext"]
    stranger = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "stranger", "namespace": "default"},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "securityContext": head["spec"].get("securityContext", {}),
            "containers": [
                {
                    "name": "c",
                    "image": image,
                    "command": ["sleep", "600"],
                    "securityContext": security,
                    "resources": {},
                }
            ],
        },
    }
    deployed.kube.apply(stranger)
    try:
        wait = ["wait", "--for=condition=Ready", "pod/stranger", "--timeout=60s"]
        deployed.kube.run(*wait, namespace="default", timeout=70)
        for port in (6379, 8265, 10001):
            assert _connects(deployed.kube, inside, job.namespace, address, port) == "connected"
            assert _connects(deployed.kube, "stranger", "default", address, port) == "blocked"
    finally:
        deployed.kube.run("delete", "pod", "stranger", "--wait=false", namespace="default")


def test_a_standing_cluster_takes_a_script_and_goes_again(deployed: Deployed, script: Path) -> None:
    try:
        assert make("run", "WORKLOAD=cluster").returncode == 0
        good = make("submit", f"DIR={script}", "--", "python", "x.py")
        assert good.returncode == 0
        assert "squares [0, 1, 4, 9]" in good.stdout
        bad = make("submit", f"DIR={script}", "--", "python", "x.py", "3")
        assert bad.returncode != 0
        assert make("status").stdout.count("workload ") == 2
    finally:
        assert make("remove", "WORKLOAD=cluster").returncode == 0
    assert deployed.kube.find("namespace", "cluster") is None
    assert deployed.kube.find("namespace", deployed.job.namespace) is not None


def test_a_killed_worker_costs_at_most_one_epoch(deployed: Deployed, tmp_path: Path) -> None:
    # room for a second cluster on a small machine
    assert make("remove", "WORKLOAD=fashion-mnist").returncode == 0
    assert deployed.kube.find("namespace", deployed.job.namespace) is None
    values = tmp_path / "values.yaml"
    values.write_text("env: {EPOCHS: '60'}\n")
    job = deployed.fashion_mnist("killed")
    run = threading.Thread(
        target=make, args=("run", "WORKLOAD=fashion-mnist", "NAMESPACE=killed", f"VALUES={values}")
    )
    run.start()
    try:
        eventually(
            lambda: any('"epoch": 5,' in line for line in job.driver_log()),
            240,
            "five epochs of training",
        )
        worker = deployed.kube.list("pods", "killed", "ray.io/node-type=worker")[0]
        name = worker["metadata"]["name"]
        deployed.kube.run(
            "delete", "pod", name, "--grace-period=0", "--force", "--wait=false", namespace="killed"
        )
    finally:
        run.join()
    obj = job.object()
    assert obj
    assert obj["status"]["jobStatus"] == "SUCCEEDED"
    found = result(job)
    epochs = [entry["epoch"] for entry in found["history"]]  # type: ignore[attr-defined]
    assert epochs == list(range(1, 61))
    events = [json.loads(line) for line in job.driver_log() if line.startswith("{")]
    (resumed,) = [event for event in events if event["event"] == "resumed"]
    before = events[: events.index(resumed)]
    reached = max(event["epoch"] for event in before if event["event"] == "epoch")
    assert reached - resumed["after_epoch"] <= 1
    assert make("remove", "WORKLOAD=fashion-mnist", "NAMESPACE=killed").returncode == 0


def test_a_failing_job_says_why_and_exits_non_zero(deployed: Deployed, tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text("env: {EPOCHS: '0'}\njob: {backoffLimit: 0}\n")
    done = make("run", "WORKLOAD=fashion-mnist", "NAMESPACE=failing", f"VALUES={values}")
    try:
        assert done.returncode != 0
        assert "epochs" in done.stdout
        assert "make logs" in done.stdout
        assert "Traceback" not in done.stdout
    finally:
        make("remove", "WORKLOAD=fashion-mnist", "NAMESPACE=failing")


@pytest.mark.parametrize("component", ["kube-apiserver", "kubelet", "etcd", "containerd"])
def test_a_killed_component_comes_back(deployed: Deployed, component: str) -> None:
    pods = {str(p["metadata"]["uid"]) for p in deployed.kube.list("pods", "ray-system")}
    cluster.kill(component)
    eventually(lambda: cluster.healthy() and deployed.kube.alive(), 60, f"{component} is back")
    assert {str(p["metadata"]["uid"]) for p in deployed.kube.list("pods", "ray-system")} == pods


def test_a_killed_node_is_started_again_with_its_data(deployed: Deployed) -> None:
    def platform() -> set[str]:
        found = deployed.kube.list("deployments", "ray-system")
        return {str(one["metadata"]["uid"]) for one in found}

    before = platform()
    assert before
    cluster.kill("init")
    assert make("cluster-status").returncode != 0
    assert make("cluster").returncode == 0
    assert platform() == before
    done = make("deploy")
    assert done.returncode == 0
    assert "SUCCEEDED" in done.stdout


@pytest.mark.last
def test_destroy_leaves_nothing_and_ends_a_dashboard(deployed: Deployed) -> None:
    command = ["make", "-C", ROOT, "dashboard", "PORT=18265"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as dashboard:
        assert dashboard.stdout
        assert any("Ctrl-C ends" in line for line in dashboard.stdout)
        done = make("destroy")
        assert done.returncode == 0
        assert "lost connection to pod" in dashboard.stdout.read()
    assert dashboard.returncode != 0
    assert not LOCAL.exists()
    assert snapshot.difference(deployed.before, snapshot.take()) == []
    again = make("destroy")
    assert again.returncode == 0


@pytest.mark.last
def test_what_another_checkouts_dead_cluster_left_is_cleared_away(
    deployed: Deployed, tmp_path: Path
) -> None:
    make("destroy")
    try:
        cgroups.make()
        for command in (
            "ip link add rayworks type veth peer name rayworks-peer",
            f"ip link set rayworks alias {tmp_path}",
            "ip address add 10.213.77.1/30 dev rayworks",
            "ip link set rayworks up",
            "nft add table ip rayworks",
        ):
            subprocess.run(command.split(), check=True)
        done = make("cluster")
        assert done.returncode == 0
        assert "10.213.77.2" in done.stdout
    finally:
        make("destroy")
    assert snapshot.difference(deployed.before, snapshot.take()) == []
