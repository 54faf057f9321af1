"""The contenders of bench.embedding: CLIP over images in turns, on Ray or by a loop of its own.

`python -m bench.clip FOLDER make` makes images and model; `… FOLDER ray` is the embed step of
doggos on a Ray of its own; `… FOLDER loop PROCESSES` the loop, with so many processes of its
DataLoader. On the GPU where there is one, else on all cores.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from bench.device import CORES, DEVICE, GPU, WORKER_CORES, settle
from bench.images import ROUNDS
from bench.turns import FromFirstStep
from rayworks.common import shapes
from rayworks.common.cluster import connected
from rayworks.common.images import Files, Pixels, decode, find
from rayworks.doggos import clip
from rayworks.doggos.config import Config
from rayworks.doggos.embed import BATCH, embed

EDGE = 256

#: Batches of a turn that do not count, and those that do.
WARM, TIMED = (50, 100) if GPU else (1, 2)

#: Enough for all turns, with some to spare.
IMAGES = BATCH * (1 + (1 + ROUNDS) * (WARM + TIMED) + 8)


def _make(folder: str) -> None:
    """Write images and model."""
    from transformers import CLIPConfig, CLIPModel

    Path(shapes.generated(folder, IMAGES, EDGE)).rename(f"{folder}/images")
    # By default it is ViT-B/32.
    CLIPModel(CLIPConfig(text_config={"num_hidden_layers": 1})).save_pretrained(f"{folder}/model")


class TakingTurns(clip.Embed):
    """The model in turns."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._turns = FromFirstStep(WARM, TIMED, BATCH, settle)

    def embed(self, images: Pixels) -> NDArray[np.float32]:
        """As clip.Embed's; sleeps between turns."""
        embeddings = super().embed(images)
        self._turns.step()
        return embeddings


def _with_ray(folder: str) -> None:
    clip.Embed = TakingTurns  # type: ignore[misc, assignment]
    with tempfile.TemporaryDirectory() as storage, connected(verbose=False, beside=1):
        config = Config(
            workload="bench", data=f"{folder}/images", model=f"{folder}/model", num_workers=1,
            use_gpu=GPU, cpus_per_worker=WORKER_CORES, storage_path=storage,
            run_name="bench",
        )  # fmt: skip
        embed(config, find(config.data, ""), lambda event: None)


class Folder(Dataset[Pixels]):
    """Images as the model takes them."""

    def __init__(self, files: Files, edge: int) -> None:
        self._paths, self._edge = files.paths, edge

    def __len__(self) -> int:
        """How many."""
        return len(self._paths)

    def __getitem__(self, number: int) -> Pixels:
        """Bytes (edge, edge, 3)."""
        return decode(Path(self._paths[number]).read_bytes(), self._edge, stretch=False)


def _loop(folder: str, processes: int) -> None:
    """The embedding as one writes it without Ray."""
    model = TakingTurns(f"{folder}/model", None, DEVICE, CORES)
    images = Folder(find(f"{folder}/images", ""), clip.edge(f"{folder}/model", None))
    for batch in DataLoader(images, BATCH, num_workers=processes, collate_fn=np.stack):
        model.embed(batch)


if __name__ == "__main__":
    # By its full name: Ray's actors import this module, and must find the same classes.
    from bench import clip as contenders

    match sys.argv[1:]:
        case where, "make":
            contenders._make(where)
        case where, "ray":
            contenders._with_ray(where)
        case where, _, processes:
            contenders._loop(where, int(processes))
