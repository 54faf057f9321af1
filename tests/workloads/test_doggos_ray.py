"""The command on a Ray of its own on this machine, as on a laptop. About three minutes."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from mlflow import MlflowClient
from mlflow_server import Server
from PIL import Image
from running import Event, Start, events, numbers, starter, to_the_end

from rayworks.common import shapes
from rayworks.common.images import decode
from rayworks.doggos.clip import MEAN, STD, Embed, edge
from rayworks.doggos.embed import ROWS

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start `rayworks doggos` with the tiny model."""
    options = ("--model", "tiny", "--batch-size", 32, "--storage-path", tmp_path)
    with starter("doggos", *options) as begin:
        yield begin


def finished(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What each step brought, by its name."""
    said, errors = process.communicate(timeout=250)
    assert process.returncode == 0, errors
    lines = [json.loads(line) for line in said.splitlines()]
    return {event["step"]: event for event in lines if event["event"] == "step_done"}


def test_it_tells_made_classes_apart_and_embeds_once(
    start: Start, tmp_path: Path, mlflow_python: Path
) -> None:
    folder = Path(shapes.generated(str(tmp_path), 400, 64))
    (folder / "red-circle" / "zz.jpg").write_bytes(b"no image")
    again = folder / "red-circle" / "zz-again.jpg"
    again.write_bytes(Path(folder, "red-circle", "000002.jpg").read_bytes())
    first = finished(start("--data", folder, "--until", "embed"))
    assert list(first) == ["embed"]
    assert (first["embed"]["images"], first["embed"]["embedded"]) == (401, 400)
    assert first["embed"]["corrupt"] == 1

    server = Server(mlflow_python, tmp_path)
    server.start()
    try:
        steps = finished(start("--data", folder, MLFLOW_TRACKING_URI=server.uri))
        assert list(steps) == ["embed", "train", "infer", "evaluate", "register"]
        assert [step["again"] for step in steps.values()] == [True, False, False, False, False]
        client = MlflowClient(server.uri)
        version = client.get_model_version("doggos", "1")
        tracked = client.get_run(version.run_id or "")
        history = client.get_metric_history(version.run_id or "", "val_loss")
    finally:
        server.kill()
    run = tmp_path / "doggos"
    result = json.loads((run / "result.json").read_text())
    assert result["accuracy"] >= 0.95
    assert min(result["precision"], result["recall"], result["f1"]) >= 0.94
    assert result["corrupt_images"] == 1
    assert result["registered"] == {"model": "doggos", "version": 1}
    lowest = min(result["history"], key=lambda epoch: epoch["val_loss"])
    assert result["best_epoch"] == lowest["epoch"]
    assert [kept.step for kept in history] == list(range(1, 21))
    assert tracked.data.params["hidden"] == "256"
    assert tracked.data.metrics["test_accuracy"] == result["accuracy"]
    assert len(pq.read_table(run / "predictions.parquet")) == 60
    assert (run / "confusion-matrix.png").read_bytes().startswith(b"\x89PNG")

    other = finished(start("--data", folder, "--run-name", "other", "--until", "embed"))
    assert other["embed"]["embedded"] == 0, "the same content is not embedded twice"


def step(name: str) -> Callable[[Event], bool]:
    return lambda event: event["event"] == "step_done" and event["step"] == name


#: Where the driver is killed: the event that it has told, and the steps that are then done.
CUTS: dict[str, tuple[Callable[[Event], bool], list[str]]] = {
    "amid embed": (lambda event: event["event"] == "embedded", []),
    "after embed": (step("embed"), ["embed"]),
    "amid train": (lambda event: event.get("epoch") == 3, ["embed"]),
    "after train": (step("train"), ["embed", "train"]),
    "after infer": (step("infer"), ["embed", "train", "infer"]),
}

#: More images than the cache takes at once.
MANY = ("--data", "generated", "--generated-images", ROWS + 300)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[float]:
    """The numbers of a run that nothing befell."""
    options = ("--model", "tiny", *MANY, "--storage-path", tmp_path_factory.mktemp("runs"))
    with starter("doggos", *options) as begin:
        return numbers(to_the_end(begin())[1])


@pytest.mark.full
def test_a_registry_that_was_away_gets_the_model_with_the_next_start(
    start: Start, tmp_path: Path, mlflow_python: Path
) -> None:
    server = Server(mlflow_python, tmp_path)
    options = ("--data", "generated", "--generated-images", 160, "--epochs", 2)
    steps = finished(start(*options, MLFLOW_TRACKING_URI=server.uri))
    assert "register" not in steps
    run = tmp_path / "doggos"
    before = json.loads((run / "result.json").read_text())
    assert before["registered"] is None
    server.start()
    try:
        steps = finished(start(*options, MLFLOW_TRACKING_URI=server.uri))
        client = MlflowClient(server.uri)
        version = client.get_model_version("doggos", "1")
        tracked = client.get_run(version.run_id or "")
    finally:
        server.kill()
    done = [True, True, True, True, False]
    assert [step["again"] for step in steps.values()] == done
    after = json.loads((run / "result.json").read_text())
    assert after["registered"] == {"model": "doggos", "version": 1}
    assert after["history"] == before["history"]
    assert tracked.info.status == "FINISHED"
    last = before["history"][-1]
    assert tracked.data.metrics["val_loss"] == pytest.approx(last["val_loss"], abs=1e-5)


@pytest.mark.full
@pytest.mark.parametrize("cut", CUTS)
def test_a_killed_run_goes_on_where_it_was(
    start: Start, undisturbed: list[float], cut: str
) -> None:
    until, steps = CUTS[cut]
    options = (*MANY, "--batch-size", 256)
    process = start(*options)
    events(process, until)
    process.kill()
    process.wait(timeout=60)
    seen, result = to_the_end(start(*options))
    done = {event["step"]: event for event in seen if event["event"] == "step_done"}
    assert [name for name, event in done.items() if event["again"]] == steps
    if cut == "amid embed":
        assert done["embed"]["embedded"] == 300, "what was kept is not embedded again"
    if cut == "amid train":
        assert [e["after_epoch"] >= 2 for e in seen if e["event"] == "resumed"] == [True]
    assert numbers(result) == pytest.approx(undisturbed, rel=1e-3)


def test_a_corrupt_image_is_refused(start: Start, tmp_path: Path) -> None:
    folder = Path(shapes.generated(str(tmp_path), 100, 64))
    (folder / "red-circle" / "zz.jpg").write_bytes(b"no image")
    process = start("--data", folder, "--on-corrupt", "refuse")
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 1
    assert "zz.jpg is corrupt" in errors
    assert "--on-corrupt skip goes on without it" in errors
    assert "Traceback" not in errors


def test_images_reach_the_model_as_clips_processor_would_have_them() -> None:
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    processor = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=32)
    assert [*processor.image_mean, *processor.image_std] == [*MEAN, *STD]
    noise = np.random.default_rng(0).integers(0, 256, (50, 81, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    wanted = processor(Image.fromarray(noise), return_tensors="np")["pixel_values"][0]
    ours = decode(buffer.getvalue(), 32, stretch=False).transpose(2, 0, 1) / 255
    ours = (ours - np.reshape(MEAN, (3, 1, 1))) / np.reshape(STD, (3, 1, 1))
    assert np.abs(ours - wanted).max() < 1e-2


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A whole CLIP, small, as its hub's folder has it."""
    import torch
    from transformers import CLIPConfig, CLIPModel

    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    small |= {"num_attention_heads": 2}
    torch.manual_seed(1)
    whole = CLIPModel(
        CLIPConfig(
            vision_config={**small, "image_size": 48, "patch_size": 16},
            text_config={**small, "vocab_size": 99},
            projection_dim=24,
        )
    )
    whole.save_pretrained(tmp_path / "clip")
    return tmp_path / "clip"


def test_a_whole_clip_is_loaded_from_a_folder(clip: Path) -> None:
    import torch
    from transformers import CLIPModel

    whole = CLIPModel.from_pretrained(clip).eval()
    assert edge(str(clip), None) == 48
    images = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 3), dtype=np.uint8)
    pixels = images.transpose(0, 3, 1, 2) / 255
    pixels = (pixels - np.reshape(MEAN, (3, 1, 1))) / np.reshape(STD, (3, 1, 1))
    with torch.inference_mode():
        wanted = whole.get_image_features(torch.tensor(pixels, dtype=torch.float32))
    ours = Embed(str(clip), None, "cpu", 1).embed(images)
    assert ours.shape == (3, 24)
    assert np.abs(ours - wanted.pooler_output.numpy()).max() < 1e-5


@contextmanager
def mirror(folder: Path) -> Iterator[str]:
    """A server that has the folder's files as the hub has those of someone/clip."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            prefix, _, name = self.path.partition("/resolve/main/")
            file = folder / name
            found = prefix == "/someone/clip" and file.is_file()
            data = file.read_bytes() if found else b""
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(data)))
            if found:
                self.send_header("X-Repo-Commit", "0" * 40)
                self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
            else:
                self.send_header("X-Error-Code", "EntryNotFound")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        do_GET = do_HEAD  # noqa: N815 - as its base class calls it

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.full
def test_clip_comes_from_a_mirror_once(start: Start, tmp_path: Path, clip: Path) -> None:
    options = ("--model", "someone/clip", "--data", "generated", "--until", "embed")
    with mirror(clip) as url:
        first = finished(start(*options, "--generated-images", 100, HF_ENDPOINT=url))
    assert first["embed"]["embedded"] == 100
    # The mirror is gone, and there are images that have not been embedded yet.
    again = finished(start(*options, "--generated-images", 120, HF_ENDPOINT=url))
    assert again["embed"]["embedded"] == 20
    kept = pq.read_table(tmp_path / "embeddings" / "someone--clip" / "parts")
    assert {len(embedding) for embedding in kept["embedding"].to_pylist()} == {24}


@pytest.mark.full
def test_weights_that_cannot_be_had(start: Start, clip: Path) -> None:
    options = ("--model", "someone/clip", "--data", "generated", "--generated-images", 100)
    with mirror(clip) as url:
        pass
    away = start(*options, HF_ENDPOINT=url)
    _, errors = away.communicate(timeout=200)
    assert away.returncode == 1
    said, way_out = errors.splitlines()[-2:]
    assert said.startswith("error: CLIP someone/clip is not in ")
    assert "cannot be downloaded" in said
    assert way_out.startswith("try:   HF_ENDPOINT=<mirror>, --model <folder with ")
    assert "Traceback" not in errors

    (clip / "model.safetensors").unlink()
    with mirror(clip) as url:
        half = start(*options, HF_ENDPOINT=url)
        _, errors = half.communicate(timeout=200)
    assert half.returncode == 1
    assert "error: embedding failed: " in errors
    assert "someone/clip" in errors
