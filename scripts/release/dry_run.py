"""A release into a registry on this machine: published, refused a second time, tampered with.

The registry is distribution's, the one behind Docker Hub; the signatures are cosign's, with a key
that lives as long as the registry. With the local cluster, which then builds the images, they go
there too, and the charts are installed from there, up to a job that ends SUCCEEDED.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from deploy.environments import environment
from lib.errors import UserError
from lib.paths import tool
from lib.shell import run
from local import images
from local.box import Box
from release import smoke
from release.publish import DIST, describe, publish_charts, sign_image, version
from release.registry import Registry, make_key

FOLDER = DIST / "dry-run"

#: Images that the local cluster builds, and the names that charts know them by.
IMAGES = ("ray", "operator")


@contextmanager
def registry(folder: Path, node: Box | None = None) -> Iterator[Registry]:
    """A registry that is empty, and gone at the end.

    Args:
        folder: what it stores, and the key that signs.
        node: a local cluster, in whose network it runs: the node pulls from its own `localhost`,
            which containerd lets speak HTTP.

    Yields:
        the registry, as this side sees it.

    Raises:
        UserError: it did not come up.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = {
        "version": "0.1",
        "storage": {"filesystem": {"rootdirectory": str(folder / "store")}},
        "http": {"addr": f"{'0.0.0.0' if node else '127.0.0.1'}:{port}"},  # noqa: S104 - the box's
        "log": {"level": "warn"},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    command = [tool("registry"), "serve", str(folder / "config.yaml")]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            node.enter(command) if node else command,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "OTEL_TRACES_EXPORTER": "none"},
        )
    host = f"{node.address if node else '127.0.0.1'}:{port}"
    try:
        _wait(f"http://{host}/v2/", folder / "log")
        yield Registry(f"{host}/rayworks", plain=True, key=make_key(folder / "key"))
    finally:
        process.terminate()
        process.wait(10)


def _wait(url: str, log: Path) -> None:
    for _ in range(100):
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - our own, by http
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise UserError(f"the registry does not answer at {url}:\n  {log.read_text()[-2000:]}")


def refused(what: str, action: Callable[[], object], reason: str) -> None:
    """Require that something is refused, for a reason.

    Raises:
        UserError: it was not, or for another.
    """
    try:
        action()
    except UserError as error:
        if reason in error.message:
            print(f"refused {what}", flush=True)
            return
        raise
    raise UserError(f"{what} was not refused")


def tampered_chart(place: Registry, folder: Path) -> None:
    """A chart with another content under a published version: no signature, so not ours."""
    (package,) = (DIST / "charts").glob("ray-job-*.tgz")
    copy = folder / "tampered"
    copy.mkdir()
    shutil.unpack_archive(package, copy)
    values = copy / "ray-job" / "values.yaml"
    values.write_text(values.read_text() + "\n# and something else\n")
    run([tool("helm"), "package", copy / "ray-job", "--destination", copy])
    # A registry takes what it is given: whoever may push could do this.
    digest = place.push_chart(copy / package.name)
    refused(
        "a chart that was tampered with",
        lambda: place.verify("charts/ray-job", digest),
        "is not signed by us",
    )


def tampered_image(place: Registry, name: str, content: str) -> None:
    """An image with another label under a published name."""
    source = f"{place.address}/{name}@{content}"
    said = run(
        [
            tool("crane"), "mutate", "--insecure", source, "--label", "tampered=yes",
            "--tag", f"{place.address}/{name}:tampered",
        ],
    )  # fmt: skip
    digest = said.stdout.strip().rpartition("@")[2]
    refused(
        "an image that was tampered with",
        lambda: place.verify(name, digest),
        "is not signed by us",
    )


def push_image(node: Box, place: Registry, name: str, report: Callable[[str], None]) -> str:
    """Build an image in the local cluster, and push it from there.

    Returns:
        its digest.
    """
    (built,) = images.build([name], report).values()
    target = f"{place.address}/{name}:{version()}"
    images.ctr(node, "images", "tag", "--force", str(built), target)
    try:
        images.ctr(node, "images", "push", "--plain-http", target)
    finally:
        images.ctr(node, "images", "remove", target)
    digest = place.digest(f"{name}:{version()}")
    if digest is None:
        raise UserError(f"{target} is not there after it was pushed")
    return digest


def _charts(place: Registry, folder: Path) -> None:
    shutil.rmtree(DIST / "charts", ignore_errors=True)
    publish_charts(place)
    for package in (DIST / "charts").glob("*.tgz"):
        shutil.copy(package, folder)
    tampered_chart(place, folder)
    refused(
        "a published version with another content",
        lambda: publish_charts(place),
        "is there already, with another content",
    )


def dry_run(*, cluster: bool) -> None:
    """Publish everything into a registry of this machine's, and try what must be refused.

    Args:
        cluster: also images, from the local cluster, and an installation in it.

    Raises:
        UserError: a step failed, or something that must be refused was not.
    """
    node = images.place() if cluster else None
    with registry(FOLDER, node) as place:
        _charts(place, FOLDER)
        if node is None:
            return
        digests = {}
        for name in IMAGES:
            digests[name] = push_image(node, place, name, print)
            sign_image(place, name, digests[name])
            print(f"described by {describe(place, name, digests[name])}", flush=True)
        tampered_image(place, "operator", digests["operator"])
    # The tampered chart went over a published version: an installation is from a clean registry.
    with registry(FOLDER, node) as place:
        publish_charts(place)
        for name in IMAGES:
            push_image(node, place, name, print)
        _install(node, place, digests)


def _install(node: Box, place: Registry, digests: dict[str, str]) -> None:
    """Install the charts from the registry; the node pulls the images from there, by digest."""
    _, _, port = place.address.partition("/")[0].rpartition(":")
    named = {
        name: {"repository": f"localhost:{port}/rayworks/{name}", "tag": "", "digest": digest}
        for name, digest in digests.items()
    }
    # The claim that the environment names is made by `make run`, which is not what is tried here.
    ray = {"images": {"registry": "", **named}, "storage": {"claim": ""}}
    values = FOLDER / "values.yaml"
    values.write_text(yaml.safe_dump({"global": {"ray": ray}}))
    here = environment("local")
    smoke.smoke(place, [*here.values(), values], here.kubeconfig)
    pulled = [name for name in images.stored(node) if name.startswith(f"localhost:{port}/")]
    if len(pulled) < len(digests):
        raise UserError(f"the node has pulled {pulled or 'nothing'} from the registry")
    smoke.remove(here.kubeconfig)
