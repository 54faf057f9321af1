"""Several nodes in Docker, with a registry beside them, as kind documents it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import yaml
from rich.console import Console

from clouds.addons import AddOns
from clouds.cli import Cli, needs
from clouds.images import Images, Registry
from clouds.record import Record, fixed
from deploy import explain
from deploy.capacity import Needs, quantity
from deploy.options import Options
from deploy.stages import Report, Stage, Undoable
from lib.errors import UserError
from lib.kube import Kube, available

NAME = "rayworks"
REGISTRY = "rayworks-registry"
PORT = 5001
IMAGE = "registry:3"

AGAIN = "make deploy CLOUD=kind"

#: Nodes of images of 0.27 and later look for registries in a folder, and their network plugin
#: enforces NetworkPolicies.
LEAST = (0, 27)

KIND = Cli("kind", "https://kind.sigs.k8s.io/docs/user/quick-start/#installation")
DOCKER = Cli("docker", "https://docs.docker.com/engine/install")

#: Where the shared folder is in each node, and where the provisioner makes its volumes.
SHARED = "/var/lib/rayworks"


class _Registry:
    """A registry in a container: the nodes know it as this machine does, localhost:5001."""

    prefix = f"localhost:{PORT}/rayworks"

    def platform(self) -> str:
        """That of Docker, on which the nodes are."""
        return DOCKER.text("version", "--format", "{{.Server.Os}}/{{.Server.Arch}}").strip()

    def enter(self) -> None:
        """It asks nobody for a name."""

    def has(self, name: str, tag: str) -> bool:
        """Whether it has a manifest of this name."""
        kinds = "application/vnd.oci.image.index.v1+json,application/vnd.oci.image.manifest.v1+json"
        request = urllib.request.Request(
            f"http://localhost:{PORT}/v2/rayworks/{name}/manifests/{tag}",
            method="HEAD",
            headers={"Accept": kinds},
        )
        try:
            with urllib.request.urlopen(request, timeout=10):  # noqa: S310
                return True
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return False
            raise UserError(f"the registry at localhost:{PORT} answers {error.code}") from error
        except OSError as error:
            raise UserError(
                f"the registry at localhost:{PORT} does not answer: {error}",
                f"docker logs {REGISTRY}",
            ) from error


class _Images(Images):
    def registry(self) -> Registry | None:
        return _Registry()


class _Cluster:
    """Nodes and registry."""

    name = "cluster"

    def __init__(self, record: Record) -> None:
        self.record = record
        self.kube = Kube(record.kubeconfig)

    def check(self) -> str | None:
        """All steps were gone through, registry and nodes run."""
        if not self.record.get("made") or not self.kube.alive():
            return None
        return self._summary() if self._running() else None

    def _summary(self) -> str:
        return f"{len(self.kube.list('nodes'))} nodes; registry at localhost:{PORT}"

    @staticmethod
    def _running() -> bool:
        words = ("inspect", "--format", "{{.State.Running}}", REGISTRY)
        return DOCKER.tried(*words).stdout.strip() == "true"

    def action(self, report: Report) -> str:
        """Make what is missing.

        Raises:
            UserError: a program is missing or too old, or no engine runs.
        """
        report("programs")
        checked = [needs(KIND, LEAST, "version"), needs(DOCKER, (20, 10), "--version")]
        if wrong := [problem for _, problem in checked if problem]:
            raise UserError("\n  ".join(wrong), AGAIN)
        DOCKER.text("info", "--format", "{{.ServerVersion}}")
        report("registry")
        if not self._running():
            DOCKER.tried("rm", "--force", REGISTRY)
            DOCKER.text(
                "run", "--detach", "--restart", "always", "--network", "bridge",
                "--publish", f"127.0.0.1:{PORT}:5000", "--name", REGISTRY, IMAGE, timeout=600,
            )  # fmt: skip
        if NAME not in KIND.text("get", "clusters").split():
            KIND.follow(
                report, "create", "cluster", "--name", NAME, "--config", str(self._config()),
                "--kubeconfig", str(self.record.kubeconfig), "--wait", "300s",
            )  # fmt: skip
        elif not self.kube.alive():
            report("credentials")
            path = str(self.record.kubeconfig)
            KIND.text("export", "kubeconfig", "--name", NAME, "--kubeconfig", path)
        self.record.kubeconfig.chmod(0o600)
        report("registry of the nodes")
        self._introduce()
        report("shared folder")
        self._share()
        self.record.set(made=True)
        return self._summary()

    def _config(self) -> Path:
        """What kind is told: the file of the environment, with the shared folder in each node."""
        content = yaml.safe_load(fixed("kind", "cluster.yaml").read_text())
        folder = self.record.folder / "storage"
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o777)  # as pods of any user write to it
        for node in content["nodes"]:
            node["extraMounts"] = [{"hostPath": str(folder), "containerPath": SHARED}]
        return self.record.write("cluster.yaml", yaml.safe_dump(content, sort_keys=False))

    def _introduce(self) -> None:
        """Have each node look for localhost:5001 in the registry's container."""
        folder = f"/etc/containerd/certs.d/localhost:{PORT}"
        hosts = f'[host."http://{REGISTRY}:5000"]\n'
        for node in KIND.text("get", "nodes", "--name", NAME).split():
            DOCKER.text("exec", node, "mkdir", "-p", folder)
            words = ("exec", "--interactive", node, "cp", "/dev/stdin", f"{folder}/hosts.toml")
            DOCKER.text(*words, input_text=hosts)
        joined = DOCKER.text("inspect", "--format", "{{json .NetworkSettings.Networks}}", REGISTRY)
        if "kind" not in (json.loads(joined) or {}):
            DOCKER.text("network", "connect", "kind", REGISTRY)
        help_page = "https://kind.sigs.k8s.io/docs/user/local-registry/"
        hosting = {"host": f"localhost:{PORT}", "help": help_page}
        self.kube.apply(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "local-registry-hosting", "namespace": "kube-public"},
                "data": {"localRegistryHosting.v1": yaml.safe_dump(hosting)},
            }
        )

    def _share(self) -> None:
        """Have kind's own provisioner make volumes in the folder that all nodes have mounted.

        By default it makes them on one node, where the pods of no other can write.
        """
        wanted = json.dumps({"nodePathMap": [], "sharedFileSystemPath": SHARED})
        space, name = "local-path-storage", "local-path-provisioner"
        found = self.kube.find("configmap", "local-path-config", space)
        if found is None:
            raise UserError(
                f"kind's node image has no ConfigMap local-path-config in {space}",
                f"kind {'.'.join(map(str, LEAST))} or later has it: kind delete cluster --name "
                f"{NAME}, then {AGAIN}",
            )
        if found["data"].get("config.json") != wanted:
            patch = json.dumps({"data": {"config.json": wanted}})
            words = ("patch", "configmap", "local-path-config", "--type", "merge", "-p", patch)
            self.kube.run(*words, namespace=space)
            self.kube.run("rollout", "restart", f"deployment/{name}", namespace=space)
        for _ in explain.patience(120):
            deployment = self.kube.find("deployment", name, space)
            if deployment and available(deployment):
                return
        raise UserError(f"{name} did not get ready:\n{explain.namespace(self.kube, space)}", AGAIN)

    def undo(self, report: Report) -> str:
        """Nodes, registry and the shared folder away."""
        for cli in (KIND, DOCKER):
            if not cli.there():
                raise UserError(f"{cli.program} is not installed: {cli.install}")
        path = str(self.record.kubeconfig)
        report("nodes")
        KIND.text("delete", "cluster", "--name", NAME, "--kubeconfig", path, timeout=300)
        report("registry")
        DOCKER.text("rm", "--force", "--volumes", REGISTRY)
        self.record.forget()
        return "removed, with its volumes and the registry's images"


class KindCluster:
    """A cluster that kind makes.

    Args:
        options: what the user says.
    """

    name = "kind"
    words = "CLOUD=kind"

    def __init__(self, options: Options) -> None:
        self.record = Record(self.name)
        self.kubeconfig = self.record.kubeconfig
        self.cluster = _Cluster(self.record)
        self.images = _Images(self.record, options, AGAIN)
        self.add_ons = AddOns(self.name, self.record, options.add_ons, dict, AGAIN)

    def stages(self) -> list[Stage]:
        """Nodes and registry; images; add-ons."""
        return [self.cluster, self.images, self.add_ons]

    def values(self) -> list[Path]:
        """What is fixed, and the images."""
        return [fixed(self.name, "values.yaml"), self.record.folder / "images.yaml"]

    def platform_values(self) -> list[Path]:
        """The same: images are pushed together."""
        return self.values()

    def storage_class(self) -> str:
        """The default: that of kind's own provisioner."""
        return ""

    def fits(self, workload: str, needs: Needs) -> None:
        """Compare with one node: each says of itself that it has the whole machine."""
        nodes = Kube(self.kubeconfig).list("nodes")
        memory = max((quantity(n["status"]["allocatable"]["memory"]) for n in nodes), default=0)
        short = []
        if needs.memory > memory:
            short.append(
                f"{needs.memory / 2**30:.1f} GiB of memory, and Docker has {memory / 2**30:.1f}"
            )
        if needs.gpus:
            short.append(f"{needs.gpus:g} GPUs, and kind's nodes have none")
        if short:
            raise UserError(
                f"{workload} does not fit this machine: it asks for {'; for '.join(short)}",
                "fewer or smaller workers in the workload's values, or more memory for Docker",
            )

    def provide(self, manifests: str, report: Report) -> None:
        """Nothing: nodes pull what pods name."""

    def reach(self, report: Report) -> None:
        """Nothing: `kind create cluster` has written the kubeconfig."""

    def equip(self, kube: Kube, namespace: str) -> None:
        """Nothing."""

    def confirm_end(self, console: Console) -> None:
        """Nothing is asked: it costs some minutes to have it again."""

    def to_undo(self, inside: Sequence[Undoable]) -> list[Undoable]:
        """Only the nodes: their end ends all that runs in them."""
        return [self.cluster]

    def leftovers(self) -> list[str]:
        """Nodes or a registry that are there still."""
        left = [
            f"kind cluster {name}: kind delete cluster --name {name}"
            for name in KIND.text("get", "clusters").split()
            if name == NAME
        ]
        if DOCKER.tried("inspect", REGISTRY).returncode == 0:
            left.append(f"container {REGISTRY}: docker rm --force {REGISTRY}")
        return left

    def dashboards(self) -> dict[str, str]:
        """None: all that there is runs in the cluster."""
        return {}

    def explained(self, error: UserError) -> UserError:
        """As it is."""
        return error
