import json
from pathlib import Path

import pytest

from lib.errors import UserError
from local import images
from local.box import Box
from local.images import Image, ImageRef

NODE = Box(0, 0, "", "", "192.0.2.2", "0", 0.0)


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two images: child stands on base and takes a folder of code."""
    for name in ("base", "child", "code"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
        (tmp_path / name / "Dockerfile").write_text("FROM scratch\n")
    table = {
        "base": Image(tmp_path / "base"),
        "child": Image(tmp_path / "child", parent="base", contexts={"code": tmp_path / "code"}),
    }
    monkeypatch.setattr(images, "IMAGES", table)
    monkeypatch.setattr(images, "_BUILT", tmp_path / "images.json")
    return tmp_path


def tags() -> tuple[str, str]:
    return images.reference("base").tag, images.reference("child").tag


def test_a_reference_is_a_full_name() -> None:
    assert str(ImageRef("ray", "0123456789ab")) == "localhost/rayworks/ray:0123456789ab"


def test_the_same_sources_give_the_same_tag(sources: Path) -> None:
    before = tags()
    (sources / "code" / "file").touch()
    assert tags() == before
    assert all(len(tag) == 12 for tag in before)


def test_code_changes_the_image_that_takes_it_and_no_other(sources: Path) -> None:
    base, child = tags()
    (sources / "code" / "file").write_text("changed")
    assert tags()[0] == base
    assert tags()[1] != child


def test_a_parent_changes_what_stands_on_it(sources: Path) -> None:
    base, child = tags()
    (sources / "base" / "file").write_text("changed")
    assert tags()[0] != base
    assert tags()[1] != child


def test_a_renamed_or_executable_file_is_a_change(sources: Path) -> None:
    first = tags()[1]
    (sources / "code" / "file").chmod(0o755)
    second = tags()[1]
    (sources / "code" / "file").rename(sources / "code" / "other")
    assert len({first, second, tags()[1]}) == 3


@pytest.mark.parametrize("name", ["__pycache__/a.pyc", "x.egg-info/PKG-INFO", ".ruff_cache/x"])
def test_what_tools_leave_behind_is_no_change(sources: Path, name: str) -> None:
    before = tags()
    (sources / "code" / name).parent.mkdir()
    (sources / "code" / name).write_text("noise")
    assert tags() == before


def test_every_image_has_a_dockerfile() -> None:
    assert [
        name for name, i in images.IMAGES.items() if not (i.folder / "Dockerfile").exists()
    ] == []


def test_every_parent_is_an_image() -> None:
    assert {i.parent for i in images.IMAGES.values() if i.parent} <= set(images.IMAGES)


def test_an_unknown_image_is_named() -> None:
    with pytest.raises(UserError, match="no image nonsense"):
        images.build(["nonsense"], lambda _: None)


def test_without_a_cluster_nothing_is_present(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.box.running", lambda: None)
    assert not images.present(["base"])
    with pytest.raises(UserError, match="not up"):
        images.build(["base"], lambda _: None)


OLDER, OLD, RUNNING = "0" * 12, "1" * 12, "2" * 12


class Store:
    """What ctr would say and do: images as name to digest, and the images of containers."""

    def __init__(self, images: dict[str, str], in_use: list[str]) -> None:
        self.images = images
        self.in_use = in_use

    def ctr(self, _: Box, *words: str) -> str:
        if words[:2] == ("images", "remove"):
            for ref in words[2:]:
                del self.images[ref]
            return ""
        if words[:2] == ("containers", "list"):
            return "".join(["CONTAINER IMAGE RUNTIME\n", *(f"x {i} runc\n" for i in self.in_use)])
        lines = [f"{ref} type {digest} 1.0 MiB linux -\n" for ref, digest in self.images.items()]
        return "".join(["REF TYPE DIGEST SIZE PLATFORMS LABELS\n", *lines])


def test_old_versions_go_but_not_the_latest_nor_those_in_use(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = images.reference("base")
    name = "localhost/rayworks/base"
    store = Store(
        {
            f"{name}:{OLDER}": "d1",
            "sha256:1": "d1",
            f"{name}:{OLD}": "d2",
            "sha256:2": "d2",
            f"{name}:{RUNNING}": "d3",
            "sha256:3": "d3",
            str(wanted): "d4",
            f"localhost/rayworks/child:{OLD}": "d5",
            f"localhost/other:{OLD}": "d6",
            f"{name}:by-hand": "d7",
        },
        in_use=["sha256:3"],
    )
    monkeypatch.setattr(images, "ctr", store.ctr)
    monkeypatch.setattr(images, "KEEP", 2)
    (sources / "images.json").write_text(json.dumps({"base": [OLD, OLDER, RUNNING]}))
    builder = images.Builder(NODE, lambda _: None)
    assert builder.ensure("base") == wanted
    before = set(store.images)
    builder.forget_old()
    assert before - set(store.images) == {f"{name}:{OLDER}", "sha256:1"}
    assert json.loads((sources / "images.json").read_text()) == {"base": [wanted.tag, OLD]}


def test_a_new_version_of_something_heavy_replaces_the_old_with_all_that_stood_on_it(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = {
        "base": Image(sources / "base", heavy=True),
        "child": Image(sources / "child", stages={"deps": "base"}),
    }
    monkeypatch.setattr(images, "IMAGES", table)
    base, child = images.reference("base"), images.reference("child")
    store = Store(
        {
            f"localhost/rayworks/base:{OLD}": "d1",
            f"localhost/rayworks/child:{OLD}": "d2",
            str(base): "d3",
            str(child): "d4",
        },
        in_use=[],
    )
    monkeypatch.setattr(images, "ctr", store.ctr)
    (sources / "images.json").write_text(json.dumps({"base": [OLD], "child": [OLD]}))
    builder = images.Builder(NODE, lambda _: None)
    builder.ensure("base")
    builder.ensure("child")
    builder.forget_old()
    assert set(store.images) == {str(base), str(child)}


def test_a_stage_is_cut_from_its_dockerfile(sources: Path) -> None:
    (sources / "child" / "Dockerfile").write_text(
        "ARG A\nFROM a AS deps\nRUN one\nFROM deps\nRUN two\n"
    )
    deps = Image(sources / "child", stage="deps")
    assert images.dockerfile(deps) == "ARG A\nFROM a AS deps\nRUN one\n"
    with pytest.raises(ValueError, match="no stage"):
        images.dockerfile(Image(sources / "child", stage="other"))


def test_only_the_named_sources_count(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (sources / "code" / "lock").write_text("1")
    deps = Image(sources / "child", contexts={"code": sources / "code"}, sources=("lock",))
    monkeypatch.setattr(images, "IMAGES", {"deps": deps})
    before = images.reference("deps")
    (sources / "code" / "file").write_text("changed")
    assert images.reference("deps") == before
    (sources / "code" / "lock").write_text("2")
    assert images.reference("deps") != before


def test_finds_the_images_that_manifests_ask_for() -> None:
    redis = images.reference("redis")
    text = f"image: {redis}\nother: {images.REGISTRY}/pause:000000000000\nimage: redis:7\n"
    assert images.named_in(text) == {"redis"}


def test_an_image_that_nobody_asks_for_needs_no_tool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"image: {images.reference('redis')}"
    monkeypatch.setattr(images, "TOOLS_BIN", tmp_path)  # as where only a deployment was made
    with pytest.raises(UserError, match="is not there"):
        images.reference("alertmanager")
    assert images.named_in(text) == {"redis"}
