"""The daemons of the node: how each is started, what it needs first, and how to tell its health.

Every file that a daemon reads is written by ``write``; a digest of them goes into the daemon's
section of supervisord's configuration, so that a changed file restarts just those who read it.
"""

from __future__ import annotations

import base64
import configparser
import hashlib
import io
import json
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from lib.paths import TOOLS_BIN
from local import init, kube, layout, pki
from local.box import Box

#: A log file grows to this before it is turned over, once.
LOG_BYTES = "10MB"


@dataclass(frozen=True)
class Component:
    """A daemon of the node.

    Attributes:
        name: as in status, logs and supervisord.
        command: its command line.
        health: URL that answers 200, or ``unix:`` and a socket that takes connections.
        needs: components that must be healthy before it is started.
        files: configuration, a text for each path.
        environment: added to that of every process.
    """

    name: str
    command: tuple[str, ...]
    health: str
    needs: tuple[str, ...] = ()
    files: Mapping[Path, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    def check(self, node: Box) -> str | None:
        """Why it is not healthy; None when it is."""
        if self.health.startswith("unix:"):
            path = self.health.removeprefix("unix:")
            return None if node.connects(path) else f"nothing listens on {path}"
        try:
            kube.get(self.health)
        except kube.UnreachableError as error:
            return str(error)
        return None


@dataclass(frozen=True)
class Machine:
    """What of the machine the daemons' settings depend on.

    Attributes:
        address: the node's address.
        open_files: how many files a process may open.
        oom_score: the lowest oom_score_adj that a daemon can give itself.
        may_lower_oom_score: whether a process may make itself less likely to be killed.
        pause: the image that holds a pod's namespaces.
    """

    address: str
    open_files: int
    oom_score: int
    may_lower_oom_score: bool
    pause: str

    @classmethod
    def read(cls, address: str, pause: str) -> Machine:
        """Look at this machine."""
        may_lower = has_capability(24)
        current = int(Path("/proc/self/oom_score_adj").read_text())
        return cls(
            address=address,
            open_files=init.open_files_limit(),
            oom_score=-900 if may_lower else current,
            may_lower_oom_score=may_lower,
            pause=pause,
        )


def has_capability(number: int) -> bool:
    """Whether this process has a Linux capability; 24 is CAP_SYS_RESOURCE."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> number & 1)
    return False


def all_of(machine: Machine) -> list[Component]:
    """Every component for a machine, in an order in which each one's needs come before it."""
    return [
        _etcd(machine),
        _apiserver(machine),
        _controller_manager(machine),
        _scheduler(machine),
        _containerd(machine),
        _kubelet(machine),
        _buildkitd(machine),
        _kube_proxy(machine),
        _felix(machine),
    ]


def _tool(name: str) -> str:
    # The link's target names the version: a new version is a new command line, so a restart.
    return str((TOOLS_BIN / name).resolve())


def _flags(options: Mapping[str, object]) -> list[str]:
    return [f"--{name}={_text(value)}" for name, value in options.items()]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _yaml(content: Mapping[str, object]) -> str:
    return yaml.safe_dump(dict(content), sort_keys=False)


def _etcd(machine: Machine) -> Component:
    options = {
        "name": layout.NAME,
        "data-dir": "/var/lib/etcd",
        "listen-client-urls": "https://127.0.0.1:2379",
        "advertise-client-urls": "https://127.0.0.1:2379",
        "listen-peer-urls": "https://127.0.0.1:2380",
        "initial-advertise-peer-urls": "https://127.0.0.1:2380",
        "initial-cluster": f"{layout.NAME}=https://127.0.0.1:2380",
        "listen-metrics-urls": f"http://{machine.address}:2381",
        "log-level": "warn",
    }
    for prefix in ("", "peer-"):
        options[f"{prefix}cert-file"] = str(pki.certificate("etcd"))
        options[f"{prefix}key-file"] = str(pki.key("etcd"))
        options[f"{prefix}trusted-ca-file"] = str(pki.certificate("ca"))
    flags = [*_flags(options), "--client-cert-auth", "--peer-client-cert-auth"]
    health = f"http://{machine.address}:2381/readyz"
    return Component("etcd", (_tool("etcd"), *flags), health=health)


def _apiserver(machine: Machine) -> Component:
    options = {
        "advertise-address": machine.address,
        "secure-port": layout.API_PORT,
        "etcd-servers": "https://127.0.0.1:2379",
        "etcd-cafile": pki.certificate("ca"),
        "etcd-certfile": pki.certificate("apiserver-etcd"),
        "etcd-keyfile": pki.key("apiserver-etcd"),
        "tls-cert-file": pki.certificate("apiserver"),
        "tls-private-key-file": pki.key("apiserver"),
        "client-ca-file": pki.certificate("ca"),
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "allow-privileged": True,
        "service-cluster-ip-range": layout.SERVICE_CIDR,
        "service-account-issuer": f"https://kubernetes.default.svc.{layout.DOMAIN}",
        "service-account-key-file": pki.key("service-account"),
        "service-account-signing-key-file": pki.key("service-account"),
        "kubelet-certificate-authority": pki.certificate("ca"),
        "kubelet-client-certificate": pki.certificate("apiserver-kubelet"),
        "kubelet-client-key": pki.key("apiserver-kubelet"),
        # By name it would need the host's DNS to know the node.
        "kubelet-preferred-address-types": "InternalIP",
        "requestheader-client-ca-file": pki.certificate("ca"),
        "requestheader-allowed-names": "front-proxy",
        "requestheader-username-headers": "X-Remote-User",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "proxy-client-cert-file": pki.certificate("front-proxy"),
        "proxy-client-key-file": pki.key("front-proxy"),
        "profiling": False,
    }
    return Component(
        "kube-apiserver",
        (_tool("kube-apiserver"), *_flags(options)),
        health=f"https://{machine.address}:{layout.API_PORT}/readyz",
        needs=("etcd",),
    )


def _controller_manager(machine: Machine) -> Component:
    path, content = _kubeconfig("controller-manager", machine.address)
    options = {
        "kubeconfig": path,
        "authentication-kubeconfig": path,
        "authorization-kubeconfig": path,
        "bind-address": machine.address,
        "service-account-private-key-file": pki.key("service-account"),
        "root-ca-file": pki.certificate("ca"),
        "cluster-signing-cert-file": pki.certificate("ca"),
        "cluster-signing-key-file": pki.key("ca"),
        "cluster-cidr": layout.POD_CIDR,
        "use-service-account-credentials": True,
        # Each controller begins by asking for an account: at the usual 20 a second, the first
        # Deployment would wait for seconds.
        "kube-api-qps": 200,
        "kube-api-burst": 400,
        "leader-elect": False,
        "profiling": False,
    }
    return Component(
        "kube-controller-manager",
        (_tool("kube-controller-manager"), *_flags(options)),
        health=f"https://{machine.address}:10257/healthz",
        needs=("kube-apiserver",),
        files={path: content},
    )


def _scheduler(machine: Machine) -> Component:
    path, content = _kubeconfig("scheduler", machine.address)
    options = {
        "kubeconfig": path,
        "authentication-kubeconfig": path,
        "authorization-kubeconfig": path,
        "bind-address": machine.address,
        "leader-elect": False,
        "profiling": False,
    }
    return Component(
        "kube-scheduler",
        (_tool("kube-scheduler"), *_flags(options)),
        health=f"https://{machine.address}:10259/healthz",
        needs=("kube-apiserver",),
        files={path: content},
    )


def _containerd(machine: Machine) -> Component:
    path = layout.CONFIG / "containerd.toml"
    plugins = layout.CNI_PLUGINS
    network = layout.CONFIG / "cni"
    conflist = {
        "name": layout.NAME,
        "cniVersion": "0.4.0",
        "plugins": [
            {
                "type": "calico",
                "datastore_type": "kubernetes",
                "nodename": layout.NAME,
                "nodename_file_optional": True,
                "log_file_path": "/var/log/calico-cni.log",
                "log_file_max_size": 10,
                "log_file_max_count": 1,
                "log_level": "warning",
                "mtu": 0,
                # On a tmpfs: addresses are free again when a box ends without giving them back.
                "ipam": {
                    "type": "host-local",
                    "subnet": layout.POD_CIDR,
                    "dataDir": "/run/cni/addresses",
                },
                "policy": {"type": "k8s"},
                "kubernetes": {"kubeconfig": str(layout.CONFIG / "calico-cni.kubeconfig")},
            },
            {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True},
        ],
    }
    kubeconfig_path, kubeconfig = _kubeconfig("calico-cni", machine.address)
    config = f"""\
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"

[grpc]
address = "{layout.CONTAINERD_SOCKET}"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{machine.pause}"
restrict_oom_score_adj = {_text(not machine.may_lower_oom_score)}

[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
default_runtime_name = "runc"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{plugins}"
conf_dir = "{network}"
"""
    return Component(
        "containerd",
        ("containerd", "--config", str(path)),
        health=f"unix:{layout.CONTAINERD_SOCKET}",
        files={
            path: config,
            network / "10-calico.conflist": json.dumps(conflist, indent=2),
            kubeconfig_path: kubeconfig,
        },
    )


def _kubelet(machine: Machine) -> Component:
    path = layout.CONFIG / "kubelet.yaml"
    kubeconfig_path, kubeconfig = _kubeconfig("kubelet", machine.address)
    config = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": machine.address,
        "healthzBindAddress": machine.address,
        "containerRuntimeEndpoint": f"unix://{layout.CONTAINERD_SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{layout.NAME}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "oomScoreAdj": machine.oom_score,
        "maxOpenFiles": machine.open_files,
        "clusterDNS": [layout.DNS_SERVICE],
        "clusterDomain": layout.DOMAIN,
        "tlsCertFile": str(pki.certificate("kubelet-serving")),
        "tlsPrivateKeyFile": str(pki.key("kubelet-serving")),
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(pki.certificate("ca"))},
        },
        "authorization": {"mode": "Webhook"},
        # For the daemons of the node, which are outside the pods' control group.
        "systemReserved": {"cpu": "200m", "memory": "1536Mi"},
        # Images are ours and cannot be pulled again: nothing may collect them.
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "evictionHard": {
            "memory.available": "200Mi",
            "nodefs.available": "1Gi",
            "imagefs.available": "1Gi",
        },
        "containerLogMaxSize": "10Mi",
        "containerLogMaxFiles": 2,
        "serializeImagePulls": False,
    }
    options = {
        "config": path,
        "kubeconfig": kubeconfig_path,
        "hostname-override": layout.NAME,
        "node-ip": machine.address,
        "root-dir": "/var/lib/kubelet",
    }
    return Component(
        "kubelet",
        (_tool("kubelet"), *_flags(options)),
        health=f"http://{machine.address}:10248/healthz",
        needs=("containerd", "kube-apiserver"),
        files={path: _yaml(config), kubeconfig_path: kubeconfig},
    )


def _buildkitd(machine: Machine) -> Component:
    path = layout.CONFIG / "buildkitd.toml"
    # Room for one build of the Ray image, beside the image: tools and images stay under 30 GB.
    config = f"""\
root = "/var/lib/buildkit"

[grpc]
address = ["unix://{layout.BUILDKIT_SOCKET}"]

[worker.oci]
enabled = false

[worker.containerd]
address = "{layout.CONTAINERD_SOCKET}"
namespace = "k8s.io"
networkMode = "host"
defaultCgroupParent = "/{layout.NAME}/buildkit"

[[worker.containerd.gcpolicy]]
all = true
reservedSpace = "2GB"
maxUsedSpace = "8GB"
"""
    return Component(
        "buildkitd",
        (_tool("buildkitd"), "--config", str(path)),
        health=f"unix:{layout.BUILDKIT_SOCKET}",
        needs=("containerd",),
        files={path: config},
    )


def _kube_proxy(machine: Machine) -> Component:
    path = layout.CONFIG / "kube-proxy.yaml"
    kubeconfig_path, kubeconfig = _kubeconfig("kube-proxy", machine.address)
    config = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clusterCIDR": layout.POD_CIDR,
        "hostnameOverride": layout.NAME,
        "bindAddress": machine.address,
        "healthzBindAddress": f"{machine.address}:10256",
        "oomScoreAdj": machine.oom_score,
        # The host's connection tracking is not ours to size.
        "conntrack": {"maxPerCore": 0, "min": 0},
        "clientConnection": {"kubeconfig": str(kubeconfig_path)},
    }
    return Component(
        "kube-proxy",
        (_tool("kube-proxy"), f"--config={path}"),
        health=f"http://{machine.address}:10256/healthz",
        needs=("kube-apiserver",),
        files={path: _yaml(config), kubeconfig_path: kubeconfig},
    )


def _felix(machine: Machine) -> Component:
    kubeconfig_path, kubeconfig = _kubeconfig("calico", machine.address)
    return Component(
        "calico-felix",
        (_tool("calico-felix"),),
        health=f"http://{machine.address}:9099/readiness",
        needs=("kube-apiserver", "calico-resources"),
        files={kubeconfig_path: kubeconfig},
        environment={
            "KUBECONFIG": str(kubeconfig_path),
            "FELIX_DATASTORETYPE": "kubernetes",
            "FELIX_FELIXHOSTNAME": layout.NAME,
            "FELIX_IPTABLESBACKEND": "nft",
            "FELIX_DEFAULTENDPOINTTOHOSTACTION": "ACCEPT",
            "FELIX_IPV6SUPPORT": "false",
            "FELIX_USAGEREPORTINGENABLED": "false",
            "FELIX_XDPENABLED": "false",
            "FELIX_HEALTHENABLED": "true",
            "FELIX_HEALTHHOST": machine.address,
            "FELIX_LOGSEVERITYSCREEN": "warning",
            "FELIX_LOGFILEPATH": "none",
            "FELIX_LOGSEVERITYFILE": "none",
            "FELIX_LOGSEVERITYSYS": "none",
        },
    )


def kubeconfig(identity: str, address: str) -> str:
    """A kubeconfig for one of our identities, with its key inside.

    Args:
        identity: name of a certificate in ``pki``.
        address: the node's address.
    """
    return _yaml(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": layout.NAME,
                    "cluster": {
                        "server": f"https://{address}:{layout.API_PORT}",
                        "certificate-authority-data": _base64(pki.certificate("ca")),
                    },
                }
            ],
            "users": [
                {
                    "name": identity,
                    "user": {
                        "client-certificate-data": _base64(pki.certificate(identity)),
                        "client-key-data": _base64(pki.key(identity)),
                    },
                }
            ],
            "contexts": [
                {
                    "name": layout.NAME,
                    "context": {"cluster": layout.NAME, "user": identity},
                }
            ],
            "current-context": layout.NAME,
        }
    )


def _kubeconfig(identity: str, address: str) -> tuple[Path, str]:
    return layout.CONFIG / f"{identity}.kubeconfig", kubeconfig(identity, address)


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def write(components: Sequence[Component]) -> None:
    """Write every component's files, and supervisord's configuration of them all."""
    for component in components:
        for path, content in component.files.items():
            write_private(path, content)
    # containerd looks for network plugins in one folder only.
    layout.CNI_PLUGINS.mkdir(exist_ok=True)
    for plugin in ("host-local", "loopback", "portmap"):
        _link(layout.CNI_PLUGINS / plugin, layout.DEBIAN_CNI / plugin)
    _link(layout.CNI_PLUGINS / "calico", Path(_tool("calico")))
    write_private(layout.SUPERVISOR_CONFIG, supervisor_config(components))


def _link(link: Path, target: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def write_private(path: Path, content: str) -> None:
    """Write a file that only its owner may read, leaving it alone when it is the same."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.exists() and path.read_text() == content:
        return
    part = path.with_name(path.name + ".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(content)
    part.rename(path)


def supervisor_config(components: Sequence[Component]) -> str:
    """Write supervisord's configuration: it starts nothing by itself and restarts whatever ends."""
    config = configparser.RawConfigParser()
    config["supervisord"] = {
        "user": "root",
        "logfile": "/var/log/supervisord.log",
        "logfile_maxbytes": LOG_BYTES,
        "logfile_backups": "1",
        "pidfile": "/run/supervisord.pid",
        "childlogdir": "/run/tmp",
    }
    config["unix_http_server"] = {"file": layout.SUPERVISOR_SOCKET, "chmod": "0700"}
    config["rpcinterface:supervisor"] = {
        "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
    }
    certificates = pki.fingerprint()
    for component in components:
        read = json.dumps([certificates, *component.files.values()])
        digest = hashlib.sha256(read.encode()).hexdigest()
        variables = {**component.environment, "CONFIGURATION": digest[:12]}
        environment = ",".join(f'{name}="{value}"' for name, value in variables.items())
        config[f"program:{component.name}"] = {
            "command": _escape(shlex.join(component.command)),
            "environment": _escape(environment),
            "autostart": "false",
            "autorestart": "true",
            # Any end counts as an end after a good start: restarted once a second, for ever.
            "startsecs": "0",
            "stdout_logfile": f"/var/log/{component.name}.log",
            "stdout_logfile_maxbytes": LOG_BYTES,
            "stdout_logfile_backups": "1",
            "redirect_stderr": "true",
        }
    text = io.StringIO()
    config.write(text)
    return text.getvalue()


def _escape(text: str) -> str:
    """Escape for supervisord, which fills in %(name)s: a plain % is written twice."""
    return text.replace("%", "%%")
