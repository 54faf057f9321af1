"""Weights are downloaded once, to one place, by all workloads that need some."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rayworks.common import downloads
from rayworks.common.errors import UserError
from rayworks.fine_tune.config import Config


@pytest.mark.parametrize("library", ["huggingface", "torch"])
def test_the_shared_storage_keeps_them_unless_there_is_another_place(
    library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(downloads.VARIABLES[library], raising=False)
    assert downloads.folder(library, str(tmp_path)) == tmp_path / "cache" / library
    assert downloads.folder(library, "s3://bucket/runs") is None
    monkeypatch.setenv(downloads.VARIABLES[library], "/elsewhere")
    assert downloads.folder(library, str(tmp_path)) is None


def test_fine_tune_takes_its_model_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HOME", raising=False)
    fields: dict[str, Any] = {"workload": "fine-tune", "run_name": "test", "dataset": "pydoc"}
    config = Config(storage_path=str(tmp_path), num_workers=1, **fields)
    assert config.cache == tmp_path / "cache" / "huggingface"
    monkeypatch.setenv("HF_HOME", "/elsewhere")
    assert config.cache is None


def test_image_training_takes_its_weights_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from rayworks.image_training.model import pretrained

    asked: list[str] = []

    def load(url: str, model_dir: str, **_: object) -> dict[str, Any]:
        asked.append(model_dir)
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", load)
    monkeypatch.delenv("TORCH_HOME", raising=False)
    with pytest.raises(UserError, match="cannot be downloaded") as caught:
        pretrained(str(tmp_path))
    assert asked == [str(tmp_path / "cache" / "torch")]
    assert caught.value.hint == f"--weights none, or put that file into {asked[0]}"
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "other"))
    with pytest.raises(UserError):
        pretrained(str(tmp_path))
    assert asked[1] == str(tmp_path / "other" / "hub" / "checkpoints")
