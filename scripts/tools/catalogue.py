"""What is built: each tool, where its version stands, how it is stamped, and who needs it.

A tool's folder beside this file holds its wrapper module: a go.mod that names the packages to
build (`tool`) and pins every version, and a go.sum with their hashes. Versions stand nowhere else.
chart-proof is ours: its folder holds its source too, and its versions are those of the tools that
it speaks for.
"""

from __future__ import annotations

import functools
import hashlib
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lib.errors import UserError
from lib.paths import CACHE

_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Tool:
    """A pinned tool, built with the Go toolchain from its wrapper module.

    Attributes:
        name: of the tool and of its folder.
        module: the module whose version is the tool's.
        groups: who needs it; keys of GROUPS.
        binaries: each program, with the arguments that make it print its version
            (None: it cannot, or prints something else).
        renames: a program's name as Go derives it from its package, and ours for it.
        stamps: Go variables set by the linker; {version}, {major} and {minor} are filled in.
        share: files of the module that are kept beside the programs, as glob patterns.
        home: the folder that its own is in.
        tags: Go build tags.
    """

    name: str
    module: str
    groups: tuple[str, ...]
    binaries: Mapping[str, tuple[str, ...] | None]
    renames: Mapping[str, str] = field(default_factory=dict)
    stamps: Mapping[str, str] = field(default_factory=dict)
    share: tuple[str, ...] = ()
    home: Path = _HERE
    tags: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """The wrapper module."""
        return self.home / self.name

    @functools.cached_property
    def _gomod(self) -> str:
        return (self.folder / "go.mod").read_text()

    @functools.cached_property
    def version(self) -> str:
        """The version that the wrapper's go.mod requires, without its leading v.

        Go cannot name the release 5.2.0 of a module whose path does not end in /v5. Of those
        go.mod requires a commit, with a remark: `// indirect; release 5.2.0`.
        """
        found = re.search(
            rf"^\s*(?:require )?{re.escape(self.module)} v(\S+)(?:.*; release (\S+))?",
            self._gomod,
            re.M,
        )
        if not found:
            raise UserError(f"{self.folder / 'go.mod'} does not require {self.module}")
        return found[2] or found[1]

    @functools.cached_property
    def go(self) -> tuple[int, ...]:
        """The Go release that the wrapper's go.mod asks for, for example (1, 26, 3)."""
        found = re.search(r"^go (\d+(?:\.\d+)*)", self._gomod, re.M)
        if not found:
            raise UserError(f"{self.folder / 'go.mod'} names no Go release")
        return tuple(int(part) for part in found[1].split("."))

    @property
    def ldflags(self) -> str:
        """The linker's flags: no symbol tables, and the stamps."""
        major, minor = self.version.split(".")[:2]
        values = {"version": self.version, "major": major, "minor": minor}
        stamps = (f" -X {name}={value.format(**values)}" for name, value in self.stamps.items())
        return "-s -w" + "".join(stamps)

    @functools.cached_property
    def entry(self) -> Path:
        """Its folder in the cache; another one for every change to what goes into it."""
        digest = hashlib.sha256(self._gomod.encode())
        digest.update((self.folder / "go.sum").read_bytes())
        for suffix in ("go", "sh", "patch"):
            for source in sorted(self.folder.glob(f"*.{suffix}")):
                digest.update(source.read_bytes())
        parts = (self.ldflags, self.share, platform.machine(), *self.tags)
        digest.update(repr(parts).encode())
        return CACHE / "tools" / self.name / f"{self.version}-{digest.hexdigest()[:12]}"


_KUBERNETES_VERSION = {
    f"{package}.{variable}": value
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    for variable, value in {
        "gitVersion": "v{version}",
        "gitMajor": "{major}",
        "gitMinor": "{minor}",
    }.items()
}

#: In the order of the build: what later tools share is compiled first.
TOOLS: tuple[Tool, ...] = (
    Tool(
        name="kubernetes",
        module="k8s.io/kubernetes",
        groups=("deploy",),
        binaries={
            "kube-apiserver": ("--version",),
            "kube-controller-manager": ("--version",),
            "kube-scheduler": ("--version",),
            "kube-proxy": ("--version",),
            "kubelet": ("--version",),
            "kubectl": ("version", "--client"),
        },
        # Without them the API server says v0.0.0, and charts' kubeVersion conditions fail.
        stamps=_KUBERNETES_VERSION,
    ),
    Tool(
        name="etcd",
        module="go.etcd.io/etcd/server/v3",
        groups=("deploy",),
        binaries={"etcd": ("--version",)},
        renames={"server": "etcd"},
    ),
    Tool(
        name="buildkit",
        module="github.com/moby/buildkit",
        groups=("deploy",),
        binaries={"buildkitd": ("--version",), "buildctl": ("--version",)},
        stamps={"github.com/moby/buildkit/version.Version": "v{version}"},
    ),
    Tool(
        name="helm",
        module="helm.sh/helm/v4",
        groups=("deploy", "dev"),
        binaries={"helm": ("version", "--short")},
        stamps={"helm.sh/helm/v4/internal/version.version": "v{version}"},
    ),
    Tool(
        name="kuberay",
        module="github.com/ray-project/kuberay/ray-operator",
        groups=("deploy", "dev"),
        binaries={"ray-operator": None},
        share=("config/crd/bases/*.yaml",),
    ),
    Tool(
        name="coredns",
        module="github.com/coredns/coredns",
        groups=("deploy",),
        binaries={"coredns": ("-version",)},
    ),
    Tool(
        name="metrics-server",
        module="sigs.k8s.io/metrics-server",
        groups=("deploy",),
        binaries={"metrics-server": ("--version",)},
        stamps=_KUBERNETES_VERSION,
    ),
    Tool(
        name="local-path-provisioner",
        module="github.com/rancher/local-path-provisioner",
        groups=("deploy",),
        binaries={"local-path-provisioner": None},
    ),
    Tool(
        name="calico",
        module="github.com/projectcalico/calico",
        groups=("deploy",),
        binaries={"calico-felix": ("--version",), "calico": ("-v",)},
        stamps={
            "github.com/projectcalico/calico/felix/buildinfo.GitVersion": "v{version}",
            "main.VERSION": "v{version}",
        },
        share=("manifests/crds.yaml",),
    ),
    Tool(
        name="prometheus",
        module="github.com/prometheus/prometheus",
        groups=("deploy", "dev"),
        binaries={"prometheus": ("--version",), "promtool": ("--version",)},
        stamps={"github.com/prometheus/common/version.Version": "{version}"},
        # Of the two dozen ways to find targets the one that we need.
        tags=("remove_all_sd", "enable_kubernetes_sd"),
    ),
    Tool(
        name="alertmanager",
        module="github.com/prometheus/alertmanager",
        groups=("dev",),
        binaries={"alertmanager": ("--version",), "amtool": ("--version",)},
        stamps={"github.com/prometheus/common/version.Version": "{version}"},
    ),
    Tool(
        name="chart-proof",
        module="github.com/ray-project/kuberay/ray-operator",
        groups=("dev",),
        binaries={"chart-proof": ("version",)},
    ),
    Tool(
        name="helm-unittest",
        module="github.com/helm-unittest/helm-unittest",
        groups=("dev",),
        binaries={"helm-unittest": None},
    ),
    Tool(
        name="chart-testing",
        module="github.com/helm/chart-testing/v3",
        groups=("dev",),
        binaries={"ct": ("version",)},
        stamps={"github.com/helm/chart-testing/v3/ct/cmd.Version": "v{version}"},
    ),
    Tool(
        name="kubeconform",
        module="github.com/yannh/kubeconform",
        groups=("dev",),
        binaries={"kubeconform": ("-v",)},
        stamps={"main.version": "v{version}"},
    ),
    Tool(
        name="kube-score",
        module="github.com/zegl/kube-score",
        groups=("dev",),
        binaries={"kube-score": ("version",)},
        stamps={"main.version": "{version}"},
    ),
    Tool(
        name="helm-docs",
        module="github.com/norwoodj/helm-docs",
        groups=("dev",),
        binaries={"helm-docs": ("--version",)},
        stamps={"main.version": "{version}"},
    ),
    Tool(
        name="actionlint",
        module="github.com/rhysd/actionlint",
        groups=("dev",),
        binaries={"actionlint": ("-version",)},
    ),
    Tool(
        name="registry",
        module="github.com/distribution/distribution/v3",
        groups=("release",),
        binaries={"registry": ("--version",)},
    ),
    Tool(
        name="crane",
        module="github.com/google/go-containerregistry",
        groups=("release",),
        binaries={"crane": ("version",)},
    ),
    Tool(
        name="cosign",
        module="github.com/sigstore/cosign/v3",
        groups=("release",),
        binaries={"cosign": ("version",)},
        stamps={"sigs.k8s.io/release-utils/version.gitVersion": "v{version}"},
    ),
    Tool(
        name="terraform-docs",
        module="github.com/terraform-docs/terraform-docs",
        groups=("cloud",),
        binaries={"terraform-docs": ("--version",)},
    ),
    Tool(
        name="tflint",
        module="github.com/terraform-linters/tflint",
        groups=("cloud",),
        binaries={"tflint": ("--version",)},
    ),
    Tool(
        name="opentofu",
        module="github.com/opentofu/opentofu",
        groups=("cloud",),
        binaries={"tofu": ("version",)},
        stamps={"github.com/opentofu/opentofu/version.dev": "no"},
    ),
    Tool(
        name="terraform",
        module="github.com/hashicorp/terraform",
        groups=("cloud",),
        binaries={"terraform": ("version",)},
        stamps={"github.com/hashicorp/terraform/version.dev": "no"},
    ),
    Tool(
        name="terraform-provider-azurerm",
        module="github.com/hashicorp/terraform-provider-azurerm",
        groups=("cloud",),
        binaries={"terraform-provider-azurerm": None},
        stamps={
            "github.com/hashicorp/terraform-provider-azurerm/version.ProviderVersion": "{version}"
        },
    ),
    Tool(
        name="chart-releaser",
        module="github.com/helm/chart-releaser",
        groups=("release",),
        binaries={"cr": ("version",)},
        stamps={"github.com/helm/chart-releaser/cr/cmd.Version": "v{version}"},
    ),
    Tool(
        name="syft",
        module="github.com/anchore/syft",
        groups=("release",),
        binaries={"syft": ("--version",)},
        stamps={"main.version": "{version}"},
    ),
)


#: Who needs tools: `deploy` what a deployment takes, `dev` what the checks take, `cloud` what those
#: of Terraform take besides, `release` what publishes. Each takes this many gigabytes from an empty
#: cache, images and the virtual environment of its name, where there is one, included.
GROUPS: Mapping[str, int] = {"deploy": 30, "dev": 15, "cloud": 10, "release": 10}


def pick(names: list[str]) -> list[Tool]:
    """The tools of these names and groups, in the order of the build; all of them for none.

    Raises:
        UserError: a name is neither a tool's nor a group's.
    """
    known = {tool.name for tool in TOOLS} | set(GROUPS)
    for name in names:
        if name not in known:
            raise UserError(f"no tool or group {name!r}", f"one of {', '.join(sorted(known))}")
    wanted = set(names)
    return [tool for tool in TOOLS if not names or wanted & {tool.name, *tool.groups}]
