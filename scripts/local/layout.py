"""The names, addresses and folders of the local cluster, each in one place."""

from __future__ import annotations

from pathlib import Path

from lib.paths import CACHE, LOCAL, ROOT

#: Node, network interface, firewall table and cgroup all carry this name.
NAME = "rayworks"

POD_CIDR = "10.244.0.0/16"
SERVICE_CIDR = "10.96.0.0/16"
API_SERVICE = "10.96.0.1"
DNS_SERVICE = "10.96.0.10"
DOMAIN = "cluster.local"
API_PORT = 6443

PKI = LOCAL / "pki"
CONFIG = LOCAL / "config"
CNI_PLUGINS = CONFIG / "cni-bin"
#: Where Debian puts the plugins of containernetworking-plugins.
DEBIAN_CNI = Path("/usr/lib/cni")
LOG = LOCAL / "log"
#: What the node sees as /var/lib.
LIB = LOCAL / "lib"
#: Volumes of the default StorageClass, a folder each.
VOLUMES = LIB / "volumes"
KUBECONFIG = LOCAL / "kubeconfig"
VALUES = LOCAL / "values.yaml"
PLATFORM_VALUES = LOCAL / "platform-values.yaml"
NODE = LOCAL / "node.json"
SUPERVISOR_CONFIG = CONFIG / "supervisord.conf"

#: Images and their build cache outlive the cluster: they are dear to make.
IMAGE_STORE = CACHE / "containerd"
BUILD_CACHE = CACHE / "buildkit"
ROOTFS = CACHE / "rootfs"
#: Which checkout's cluster uses the stores above, and the lock around changing that.
OWNER = CACHE / "cluster.json"
LOCK = CACHE / "cluster.lock"

MANIFESTS = ROOT / "scripts" / "local" / "manifests"
IMAGES = ROOT / "images"

CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
BUILDKIT_SOCKET = "/run/buildkit/buildkitd.sock"
SUPERVISOR_SOCKET = "/run/supervisor.sock"
