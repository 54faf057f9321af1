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
    assert [name for name, i in images.IMAGES.items() if not (i.folder / "Dockerfile").exists()] == []


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


def test_old_versions_go_but_not_the_last_two_nor_those_in_use(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = images.reference("base")
    store = {f"localhost/rayworks/base:{tag}" for tag in ("older", "old", "running", wanted.tag)}
    store |= {"localhost/rayworks/child:old", "localhost/other:old"}
    removed: list[str] = []

    def ctr(_: Box, *words: str) -> str:
        if words[:2] == ("images", "remove"):
            removed.extend(words[2:])
        if words[:2] == ("containers", "list"):
            return "CONTAINER  IMAGE  RUNTIME\nx  localhost/rayworks/base:running  runc\n"
        return "\n".join(store)

    monkeypatch.setattr(images, "ctr", ctr)
    (sources / "images.json").write_text(json.dumps({"base": ["old", "older", "running"]}))
    builder = images._Builder(NODE, lambda _: None)
    assert builder.ensure("base") == wanted
    builder.forget_old()
    assert removed == ["localhost/rayworks/base:older"]
    assert json.loads((sources / "images.json").read_text()) == {"base": [wanted.tag, "old"]}
