"""Builds images straight into the node's image store, named by a hash of what goes into them.

An image whose hash is in the store already is not built again, so ``build`` may be called at any
time and costs a fraction of a second when nothing has changed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import re
import shlex
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from lib.errors import UserError
from lib.paths import CACHE, ROOT, TOOLS_BIN, tool
from lib.shell import run
from local import box, layout
from local.box import Box

Report = Callable[[str], None]

REGISTRY = "localhost/rayworks"

#: Debian release of the local base, and what is in it; apt adds what these depend on.
SUITE = "bookworm"
PACKAGES = ("ca-certificates", "python3", "python3-venv")

#: How many versions of an image stay in the store, the wanted one among them: what is installed
#: may name an earlier one, and they share all but their last layer. Those before go at once where
#: they stand on another version of something heavy.
KEEP = 5

#: What an editor, an interpreter or a linter leaves in a folder is no part of an image.
IGNORED_FOLDERS = {
    "__pycache__", ".git", ".mypy_cache", ".pytest_cache", ".ruff_cache", "build", "dist",
}  # fmt: skip
IGNORED_ENDINGS = (".pyc", ".pyo", ".egg-info", ".swp", "~")

_BUILT = CACHE / "images.json"
_TAG = re.compile("[0-9a-f]{12}")
_STEP = re.compile(r"^#\d+ (\[(?!internal|context|auth).*)$")


@dataclass(frozen=True)
class ImageRef:
    """An image by its name.

    Attributes:
        repository: under ``localhost/rayworks``.
        tag: the first 12 digits of its content hash.
    """

    repository: str
    tag: str

    def __str__(self) -> str:
        return f"{REGISTRY}/{self.repository}:{self.tag}"


@dataclass(frozen=True)
class Image:
    """What an image is made from.

    Attributes:
        folder: its Dockerfile and context.
        parent: the image that becomes its build argument BASE_IMAGE.
        contexts: named build contexts, a folder each.
        sources: what of the contexts counts, as paths in them; all when empty.
        stage: the stage of the Dockerfile to stop at.
        stages: images of their own that take the place of stages in the Dockerfile.
        heavy: gigabytes: neither its downloads nor its older versions are kept.
        binaries: programs from ``.tools/bin`` or absolute paths; the folder that the first lies
            in is the named context ``tools``.
    """

    folder: Path
    parent: str | None = None
    contexts: Mapping[str, Path] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    stage: str | None = None
    stages: Mapping[str, str] = field(default_factory=dict)
    heavy: bool = False
    binaries: tuple[str, ...] = ()


def _local(name: str, *binaries: str) -> Image:
    return Image(layout.IMAGES / "local" / name, binaries=binaries)


IMAGES: dict[str, Image] = {
    # of the node itself
    "pause": _local("pause", "/usr/bin/catatonit"),
    "coredns": _local("coredns", "coredns"),
    "local-path-provisioner": _local("local-path-provisioner", "local-path-provisioner"),
    "metrics-server": _local("metrics-server", "metrics-server"),
    # of what is deployed on it
    "debian": _local("debian"),
    "prometheus": _local("prometheus", "prometheus", "promtool"),
    "alertmanager": _local("alertmanager", "alertmanager", "amtool"),
    "redis": Image(layout.IMAGES / "local" / "redis", parent="debian"),
    "postgres": Image(layout.IMAGES / "local" / "postgres", parent="debian"),
    "base": Image(layout.IMAGES / "base", parent="debian"),
    # Gigabytes that change with a version, and apart from them kilobytes that change all day.
    "ray-deps": Image(
        layout.IMAGES / "ray",
        parent="base",
        contexts={"workloads": ROOT / "workloads"},
        sources=("requirements.lock",),
        stage="deps",
        heavy=True,
    ),
    "ray": Image(
        layout.IMAGES / "ray",
        parent="base",
        contexts={"workloads": ROOT / "workloads"},
        stages={"deps": "ray-deps"},
    ),
    "mlflow": Image(layout.IMAGES / "mlflow", parent="base"),
    "operator": Image(
        layout.IMAGES / "operator",
        contexts={"module": ROOT / "scripts" / "tools" / "kuberay"},
        binaries=("ray-operator",),
    ),
}


def reference(name: str) -> ImageRef:
    """The image that the sources on this disk stand for, built or not."""
    return ImageRef(name, _hash(name)[:12])


def _hash(name: str) -> str:
    image = IMAGES[name]
    digest = hashlib.sha256()

    def add(*parts: object) -> None:
        for part in parts:
            digest.update(f"{part}\0".encode())

    add(name, platform.machine())
    add(dockerfile(image))
    contexts = sorted(image.contexts.items())
    for label, folder in [*contexts, *([] if image.stage else [("", image.folder)])]:
        for path in _files(folder):
            if label and image.sources and str(path.relative_to(folder)) not in image.sources:
                continue
            add(label, path.relative_to(folder), os.access(path, os.X_OK))
            content = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
            digest.update(hashlib.sha256(content).digest())
    for binary in image.binaries:
        # A tool's path in the cache names its version; size and time tell a rebuilt one.
        status = _binary(binary).stat()
        add(Path(binary).name, status.st_size, status.st_mtime_ns)
    for other in [*filter(None, [image.parent]), *image.stages.values()]:
        add(_hash(other))
    if name == "debian":
        add(_rootfs().name)
    return digest.hexdigest()


def dockerfile(image: Image) -> str:
    """The part of an image's Dockerfile that it is made from: up to its stage, where it has one."""
    text = (image.folder / "Dockerfile").read_text()
    if image.stage is None:
        return text
    head, *stages = re.split(r"^(?=FROM )", text, flags=re.MULTILINE)
    for number, stage in enumerate(stages, 1):
        if stage.splitlines()[0].endswith(f" AS {image.stage}"):
            return "".join([head, *stages[:number]])
    raise ValueError(f"no stage {image.stage} in {image.folder}/Dockerfile")


def _files(folder: Path) -> Iterator[Path]:
    """Every file of a folder that can be part of an image, in a fixed order."""
    for path, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if name not in IGNORED_FOLDERS and not name.endswith(IGNORED_ENDINGS)
        )
        for name in sorted(files):
            if not name.endswith(IGNORED_ENDINGS):
                yield Path(path) / name


def _binary(name: str) -> Path:
    path = (TOOLS_BIN / name).resolve()  # an absolute name stays what it is
    if not path.exists():
        raise UserError(f"{name} is not there: {path}", "make tools")
    return path


def named_in(manifests: str) -> set[str]:
    """Images of ours, by name, that manifests ask for as the sources on this disk stand."""
    found = re.findall(rf"\b{re.escape(REGISTRY)}/([a-z0-9-]+):([0-9a-f]{{12}})\b", manifests)
    # The tag of an image that is not asked for may need a tool that a deployment does without.
    return {name for name, tag in found if name in IMAGES and reference(name).tag == tag}


def present(names: Iterable[str]) -> bool:
    """Whether the cluster runs and has these images as the sources on this disk stand."""
    node = box.running()
    if node is None or not node.connects(layout.CONTAINERD_SOCKET):
        return False
    there = stored(node)
    return all(str(reference(name)) in there for name in names)


def stored(node: Box) -> set[str]:
    """Names of all images in the node's store."""
    return set(stored_digests(node))


def stored_digests(node: Box) -> dict[str, str]:
    """Digest of each image in the node's store by its name; an image may have several names."""
    lines = ctr(node, "images", "list").splitlines()[1:]
    return {words[0]: words[2] for words in map(str.split, lines)}


def ctr(node: Box, *words: str) -> str:
    """What containerd's command line answers, on the node's store."""
    socket = str(node.path(layout.CONTAINERD_SOCKET))
    return run(["ctr", "--address", socket, "--namespace", "k8s.io", *words], timeout=120).stdout


def build(names: Iterable[str], report: Report) -> dict[str, ImageRef]:
    """Build those of the named images, and of what they stand on, that the store lacks.

    Args:
        names: keys of ``IMAGES``.
        report: called with a line now and then: which image, which step.

    Returns:
        A reference for each name.

    Raises:
        UserError: the cluster is not up, a name is unknown, or a build failed; the message then
            holds its last lines.
    """
    names = list(names)
    for name in names:
        if name not in IMAGES:
            raise UserError(f"no image {name}", f"one of: {', '.join(IMAGES)}")
    builder = Builder(place(), report)
    with ThreadPoolExecutor(4) as pool:
        built = dict(zip(names, pool.map(builder.ensure, names), strict=True))
    builder.forget_old()
    return built


def place() -> Box:
    """The local cluster, inside which images are built.

    Raises:
        UserError: it is not up.
    """
    node = box.running()
    if node is None or not node.connects(layout.BUILDKIT_SOCKET):
        raise UserError(
            "images are built inside the local cluster, and it is not up", "make cluster"
        )
    return node


def output(name: str) -> str:
    """BuildKit's words for an image of the node's store."""
    # Each layer lies in the store twice, unpacked and packed. The fastest zstd halves the second;
    # gzip would take longer than the rest of the build.
    return f"type=image,name={name},unpack=true,compression=zstd,compression-level=1"


class Builder:
    """One round of builds: an image that several others stand on is built once."""

    def __init__(self, node: Box, report: Report) -> None:
        self.node = node
        self.report = report
        self.there = stored(node)
        self.done: dict[str, ImageRef] = {}
        self.locks = {name: threading.Lock() for name in IMAGES}

    def ensure(self, name: str) -> ImageRef:
        """The image's reference, once it is in the store."""
        with self.locks[name]:
            if name not in self.done:
                ref = reference(name)
                if str(ref) not in self.there:
                    self._build(name, ref)
                self.done[name] = ref
            return self.done[name]

    def _build(self, name: str, ref: ImageRef) -> None:
        started = time.monotonic()
        command = self.command(name, output(str(ref)))
        self.report(f"image {name}: building {ref}")
        self.follow(name, command)
        if IMAGES[name].heavy:
            # Downloads that no later build asks for: they lie in the layer, and in its blob.
            run([*command[:3], "prune", "--filter", "type==exec.cachemount"], timeout=300)
        self.report(f"image {name}: built in {time.monotonic() - started:.1f} s")

    def command(self, name: str, target: str, *, whole: bool = False) -> list[str]:
        """The command that builds an image, once what it stands on is in the store.

        Args:
            name: the image's.
            target: what becomes of it, in BuildKit's words.
            whole: with the stages that are images of their own.
        """
        image = IMAGES[name]
        context = image.folder
        arguments = {}
        if image.parent:
            arguments["BASE_IMAGE"] = str(self.ensure(image.parent))
        if name == "debian":
            rootfs = _make_rootfs(self.report)
            context = rootfs.parent
            arguments["ROOTFS"] = rootfs.name
        contexts = {key: str(folder) for key, folder in image.contexts.items()}
        if image.binaries:
            contexts["tools"] = str(_binary(image.binaries[0]).parent)
        command = [
            tool("buildctl"),
            "--addr", f"unix://{self.node.path(layout.BUILDKIT_SOCKET)}",
            "build",
            "--progress", "plain",
            "--frontend", "dockerfile.v0",
            # A name means an image of the store, never one of a registry.
            "--opt", "image-resolve-mode=local",
            "--local", f"context={context}",
            "--local", f"dockerfile={image.folder}",
            "--output", target,
        ]  # fmt: skip
        if image.stage:
            command += ["--opt", f"target={image.stage}"]
        for stage, other in () if whole else image.stages.items():
            command += ["--opt", f"context:{stage}=docker-image://{self.ensure(other)}"]
        for key, folder in contexts.items():
            command += ["--local", f"{key}={folder}", "--opt", f"context:{key}=local:{key}"]
        for key, value in {**_proxies(), **arguments}.items():
            command += ["--opt", f"build-arg:{key}={value}"]
        if authorities := _certificate_authorities():
            command += ["--secret", f"id=ca,src={authorities}"]
        return command

    def follow(self, name: str, command: list[str]) -> None:
        """Run a build, reporting each step that it begins."""
        lines: list[str] = []
        seen: set[str] = set()
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, errors="replace",
        ) as process:  # fmt: skip
            try:
                assert process.stderr is not None  # noqa: S101 - it is a pipe
                for line in process.stderr:
                    lines = [*lines[-39:], line.rstrip()]
                    step = _STEP.match(line)
                    if step and step[1] not in seen:
                        seen.add(step[1])
                        self.report(f"image {name}: {step[1][:100]}")
            except BaseException:
                process.terminate()
                raise
        if process.returncode != 0:
            raise UserError(
                f"image {name} did not build:\n  " + "\n  ".join(lines),
                f"to see all of it: {shlex.join(command)}",
            )

    def forget_old(self) -> None:
        """Drop versions of our images that nothing wants any more."""
        with _remembered() as built:
            keep: dict[str, list[str]] = {}
            renewed = {
                name
                for name, ref in self.done.items()
                if IMAGES[name].heavy and built.get(name, [])[:1] != [ref.tag]
            }
            for name, ref in self.done.items():
                stands_on = {name, *IMAGES[name].stages.values()}
                others = [tag for tag in built.get(name, []) if tag != ref.tag]
                # What stands on another version of something heavy would keep that as well.
                built[name] = [ref.tag, *([] if stands_on & renewed else others)][:KEEP]
                keep[name] = built[name]
        digests = stored_digests(self.node)
        containers = ctr(self.node, "containers", "list").split()
        in_use = {digests[word] for word in containers if word in digests}

        def is_old(name: str) -> bool:
            repository, _, tag = name.rpartition(":")
            kept = keep.get(repository.removeprefix(f"{REGISTRY}/"))
            return kept is not None and _TAG.fullmatch(tag) is not None and tag not in kept

        # The kubelet's side of containerd gives every image a second name, by its configuration.
        second = {name for name in digests if name.startswith("sha256:")}
        first = digests.keys() - second
        removable = {name for name in first if is_old(name) and digests[name] not in in_use}
        wanted = in_use | {digests[name] for name in first - removable}
        removable |= {name for name in second if digests[name] not in wanted}
        if removable:
            ctr(self.node, "images", "remove", *sorted(removable))


@contextlib.contextmanager
def _remembered() -> Iterator[dict[str, list[str]]]:
    """Tags of each image, the newest first; kept beside the store that they are in."""
    with _BUILT.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            built = json.loads(_BUILT.read_text())
        except (FileNotFoundError, ValueError):
            built = {}
        yield built
        part = _BUILT.with_suffix(".part")
        part.write_text(json.dumps(built, indent=2) + "\n")
        part.rename(_BUILT)


def _rootfs() -> Path:
    """Where the Debian root file system lies that these settings stand for."""
    text = "\n".join((SUITE, platform.machine(), *PACKAGES))
    return layout.ROOTFS / f"{hashlib.sha256(text.encode()).hexdigest()[:12]}.tar"


def _make_rootfs(report: Report) -> Path:
    target = _rootfs()
    if not target.exists():
        report(f"image debian: mmdebstrap, {SUITE} with {', '.join(PACKAGES)}")
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(".part.tar")
        run(
            [
                "mmdebstrap",
                "--variant=minbase",
                f"--include={','.join(PACKAGES)}",
                "--dpkgopt=path-exclude=/usr/share/doc/*",
                "--dpkgopt=path-exclude=/usr/share/locale/*",
                "--dpkgopt=path-exclude=/usr/share/man/*",
                # The host's own, which mmdebstrap copies for the time of its work.
                '--customize-hook=rm -f "$1/etc/resolv.conf" "$1/etc/hostname"',
                SUITE,
                part,
            ],
            env={"TMPDIR": str(target.parent), "PATH": box.ENVIRONMENT["PATH"]},
            timeout=900,
            hint="Debian's package server must be reachable: `apt-get update` tells whether it is",
        )
        part.rename(target)
    return target


def _certificate_authorities() -> Path | None:
    """The machine's own list of authorities: behind some proxies nothing else is trusted."""
    explicit = os.environ.get("SSL_CERT_FILE")
    for path in (Path(explicit) if explicit else None, Path("/etc/ssl/certs/ca-certificates.crt")):
        if path is not None and path.is_file():
            return path
    return None


def _proxies() -> dict[str, str]:
    names = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
    known = {*names, *(name.lower() for name in names)}
    return {name: value for name, value in os.environ.items() if name in known}
