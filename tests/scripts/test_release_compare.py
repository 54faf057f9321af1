"""Two builds of an image: what differs is named, and what fills a layer that is too large."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest
import yaml

from lib.errors import UserError
from local import images
from release import compare
from release.compare import BUDGETS, Layer, apart, holds, over

FILES = {"usr/bin/tool": b"1" * 3000, "opt/lib/python3.11/site-packages/torch/a.so": b"2" * 9000}


def image(folder: Path, files: dict[str, bytes], mtime: int = 7) -> Layer:
    """The only layer of an image that BuildKit could have written."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    with tarfile.open(blobs / "layer", "w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(content), mtime
            archive.addfile(entry, io.BytesIO(content))
    digest = compare._sha256((blobs / "layer").open("rb"))
    (blobs / "layer").rename(blobs / digest)
    history = [{"created_by": "ENV A=1", "empty_layer": True}, {"created_by": "RUN it"}]
    layer = {"digest": f"sha256:{digest}", "size": (blobs / digest).stat().st_size}
    for name, content in {
        "config": {"history": history},
        "manifest": {"config": {"digest": "sha256:config"}, "layers": [layer]},
    }.items():
        (blobs / name).write_text(json.dumps(content))
    index = {"manifests": [{"digest": "sha256:manifest"}]}
    (folder / "index.json").write_text(json.dumps(index))
    (found,) = compare._layers(folder)
    return found


def test_the_same_files_are_the_same_layer(tmp_path: Path) -> None:
    one, other = image(tmp_path / "1", FILES), image(tmp_path / "2", FILES)
    assert one.made_by == "RUN it"
    assert apart(one, other) == []


@pytest.mark.parametrize(
    ("files", "mtime", "said"),
    [
        (FILES | {"usr/bin/tool": b"3" * 3000}, 7, "usr/bin/tool: "),
        (FILES | {"usr/bin/new": b""}, 7, "usr/bin/new: None and "),
        (FILES, 8, "usr/bin/tool: "),
        (dict(reversed(FILES.items())), 7, "the order of the files of: RUN it"),
    ],
)
def test_what_differs_is_named(
    tmp_path: Path, files: dict[str, bytes], mtime: int, said: str
) -> None:
    lines = apart(image(tmp_path / "1", FILES), image(tmp_path / "2", files, mtime))
    assert any(line.startswith(said) for line in lines), lines


def test_a_layer_over_its_budget_says_what_fills_it(tmp_path: Path) -> None:
    layer = image(tmp_path / "1", {name: content * 1000 for name, content in FILES.items()})
    assert over("ray", [layer], {"packages": 20}) == []
    (line,) = over("ray", [layer], {"packages": 5})
    assert line.startswith(
        "ray, packages: 11.5 MiB, of 5 that it may take: torch 8.6, usr/bin/tool"
    )
    assert holds(layer)["torch"] == 8.6
    assert over("ray", [layer], {}) == ["ray has 1 layers, and 0 have a budget"]


def test_each_image_that_is_released_has_a_budget() -> None:
    assert tuple(yaml.safe_load(BUDGETS.read_text())) == compare.NAMES
    assert set(compare.NAMES) <= set(images.IMAGES)


def test_a_disk_that_is_too_full_is_said_before_anything_is_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    free = 1
    monkeypatch.setattr(compare, "free_disk", lambda: free * 1024**3)
    budget = {"packages": 1000, "code": 24}
    with pytest.raises(UserError, match=r"has 1\.0 GiB free, and two builds of ray take 3\.5"):
        compare.check_room("ray", budget)
    free = 4
    compare.check_room("ray", budget)
