"""Publishing: charts and images into a registry, once a version, signed.

A version that is there is left alone when it is the same, and refused when it is not.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

from lib.errors import UserError
from lib.paths import ROOT, tool
from lib.shell import run
from release.charts import all_charts, digest, faults, package
from release.history import committer
from release.registry import Registry
from versions.table import table

DIST = ROOT / "dist"

#: Images that are pulled: targets of images/docker-bake.hcl.
IMAGES = ("ray", "operator", "mlflow")

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def version() -> str:
    """The repository's version, which images carry: with the commit, where it is no release."""
    text = (ROOT / "workloads" / "pyproject.toml").read_text()
    number = str(tomllib.loads(text)["project"]["version"])
    described = run(["git", "-C", ROOT, "tag", "--points-at", "HEAD"]).stdout.split()
    if f"v{number}" in described:
        return number
    if wrong := [tag for tag in described if re.fullmatch(r"v\d.*", tag)]:
        raise UserError(
            f"the tag {wrong[0]} is not the version of workloads/pyproject.toml, {number}",
            f"git tag v{number}, or raise the version",
        )
    return f"{number}-dev.{revision()[:12]}"


def revision() -> str:
    """The commit that is checked out."""
    return run(["git", "-C", ROOT, "rev-parse", "HEAD"]).stdout.strip()


def build_settings() -> dict[str, str]:
    """What images/docker-bake.hcl takes from the environment: the same for the same commit."""
    epoch = run(["git", "-C", ROOT, "log", "-1", "--format=%ct"]).stdout.strip()
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        raise UserError(
            f"there are no images for {machine}", f"one of: {', '.join(_ARCHITECTURES)}"
        )
    return {
        "VERSION": version(),
        "REVISION": revision(),
        "SOURCE_DATE_EPOCH": epoch,
        "PLATFORMS": f"linux/{_ARCHITECTURES[machine]}",
    }


def build_images(targets: list[str]) -> None:
    """Build images into Docker's own store."""
    _bake(targets, {})


def push_images(registry: Registry) -> None:
    """Build the images for this machine's architecture, and push them by digest."""
    folder = DIST / "images"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{platform.machine()}.json"
    settings = {"PUSH": "true", "REGISTRY": registry.address}
    _bake(["--metadata-file", str(file), *IMAGES], settings)


def _bake(words: list[str], settings: dict[str, str]) -> None:
    probe = ["docker", "buildx", "version"]
    run(probe, hint="install Docker with buildx, or: make deploy, which builds them without")
    command = ["docker", "buildx", "bake", "--file", "images/docker-bake.hcl", *words]
    environment = {**os.environ, **build_settings(), **settings}
    # Its progress is for those who wait.
    code = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    if code != 0:
        raise UserError(f"exit code {code} from: {shlex.join(command)}")


def _pushed() -> list[dict[str, str]]:
    """Digest of each image, for each architecture that pushed.

    Raises:
        UserError: an architecture misses.
    """
    files = sorted((DIST / "images").glob("*.json"))
    if len(files) != len(_ARCHITECTURES):
        raise UserError(
            f"{DIST}/images has digests of {len(files)} architectures of {len(_ARCHITECTURES)}",
            "make images-push, on a machine of each",
        )
    made = [json.loads(path.read_text()) for path in files]
    return [{name: str(one[name]["containerimage.digest"]) for name in IMAGES} for one in made]


def describe_pushed(registry: Registry, names: list[str]) -> None:
    """Write down what is in images that were pushed by digest."""
    for name in names or IMAGES:
        describe(registry, name, _pushed()[0][name])


def publish_images(registry: Registry) -> None:
    """Join images of several architectures under a name, describe them, and sign both.

    Raises:
        UserError: a version is there already, or an architecture misses.
    """
    pushed = _pushed()
    for name in IMAGES:
        tag = f"{registry.address}/{name}:{version()}"
        if there := registry.digest(f"{name}:{version()}"):
            raise UserError(f"{tag} is there already: {there}", "publish another version")
        parts = [f"{registry.address}/{name}@{one[name]}" for one in pushed]
        run(["docker", "buildx", "imagetools", "create", "--tag", tag, *parts], timeout=600)
        joined = registry.digest(f"{name}:{version()}")
        if joined is None:
            raise UserError(f"{tag} is not there after it was made")
        sign_image(registry, name, joined)


def describe(registry: Registry, name: str, content: str) -> Path:
    """Write down what is in an image, as SPDX."""
    sbom = DIST / "sbom" / f"{name}.spdx.json"
    sbom.parent.mkdir(parents=True, exist_ok=True)
    environment = {"SYFT_REGISTRY_INSECURE_USE_HTTP": "true"} if registry.plain else {}
    source = f"registry:{registry.address}/{name}@{content}"
    command = [tool("syft"), "scan", source, "--quiet", "--output", f"spdx-json={sbom}"]
    run(command, env=environment, timeout=1800)
    return sbom


def sign_image(registry: Registry, name: str, content: str) -> None:
    """Sign an image and the list of what is in it, and verify the signature."""
    registry.sign(name, content)
    registry.attest(name, content, describe(registry, name, content))
    registry.verify(name, content)
    print(f"signed {registry.address}/{name}@{content}", flush=True)


def publish_charts(registry: Registry, root: Path = ROOT) -> dict[str, str]:
    """Package all charts, and push and sign those whose versions the registry has not.

    Returns:
        digest in the registry of each chart, by name and version.

    Raises:
        UserError: a version is there with another content.
    """
    if wrong := list(faults(root)):
        raise UserError("charts cannot be published:\n  " + "\n  ".join(wrong))
    found = {}
    for chart in all_charts(root):
        if chart.is_library:
            continue
        made = package(chart, DIST / "charts")
        name, tag = f"charts/{chart.name}", f"charts/{chart.name}:{chart.version}"
        there = registry.digest(tag)
        if there is None:
            there = registry.push_chart(made)
            registry.sign(name, there)
            print(f"pushed and signed {registry.address}/{tag}@{there}", flush=True)
        elif digest(made) in registry.manifest(tag):
            made.unlink()  # what is left in the folder is new
            print(f"{registry.address}/{tag} is there already, and the same", flush=True)
        else:
            raise UserError(
                f"{registry.address}/{tag} is there already, with another content",
                f"raise the version in charts/{chart.name}/Chart.yaml: a published one stays",
            )
        registry.verify(name, there)
        found[f"{chart.name} {chart.version}"] = there
    return found


def index_charts() -> None:
    """Make a release of each package in dist/charts, and put it into the index of charts.

    The tag of the release is what later changes of the chart are compared with.

    Raises:
        UserError: GitHub refuses, or the environment names no repository or token.
    """
    folder = DIST / "charts"
    if not any(folder.glob("*.tgz")):
        print("no chart has a new version")
        return
    for name in ("GITHUB_REPOSITORY", "CR_TOKEN"):
        if not os.environ.get(name):
            raise UserError(f"{name} is not set", "this is a job of the pipeline charts")
    owner, _, repository = os.environ["GITHUB_REPOSITORY"].partition("/")
    branch = "+refs/heads/gh-pages:refs/remotes/origin/gh-pages"
    run(["git", "-C", ROOT, "fetch", "origin", branch], timeout=600)
    where: list[str | Path] = ["--owner", owner, "--git-repo", repository, "--package-path", folder]
    run(
        [tool("cr"), "upload", *where, "--commit", revision(), "--skip-existing"],
        cwd=ROOT,
        timeout=600,
    )
    said = run(
        [tool("cr"), "index", *where, "--index-path", DIST / "index.yaml", "--push"],
        env=committer("releases"),
        cwd=ROOT,
        timeout=600,
    )
    print(said.stdout, end="")


def notes() -> str:
    """What a release of the repository names: versions that were tested together."""
    rows = [
        f"| {chart.name} | {chart.version} | {chart.meta.get('appVersion', '')} |"
        for chart in all_charts()
        if not chart.is_library
    ]
    images = [f"- `{name}:{version()}`" for name in IMAGES]
    return "\n".join(
        [
            "## Charts\n\n| chart | version | of what it installs |\n|---|---|---|",
            *rows,
            "\n## Images\n",
            *images,
            "\n## Tested with\n",
            table(),
        ]
    )


def publish_notes() -> None:
    """Make a release on GitHub of the tag that is checked out.

    Raises:
        UserError: it is no tag of a release, or there is such a release already.
    """
    number = version()
    if "-dev." in number:
        raise UserError(f"{number} is no release: no tag v… is checked out", "git tag v1.2.3")
    command = ["gh", "release", "create", f"v{number}", "--verify-tag", "--title", number]
    run([*command, "--notes-file", DIST / "release.md"], timeout=120)
