"""The stage that has the images in a registry that the cluster pulls from: built, or given."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from clouds.cli import Cli
from clouds.preflight import DOCKER
from clouds.provider import Provider
from clouds.record import Record
from deploy.options import Options
from deploy.stages import Report
from lib.errors import UserError
from lib.paths import ROOT
from local.images import IGNORED_ENDINGS, IGNORED_FOLDERS

#: Targets of images/docker-bake.hcl, which are also repositories, and keys of
#: `global.ray.images`.
TARGETS = ("operator", "ray", "mlflow")

#: What goes into them.
SOURCES = (
    *(f"images/{name}" for name in ("docker-bake.hcl", "base", *TARGETS)),
    "workloads",
    "scripts/tools/kuberay",
)

#: What IMAGES says to have them built again after it has named others.
BUILD = "build"

#: Where the tag of an image begins.
GIVEN = re.compile(r"(?P<prefix>[A-Za-z0-9.-]+(?::\d+)?(?:/[a-z0-9._-]+)*):(?P<tag>[\w][\w.-]*)")

#: A line of BuildKit's with which a step begins: `#12 [ray deps 2/3] RUN …`.
_STEP = re.compile(r"#\d+ \[(?!internal|auth)")


class Registry(Protocol):
    """Where images are pushed to."""

    #: What comes before an image's name.
    prefix: str

    def platform(self) -> str:
        """What the images are built for."""

    def enter(self) -> None:
        """Log Docker in."""

    def has(self, name: str, tag: str) -> bool:
        """Whether there is an image already."""


class CloudRegistry:
    """The registry that Terraform has made.

    Args:
        provider: the cloud.
        host: of the registry.
    """

    def __init__(self, provider: Provider, host: str) -> None:
        self.provider = provider
        self.host = host
        self.prefix = f"{host}/rayworks"

    def platform(self) -> str:
        """That of the sizes in `terraform/sizes-*.json`."""
        return "linux/amd64"

    def enter(self) -> None:
        """With the cloud's login."""
        self.provider.enter(self.host)

    def has(self, name: str, tag: str) -> bool:
        """As the cloud says."""
        return self.provider.has_image(self.host, f"rayworks/{name}", tag)


def tag() -> str:
    """Hash of all that goes into the images (12 hex digits): their tag."""
    digest = hashlib.sha256()
    for source in SOURCES:
        for path in _files(ROOT / source):
            digest.update(str(path.relative_to(ROOT)).encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


def _files(source: Path) -> Iterator[Path]:
    if source.is_file():
        yield source
        return
    for path in sorted(source.rglob("*")):
        inside = path.relative_to(source).parts
        ignored = IGNORED_FOLDERS.intersection(inside[:-1])
        if path.is_file() and not ignored and not path.name.endswith(IGNORED_ENDINGS):
            yield path


def values(prefix: str, tag: str) -> dict[str, Any]:
    """The block for the charts. `registry` is empty: it would go before all other images, too."""
    named: dict[str, Any] = {"registry": "", "pullPolicy": "IfNotPresent"}
    for name in TARGETS:
        named[name] = {"repository": f"{prefix}/{name}", "tag": tag, "digest": ""}
    # One image for both: its torch brings CUDA, and a head and its workers must be alike.
    named["rayCuda"] = named["ray"]
    return {"global": {"ray": {"images": named}}}


def parsed(text: str) -> tuple[str, str]:
    """Prefix and tag of what IMAGES says.

    Raises:
        UserError: it is not of this form.
    """
    found = GIVEN.fullmatch(text)
    if not found:
        raise UserError(
            f"IMAGES={text} is not registry/path:tag, under which {', '.join(TARGETS)} lie",
            "IMAGES=registry.example.com/rayworks:1.2.3",
        )
    return found["prefix"], found["tag"]


class Images:
    """Operator, Ray with the workloads, and MLflow, in a registry.

    Args:
        record: of the deployment, which remembers what was pushed.
        options: `images` names some that are there.
        again: the command that goes on from here.
    """

    name = "images"

    def __init__(self, record: Record, options: Options, again: str) -> None:
        self.record = record
        self.given = options.images
        self.again = again

    def registry(self) -> Registry | None:
        """Where to push; None where images must be given."""
        return None

    def _wanted(self) -> str:
        """What IMAGES says now or said last."""
        asked = self.given or self.record.get("images", "")
        return "" if asked == BUILD else asked

    def check(self) -> str | None:
        """The charts are told of what is wanted, and it was pushed from here."""
        if not (self.record.folder / "images.yaml").exists():
            return None
        wanted = self._wanted()
        if not wanted:
            registry = self.registry()
            if registry is None:
                return None
            wanted = f"{registry.prefix}:{tag()}"
        return wanted if self.record.get("pushed") == wanted else None

    def action(self, report: Report) -> str:
        """Build and push what the registry lacks, and tell the charts.

        Raises:
            UserError: no engine, a build that fails, or a registry that refuses.
        """
        if wanted := self._wanted():
            prefix, name = parsed(wanted)
            self.record.set(images=wanted)
        else:
            registry = self.registry()
            if registry is None:
                raise UserError(
                    "there is no registry to push to: images must be given",
                    f"{self.again} IMAGES=registry.example.com/rayworks:1.2.3",
                )
            prefix, name = registry.prefix, tag()
            self.record.set(images=None)
            lacking = [one for one in TARGETS if not registry.has(one, name)]
            if lacking:
                self._push(registry, name, lacking, report)
        self.record.values("images.yaml", values(prefix, name))
        self.record.set(pushed=f"{prefix}:{name}")
        return f"{prefix}:{name}"

    def _push(self, registry: Registry, name: str, lacking: list[str], report: Report) -> None:
        settings = {"REGISTRY": registry.prefix, "VERSION": name}
        docker = Cli("docker", DOCKER, env=settings, cwd=ROOT)
        words = ["buildx", "bake", "--file", "images/docker-bake.hcl", "--progress", "plain"]
        words += ["--set", f"*.platform={registry.platform()}", "--set", "*.output=type=registry"]
        report(f"login to {registry.prefix.partition('/')[0]}")
        registry.enter()
        try:
            docker.follow(self._steps(report), *words, *lacking)
        except UserError as error:
            raise UserError(
                error.message,
                error.hint
                or f"mend that, then {self.again} goes on from here; "
                "IMAGES=registry/path:tag takes images that somebody has pushed",
            ) from error

    @staticmethod
    def _steps(report: Report) -> Report:
        """Reports the steps of a build, of the thousands of lines that it prints."""

        def told(detail: str) -> None:
            if _STEP.match(detail):
                report(detail.partition(" ")[2][:120])

        return told

    def undo(self, report: Report) -> str:
        """They go with their registry."""
        return "they go with their registry"
