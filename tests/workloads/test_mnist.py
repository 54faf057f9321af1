from __future__ import annotations

import asyncio
import io
import json
import shutil
import socket
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from rayworks.classifier.checkpoint import SNAPSHOT, load, newest
from rayworks.classifier.data import Images
from rayworks.cli import main
from rayworks.common.errors import UserError
from rayworks.common.storage import Store
from rayworks.mnist import client, serve
from rayworks.mnist.inputs import (
    LARGEST,
    BadInputError,
    Pixels,
    from_image,
    from_numbers,
    pixels_of,
    read,
)
from rayworks.mnist.model import Cnn
from rayworks.mnist.serve import Digits


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["mnist", *map(str, arguments)])


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


GREY = np.arange(784, dtype=np.uint8).reshape(28, 28)
PNG = encoded(Image.fromarray(GREY))


def test_the_network_takes_rows_of_pixels() -> None:
    assert Cnn(0.25)(torch.zeros(3, 784)).shape == (3, 10)


@pytest.mark.parametrize("form", client.FORMS)
def test_the_three_forms_are_the_same_image(form: str) -> None:
    content = client.request(PNG, form)["content"]
    body = content if isinstance(content, bytes) else content.encode()
    assert np.array_equal(pixels_of(body), GREY.astype(np.float32))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_images_of_other_sizes_and_colours(mode: str) -> None:
    file = encoded(Image.new(mode, (300, 200)), "JPEG" if mode == "CMYK" else "PNG")
    assert from_image(file).shape == (28, 28)


def numbers(value: object) -> bytes:
    return json.dumps({"data": value}).encode()


def with_one(value: object) -> bytes:
    return numbers([[value] + [0] * 27] + [[0] * 28] * 27)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "not an image"),
        (b"GIF89a", "not an image"),
        (PNG[:60], "not an image"),
        (encoded(Image.new("I;16", (28, 28))), "more than 8 bits"),
        (encoded(Image.new("1", (40000, 40000))), "the image is too large"),
        (encoded(Image.new("1", (3000, 3000))), "the image is too large: 3000 x 3000 pixels"),
        (b"{", "not JSON"),
        (b'{"data": ' + b"[" * 100_000, "not JSON"),
        (b"{}", "either `image` or `data`"),
        (b'{"data": [], "image": ""}', "either `image` or `data`"),
        (b'{"image": 3}', "`image` is not base64"),
        (b'{"image": "%"}', "`image` is not base64"),
        (b'{"image": "eHh4"}', "not an image"),
        (numbers([[0] * 28] * 27), "`data` is 27 x 28"),
        (numbers([[0] * 28] * 27 + [[0]]), "rows of different lengths"),
        (numbers(7), "`data` is a single value"),
        (numbers("zero"), "`data` is a single value"),
        (with_one("0"), "has to be numbers"),
        (with_one(None), "has to be numbers"),
        (with_one(10**30), "has to be numbers"),
        (numbers([[True] * 28] * 28), "has to be numbers"),
        (with_one(float("nan")), "NaN"),
        (with_one(float("inf")), "NaN or infinite"),
        (with_one(-1), "out of range"),
        (with_one(255.5), "out of range"),
        (with_one(0.9), "no value above 1; they have to be from 0 to 255"),
        (with_one(1), "no value above 1; they have to be from 0 to 255"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_a_reason(body: bytes, why: str) -> None:
    with pytest.raises(BadInputError, match=why):
        pixels_of(body)


def test_a_blank_image_is_one() -> None:
    assert not pixels_of(with_one(0.0)).any()


def test_broken_files_are_refused_and_nothing_else_happens() -> None:
    rng = np.random.default_rng(0)
    files = [PNG, encoded(Image.fromarray(GREY).convert("RGB"), "JPEG")]
    refused = 0
    for number in range(600):
        broken = bytearray(files[number % 2])
        for _ in range(rng.integers(1, 8)):
            broken[rng.integers(len(broken))] = rng.integers(256)
        try:
            assert from_image(bytes(broken)).shape == (28, 28)
        except BadInputError:
            refused += 1
    assert refused


def test_a_request_is_not_read_beyond_what_is_allowed() -> None:
    taken = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b" " * 100_000

    with pytest.raises(BadInputError, match="the request is too large"):
        asyncio.run(read(chunks()))
    assert taken == LARGEST // 100_000 + 1


@pytest.fixture
def trained(tmp_path: Path, idx_folder: Path) -> Store:
    """The folder of a run of two epochs."""
    done = call(
        "train", "--dataset", "mnist", "--data-dir", idx_folder, "--epochs", 2, "--num-workers", 0,
        "--storage-path", tmp_path,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    return Store(str(tmp_path / "mnist"), read_only=True)


def test_what_is_served_is_what_was_trained(trained: Store, images: Images) -> None:
    found = load(trained)
    result = trained.read_json("result.json")
    assert result
    assert found.settings == result["settings"]
    assert found.last == result["history"][-1]
    probabilities = found.probabilities(images.test_images)
    assert probabilities.sum(1) == pytest.approx(1)
    assert (probabilities.argmax(1) == images.test_labels).mean() == result["accuracy"]
    alone: list[Pixels] = [from_numbers(image.tolist()) for image in images.test_images]
    assert found.probabilities(np.stack(alone)) == pytest.approx(probabilities)


def test_the_newest_finished_state_is_found(trained: Store) -> None:
    assert newest(trained) == "checkpoints/state.pt"
    folder = Path(trained.uri) / "checkpoints"
    for name in ("checkpoint_1", "checkpoint_2"):  # as Ray Train leaves them; the last is half done
        (folder / name).mkdir()
        time.sleep(0.01)
        shutil.copyfile(folder / "state.pt", folder / name / "state.pt")
    snapshot = {"latest_checkpoint_result": {"checkpoint_dir_name": "checkpoint_1"}}
    (Path(trained.uri) / SNAPSHOT).write_text(json.dumps(snapshot))
    assert newest(trained) == "checkpoints/checkpoint_1/state.pt"
    (folder / "state.pt").touch()
    assert newest(trained) == "checkpoints/state.pt"


def test_states_that_cannot_be_loaded(trained: Store) -> None:
    with pytest.raises(UserError, match="is not there"):
        load(trained, "checkpoints/other.pt")
    path = Path(trained.uri) / "checkpoints" / "state.pt"
    state = torch.load(path)
    next(iter(state["model"].values())).fill_(float("nan"))
    torch.save(state, path)
    with pytest.raises(UserError, match="has weights that are no numbers"):
        load(trained)
    del state["model"]["layers.1.weight"]
    torch.save(state, path)
    with pytest.raises(UserError, match="cannot be loaded"):
        load(trained)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match="cannot be loaded"):
        load(trained)


def replica() -> Any:
    """One of the endpoint's, without Ray."""
    return Digits.func_or_class()  # type: ignore[attr-defined]


def test_a_replica_without_numbers_to_answer_is_not_healthy(trained: Store) -> None:
    sick = replica()
    sick.trained = load(trained)
    asyncio.run(sick.check_health())
    next(sick.trained.network.parameters()).data.fill_(float("nan"))
    with pytest.raises(RuntimeError, match="the network does not answer with numbers"):
        asyncio.run(sick.check_health())


@pytest.mark.parametrize("what", ["_answer", "check_health"])
def test_a_network_at_work_does_not_hold_up_the_event_loop(what: str) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def probabilities(images: Pixels) -> Pixels:
        begun.set()
        assert go_on.wait(10)
        return np.full((len(images), 10), 0.1, np.float32)

    one = replica()
    one.trained = SimpleNamespace(probabilities=probabilities)

    async def ask() -> None:
        if what == "_answer":  # what Serve's batching, which needs a cluster, calls
            answer = type(one)._answer.__wrapped__(one, [GREY.astype(np.float32)])
        else:
            answer = one.check_health()
        asked = asyncio.ensure_future(answer)
        while not (begun.is_set() or asked.done()):
            await asyncio.sleep(0.01)
        go_on.set()
        await asked

    asyncio.run(ask())


@pytest.mark.parametrize(("gpus", "device"), [([], "cpu"), (["0"], "cuda")])
def test_a_replica_computes_where_it_has_a_share(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, gpus: list[str], device: str
) -> None:
    asked = []
    context = SimpleNamespace(get_accelerator_ids=lambda: {"GPU": gpus})
    monkeypatch.setattr(serve.ray, "get_runtime_context", lambda: context)
    monkeypatch.setattr(serve, "load", lambda store, name, device: asked.append((name, device)))
    config = {"run_name": "mnist", "checkpoint": "a.pt", "storage_path": str(tmp_path)}
    asyncio.run(replica().reconfigure(config))
    assert asked == [("a.pt", device)]


def test_a_state_calls_nothing_but_networks(trained: Store, tmp_path: Path) -> None:
    path = Path(trained.uri) / "checkpoints" / "state.pt"
    state = torch.load(path)
    metadata = json.loads(state["metadata"])
    metadata["settings"] |= {"model": "os:mkdir", "dropout": str(tmp_path / "called")}
    state["metadata"] = json.dumps(metadata)
    torch.save(state, path)
    with pytest.raises(UserError, match="os:mkdir is no network"):
        load(trained)
    assert not (tmp_path / "called").exists()


def test_nothing_to_serve(tmp_path: Path) -> None:
    done = call("serve", "--storage-path", tmp_path / "none")
    assert done.exit_code == 1
    assert done.stderr.startswith(f"error: {tmp_path}/none/mnist holds no checkpoint\ntry:   train")
    assert not (tmp_path / "none").exists()


def test_a_port_that_is_taken(trained: Store) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = call("serve", "--storage-path", Path(trained.uri).parent, "--port", port)
    assert done.exit_code == 1
    assert done.stderr.startswith(f"error: --port {port} cannot be used: ")


@pytest.mark.parametrize("command", ["classify", "load"])
def test_clients_without_an_endpoint(command: str) -> None:
    done = call(command, "--url", "http://127.0.0.1:9/mnist")
    assert done.exit_code == 1
    assert done.stderr.startswith("error: http://127.0.0.1:9/mnist does not answer: ")


def test_a_file_that_is_no_image() -> None:
    with pytest.raises(UserError, match=r"x\.png: not an image"):
        list(client.classify("http://127.0.0.1:9/", {"x.png": b"no"}))
