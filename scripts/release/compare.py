"""Images built twice without a cache: what differs, how large each layer is, and what fills it.

Into dist/images.json, and as tables. The local cluster builds them, on its own Debian.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import yaml
from rich.console import Console
from rich.table import Table

from lib.errors import UserError
from lib.paths import CACHE, ROOT
from local import images
from local.images import Builder
from local.preflight import free_disk
from release.publish import DIST, build_settings

#: Those that are released.
NAMES = ("base", "operator", "ray", "mlflow")

#: What each layer of an image may take unpacked, in MiB, in their order.
BUDGETS = ROOT / "images" / "budgets.yaml"

#: Disk that two builds take, as a multiple of the image: cache, snapshots and both as files.
_ROOM = 3.5

_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer as it unpacks.

    Attributes:
        digest: of the tar file that it is.
        made_by: the step of the Dockerfile.
        size: bytes.
        files: of each path what is written of it: its kind, mode, owner, time and content.
        shares: bytes by folder.
    """

    digest: str
    made_by: str
    size: int
    files: Mapping[str, tuple[str, ...]]
    shares: Mapping[str, int]


def compare(names: list[str]) -> None:
    """Build images twice each, print what came of it, and keep it in dist/images.json.

    Raises:
        UserError: the local cluster is not up; the disk is too full; an image is not the same
            twice; or a layer is larger than its budget.
    """
    builder = Builder(images.place(), lambda line: print(line, flush=True))
    budgets = yaml.safe_load(BUDGETS.read_text())
    found, wrong = {}, []
    for name in names or NAMES:
        check_room(name, budgets[name])
        cold, first = _built(builder, name)
        _, second = _built(builder, name)
        layers = _own(name, first, builder)
        pairs = zip(first, second, strict=True)
        differs = [line for one, other in pairs for line in apart(one, other)]
        wrong += [f"{name}, built twice: {line}" for line in differs[:20]]
        wrong += over(name, layers, budgets[name])
        found[name] = {
            "cold_s": round(cold, 1),
            **{f"{key}_s": round(value, 1) for key, value in _again(builder, name).items()},
            "layers": [
                {"step": one.made_by, "MiB": round(one.size / _MIB, 1), "holds": holds(one)}
                for one in layers
            ],
            "differs": differs,
        }
        _show(name, found[name], budgets[name])
    DIST.mkdir(exist_ok=True)
    (DIST / "images.json").write_text(json.dumps(found, indent=2) + "\n")
    if wrong:
        raise UserError("\n  ".join(["images are not as they should be:", *wrong]), str(BUDGETS))


def check_room(name: str, budget: Mapping[str, int]) -> None:
    """Check that the disk has room for two builds of an image.

    Raises:
        UserError: it has not.
    """
    needed, free = _ROOM * sum(budget.values()) * _MIB, free_disk()
    if free < needed:
        raise UserError(
            f"the disk of {CACHE} or {ROOT} has {free / 2**30:.1f} GiB free, and two builds of "
            f"{name} take {needed / 2**30:.1f}",
            "make room, or name smaller images: make images-compare TARGETS=operator",
        )


def apart(one: Layer, other: Layer) -> list[str]:
    """What differs between two builds of a layer, a line for each path."""
    if one.digest == other.digest:
        return []
    lines = [
        f"{path}: {one.files.get(path)} and {other.files.get(path)}"
        for path in sorted(one.files.keys() | other.files.keys())
        if one.files.get(path) != other.files.get(path)
    ]
    return lines or [f"the order of the files of: {one.made_by}"]


def over(name: str, layers: list[Layer], budget: Mapping[str, int]) -> list[str]:
    """Layers that are larger than they may be, or of which nobody said how large."""
    if len(layers) != len(budget):
        return [f"{name} has {len(layers)} layers, and {len(budget)} have a budget"]
    return [
        f"{name}, {what}: {layer.size / _MIB:.1f} MiB, of {limit} that it may take: "
        + ", ".join(f"{folder} {size}" for folder, size in holds(layer).items())
        for layer, (what, limit) in zip(layers, budget.items(), strict=True)
        if layer.size > limit * _MIB
    ]


def holds(layer: Layer) -> dict[str, float]:
    """MiB of the largest folders."""
    return {
        folder: round(size / _MIB, 1)
        for folder, size in Counter(layer.shares).most_common(8)
        if size >= 0.01 * layer.size
    }


def _built(builder: Builder, name: str) -> tuple[float, list[Layer]]:
    """Build it from nothing but what it stands on: seconds, and all layers."""
    folder = DIST / "compare" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    output = f"type=oci,dest={folder},tar=false,compression=uncompressed,force-compression=true"
    command = builder.command(name, f"{output},rewrite-timestamp=true", whole=True)
    epoch = build_settings()["SOURCE_DATE_EPOCH"]
    command += ["--no-cache", "--opt", f"build-arg:SOURCE_DATE_EPOCH={epoch}"]
    begun = time.monotonic()
    builder.follow(name, command)
    seconds = time.monotonic() - begun
    try:
        return seconds, list(_layers(folder))
    finally:
        shutil.rmtree(folder)


def _layers(folder: Path) -> Iterator[Layer]:
    def blob(digest: str) -> Path:
        return folder / "blobs" / digest.replace(":", "/")

    def read(digest: str) -> dict[str, Any]:
        return dict(json.loads(blob(digest).read_text()))

    (first, *_) = json.loads((folder / "index.json").read_text())["manifests"]
    manifest = read(first["digest"])
    if "manifests" in manifest:
        manifest = read(manifest["manifests"][0]["digest"])
    config = read(manifest["config"]["digest"])
    steps = [one["created_by"] for one in config["history"] if not one.get("empty_layer")]
    for made_by, layer in zip(steps, manifest["layers"], strict=True):
        yield Layer(layer["digest"], made_by, layer["size"], *_listed(blob(layer["digest"])))


def _listed(path: Path) -> tuple[dict[str, tuple[str, ...]], dict[str, int]]:
    files: dict[str, tuple[str, ...]] = {}
    shares: Counter[str] = Counter()
    with tarfile.open(path, "r|") as archive:
        for entry in archive:
            content = archive.extractfile(entry) if entry.isfile() else None
            told = _sha256(content) if content else entry.linkname
            files[entry.name] = (
                entry.type.decode(), oct(entry.mode), f"{entry.uid}:{entry.gid}",
                str(entry.mtime), told, str(sorted(entry.pax_headers)),
            )  # fmt: skip
            shares[_folder(entry.name)] += entry.size
    return files, dict(shares)


def _sha256(content: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while part := content.read(_MIB):
        digest.update(part)
    return digest.hexdigest()


def _folder(name: str) -> str:
    """What a file counts to: a Python package, or else three folders deep."""
    _, packages, inside = name.partition("/site-packages/")
    return inside.split("/")[0] if packages else "/".join(name.split("/")[:3])


def _own(name: str, layers: list[Layer], builder: Builder) -> list[Layer]:
    """An image's layers without those of what it stands on."""
    parent = images.IMAGES[name].parent
    if parent is None:
        return layers
    below = images.stored_digests(builder.node)[str(builder.ensure(parent))]
    manifest = json.loads(images.ctr(builder.node, "content", "get", below))
    return layers[len(manifest["layers"]) :]


def _again(builder: Builder, name: str) -> dict[str, float]:
    """Seconds of builds as they happen all day: nothing changed, and a line of code did."""
    target = f"{images.REGISTRY}/compare:latest"

    def timed() -> float:
        command = builder.command(name, images.output(target))
        begun = time.monotonic()
        builder.follow(name, command)
        return time.monotonic() - begun

    try:
        timed()
        seconds = {"warm": timed()}
        if name == "ray":
            with _another_line():
                seconds["code"] = timed()
        return seconds
    finally:
        images.ctr(builder.node, "images", "remove", target)


@contextmanager
def _another_line() -> Iterator[None]:
    """Have the workloads come from a copy with a line that is new."""
    ours, copy = images.IMAGES["ray"], DIST / "compare" / "workloads"
    ignored = shutil.ignore_patterns(*images.IGNORED_FOLDERS)
    shutil.copytree(ROOT / "workloads", copy, ignore=ignored)
    try:
        with (copy / "src" / "rayworks" / "cli.py").open("a") as file:
            file.write(f"\n# {time.time()}\n")
        images.IMAGES["ray"] = replace(ours, contexts={"workloads": copy})
        yield
    finally:
        images.IMAGES["ray"] = ours
        shutil.rmtree(copy)


def _show(name: str, found: dict[str, Any], budget: Mapping[str, int]) -> None:
    times = ", ".join(f"{key[:-2]} {value} s" for key, value in found.items() if key[-2:] == "_s")
    table = Table("layer", "MiB", "of", "holds, MiB", title=f"{name}: {times}")
    for what, layer in zip(budget, found["layers"], strict=False):
        inside = ", ".join(f"{folder} {size}" for folder, size in layer["holds"].items())
        table.add_row(what, f"{layer['MiB']}", f"{budget[what]}", inside)
    Console(width=140).print(table)
    same = "the same" if not found["differs"] else f"{len(found['differs'])} paths differ"
    print(f"{name}, built twice: {same}", flush=True)
