"""What image-training and doggos share: finding, decoding and making images, and steps."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rayworks.common import images, shapes
from rayworks.common.errors import UserError
from rayworks.common.progress import Event
from rayworks.common.steps import Steps
from rayworks.common.storage import Store


def test_generated_images_are_the_same_for_a_seed(tmp_path: Path) -> None:
    uri = shapes.generated(str(tmp_path), 8, 48)
    files = images.find(uri, "none")
    assert len(files.paths) == 8
    assert {files.folder(path) for path in files.paths} == set(shapes.SHAPES)
    first = Path(files.paths[0]).read_bytes()
    assert first == shapes.draw("blue-triangle", 48, 0, 0)
    assert first != shapes.draw("blue-triangle", 48, 1, 0)
    Path(files.paths[0]).write_bytes(b"")
    assert shapes.generated(str(tmp_path), 8, 48) == uri
    assert Path(files.paths[0]).read_bytes() == b"", "what is complete is not made again"


def test_a_folder_without_images(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("nothing here")
    with pytest.raises(UserError, match="has no images") as caught:
        images.find(str(tmp_path), "the way out")
    assert caught.value.hint == "the way out"
    with pytest.raises(UserError, match="there is no folder"):
        images.find(str(tmp_path / "missing"), "the way out")
    with pytest.raises(UserError, match="nowhere://bucket cannot be read"):
        images.find("nowhere://bucket", "the way out")


def test_images_lie_in_folders(tmp_path: Path) -> None:
    for name in ("b/2.PNG", "a/1.jpg", "0.jpeg", ".hidden.jpg", "a/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"1234")
    files = images.find(str(tmp_path), "none")
    assert [Path(path).name for path in files.paths] == ["0.jpeg", "1.jpg", "2.PNG"]
    assert [files.folder(path) for path in files.paths] == ["", "a", "b"]
    assert files.bytes == 12
    assert not files.parquet


def encoded(width: int, height: int, kind: str, mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (width, height), 200 if mode == "L" else (200, 10, 10)).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize("stretch", [True, False])
@pytest.mark.parametrize(("width", "height"), [(900, 600), (40, 90), (64, 64)])
def test_any_size_becomes_a_square(width: int, height: int, stretch: bool) -> None:
    pixels = images.decode(encoded(width, height, "JPEG"), 64, 56, stretch=stretch)
    assert pixels.shape == (56, 56, 3)
    assert np.abs(pixels.astype(int) - [200, 10, 10]).max() < 12


def test_grey_images_get_three_channels() -> None:
    assert (images.decode(encoded(8, 8, "PNG", "L"), 8) == 200).all()


@pytest.mark.parametrize(
    "data", [b"", b"not an image", encoded(64, 64, "JPEG")[:400], encoded(64, 64, "PNG")[:60]]
)
def test_corrupt_images(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the words are those of Pillow
        images.decode(data, 32)


def test_a_corrupt_image_is_refused_by_name() -> None:
    with pytest.raises(UserError, match=r"b\.jpg is corrupt.*--on-corrupt skip"):
        images.each_decoded(
            ["a.jpg", "b.jpg"],
            [encoded(8, 8, "JPEG"), b""],
            lambda data: images.decode(data, 8),
            True,
            "",
        )


def test_steps_that_are_done_are_not_repeated(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    events: list[Event] = []
    calls: list[str] = []

    def work() -> dict[str, int]:
        calls.append("one")
        return {"n": 1}

    def fail() -> dict[str, int]:
        raise KeyboardInterrupt

    steps = Steps(store, events.append)
    steps.run("one", work)
    with pytest.raises(KeyboardInterrupt):
        steps.run("two", fail)
    again = Steps(store, events.append)
    assert again.run("one", work)["n"] == 1
    assert again.run("two", lambda: {"n": 2})["n"] == 2
    assert calls == ["one"]
    assert [(event["step"], event["again"]) for event in events] == [
        ("one", False),
        ("one", True),
        ("two", False),
    ]
