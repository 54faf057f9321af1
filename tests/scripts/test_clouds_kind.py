"""Clusters of kind: the sequence of commands, with programs that only write them down."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from cloud_world import World

Make = Callable[[str], World]

PROVISIONER = {
    "kind": "ConfigMap",
    "metadata": {"name": "local-path-config", "namespace": "local-path-storage"},
    "data": {"config.json": '{"nodePathMap": []}', "setup": "mkdir"},
}


@pytest.fixture
def there(world: Make) -> Iterator[World]:
    """A machine with Docker and kind, on which nothing runs."""
    found = world("kind")

    class Registry(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            _, _, *name, _, tag = self.path.split("/")
            known = f"{'/'.join(name)}:{tag}" in found.read()["registry"]
            self.send_response(200 if known else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.patches = (
        f"import clouds.kind as kind; kind.PORT = {server.server_port}; "
        f"kind._Registry.prefix = 'localhost:{server.server_port}/rayworks'"
    )
    content = found.read()
    content["objects"]["ConfigMap/local-path-storage/local-path-config"] = PROVISIONER
    meta = {"name": "local-path-provisioner", "namespace": "local-path-storage", "generation": 1}
    available = {"type": "Available", "status": "True"}
    content["objects"]["Deployment/local-path-storage/local-path-provisioner"] = {
        "kind": "Deployment",
        "metadata": meta,
        "spec": {"replicas": 1},
        "status": {"observedGeneration": 1, "updatedReplicas": 1, "conditions": [available]},
    }
    content["objects"]["Node//rayworks-worker"] = {
        "kind": "Node",
        "metadata": {"name": "rayworks-worker", "namespace": ""},
        "status": {"allocatable": {"memory": "16Gi"}},
    }
    found.write(content)
    yield found
    server.shutdown()


def plain(line: str, there: World) -> str:
    """A command line without what differs from run to run."""
    port = there.patches.partition("kind.PORT = ")[2].partition(";")[0]
    return line.replace(str(there.project), "").replace(port, "5001")


@pytest.mark.slow
def test_the_sequence_of_commands(there: World) -> None:
    done = there.deploy()
    assert done.returncode == 0, done.stderr
    calls = [plain(line, there) for line in there.calls()]
    commands = [line for line in calls if line.split()[0] in {"docker", "kind"}]
    hosts = "/etc/containerd/certs.d/localhost:5001"
    shown = "{{.State.Running}} rayworks-registry"
    assert commands == [
        "kind version",
        "docker --version",
        "docker info --format {{.ServerVersion}}",
        f"docker inspect --format {shown}",
        "docker rm --force rayworks-registry",
        "docker run --detach --restart always --network bridge --publish 127.0.0.1:5001:5000 "
        "--name rayworks-registry registry:3",
        "kind get clusters",
        "kind create cluster --name rayworks --config /.kube/kind/cluster.yaml --kubeconfig "
        "/.kube/kind.yaml --wait 300s",
        "kind get nodes --name rayworks",
        *(
            f"docker exec {words}"
            for node in ("rayworks-control-plane", "rayworks-worker")
            for words in (
                f"{node} mkdir -p {hosts}",
                f"--interactive {node} cp /dev/stdin {hosts}/hosts.toml",
            )
        ),
        "docker inspect --format {{json .NetworkSettings.Networks}} rayworks-registry",
        "docker network connect kind rayworks-registry",
        "docker version --format {{.Server.Os}}/{{.Server.Arch}}",
        "docker buildx bake --file images/docker-bake.hcl --progress plain "
        "--set *.platform=linux/arm64 --set *.output=type=registry operator ray mlflow",
    ]
    files = there.read()["docker"]["files"]
    assert files == ['[host."http://rayworks-registry:5000"]\n'] * 2
    hosting = there.read()["objects"]["ConfigMap/kube-public/local-registry-hosting"]
    assert "localhost:" in hosting["data"]["localRegistryHosting.v1"]


@pytest.mark.slow
def test_every_node_has_the_folder_that_volumes_are_made_in(there: World) -> None:
    assert there.deploy().returncode == 0
    config = yaml.safe_load(there.read()["docker"]["config"])
    mounts = [node["extraMounts"] for node in config["nodes"]]
    folder = str(there.project / ".kube" / "kind" / "storage")
    assert mounts == [[{"hostPath": folder, "containerPath": "/var/lib/rayworks"}]] * 4
    assert Path(folder).stat().st_mode & 0o777 == 0o777
    told = there.read()["objects"]["ConfigMap/local-path-storage/local-path-config"]["data"]
    assert told["config.json"] == '{"nodePathMap": [], "sharedFileSystemPath": "/var/lib/rayworks"}'
    assert told["setup"] == "mkdir"
    pools = {node.get("labels", {}).get("rayworks.io/pool") for node in config["nodes"]}
    assert pools == {None, "head", "cpu"}


@pytest.mark.slow
def test_again_and_away(there: World) -> None:
    assert there.deploy().returncode == 0
    there.calls()
    again = there.deploy()
    assert again.returncode == 0, again.stderr
    assert "(was done)" in again.stdout
    assert "✓" not in again.stdout
    assert not [line for line in there.calls() if " create " in line or " bake " in line]
    gone = there.run("destroy")
    assert gone.returncode == 0, gone.stderr
    assert there.calls("kind delete") == [
        f"kind delete cluster --name rayworks --kubeconfig {there.project}/.kube/kind.yaml"
    ]
    docker = there.read()["docker"]
    assert docker["clusters"] == docker["containers"] == []
    assert not (there.project / ".kube" / "kind").exists()


@pytest.mark.slow
def test_an_interrupted_one_goes_on(there: World) -> None:
    there.fail("docker network connect", "Error response from daemon: network kind not found")
    done = there.deploy()
    assert done.returncode == 1
    assert "network kind not found" in done.stderr
    there.calls()
    done = there.deploy()
    assert done.returncode == 0, done.stderr
    assert not [line for line in there.calls("kind") if " create " in line]


def test_what_is_missing_is_named(there: World) -> None:
    (there.home / "bin" / "kind").unlink()
    done = there.deploy()
    assert done.returncode == 1
    assert "kind is not installed: https://kind.sigs.k8s.io/" in done.stderr


def test_an_old_kind_and_an_engine_that_does_not_run_are_named(there: World) -> None:
    content = there.read()
    content["docker"]["kind"] = "0.20.0"
    there.write(content)
    assert "kind 0.20.0 is too old: 0.27 or later is needed" in there.deploy().stderr
    content["docker"]["kind"] = "0.30.0"
    there.write(content)
    there.fail("docker info", "Cannot connect to the Docker daemon. Is the docker daemon running?")
    assert "Is the docker daemon running?" in there.deploy().stderr
