"""Embeddings of all images, each content embedded once, for all runs with the same model.

They are kept under <storage>/embeddings/<model>, in Parquet files with the columns digest (SHA-256
of the image file) and embedding. Files are written whole, while the rest is still being embedded:
a run that is cut off has kept what it was done with.
"""

from __future__ import annotations

import hashlib
import io
import re
import time
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import ray.data

from rayworks.common import cluster, downloads
from rayworks.common.errors import UserError, told
from rayworks.common.images import Files, decode, each_decoded, listening, read
from rayworks.common.progress import Emit
from rayworks.common.storage import Store
from rayworks.doggos import clip
from rayworks.doggos.config import Config

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Embeddings a file: what a run that is cut off loses at most.
ROWS = 1024

#: Images at a time through the model.
BATCH = 64


class Cache:
    """Embeddings by content.

    Args:
        config: names the storage and the model.
    """

    def __init__(self, config: Config) -> None:
        name = re.sub(r"[^A-Za-z0-9._-]+", "--", config.model).strip("-")
        self._store = Store(f"{config.storage_path.rstrip('/')}/embeddings/{name}")

    def read(self) -> tuple[dict[str, int], NDArray[np.float32]]:
        """Digest → row, and the embeddings (n, d)."""
        if self._store.read("begun") is None:
            return {}, np.empty((0, 0), np.float32)
        table = pq.read_table(self._store.path("parts"), columns=["digest", "embedding"])
        flat = table["embedding"].combine_chunks().flatten().to_numpy()
        rows = {digest: row for row, digest in enumerate(table["digest"].to_pylist())}
        return rows, flat.reshape(table.num_rows, -1)

    def add(self, digests: list[str], embeddings: NDArray[np.float32]) -> None:
        """Keep some more."""
        columns = {"digest": digests, "embedding": list(embeddings)}
        buffer = io.BytesIO()
        pq.write_table(pa.table(columns), buffer)
        self._store.write(f"parts/{uuid.uuid4().hex}.parquet", buffer.getvalue())
        self._store.write("begun", b"")


def embed(config: Config, files: Files, emit: Emit) -> dict[str, Any]:
    """Embed what the cache lacks, within `cluster.connected`.

    Returns:
        digests (path → digest, of all that are embedded), images, embedded (by this run), corrupt.

    Raises:
        UserError: an actor does not fit, the model cannot be had, or no image can be decoded.
    """
    weights = downloads.folder("huggingface", config.storage_path)
    edge = clip.edge(config.model, weights)
    cluster.check_placeable(
        1, config.resources, config.placement_timeout, emit, beside=[cluster.DATA_TASK]
    )
    cache = Cache(config)
    hashed = read(files, files.paths, BATCH).map_batches(_hashed, batch_size=BATCH)
    digests = {row["path"]: row["digest"] for row in hashed.take_all()}
    known, _ = cache.read()
    # One file for each content that is not known yet.
    wanted = {digest: path for path, digest in digests.items() if digest not in known}
    started = time.perf_counter()
    with listening(emit) as corrupt:
        if wanted:
            refuse = config.on_corrupt == "refuse"
            new = read(files, sorted(wanted.values()), BATCH).map_batches(
                partial(_decoded, edge, refuse, corrupt.ear), batch_size=BATCH
            )
            new = new.map_batches(
                clip.Embed,
                fn_constructor_args=(
                    config.model, weights, "cuda" if config.use_gpu else "cpu",
                    config.cpus_per_worker,
                ),
                batch_size=BATCH,
                compute=ray.data.ActorPoolStrategy(min_size=1, max_size=config.num_workers),
                num_cpus=config.cpus_per_worker,
                num_gpus=1 if config.use_gpu else 0,
            )  # fmt: skip
            done = 0
            try:
                for batch in new.iter_batches(batch_size=ROWS):
                    cache.add(batch["digest"].tolist(), np.asarray(batch["embedding"]))
                    done += len(batch["digest"])
                    emit({"event": "embedded", "images": done, "of": len(wanted)})
            except ray.exceptions.RayError as error:
                said = [line for line in str(error).splitlines() if line.strip()]
                raise UserError(
                    f"embedding failed: {told(error) or said[-1].strip()}",
                    "--verbose shows what Ray logs",
                ) from error
    seconds = time.perf_counter() - started
    known, _ = cache.read()
    kept = {path: digest for path, digest in digests.items() if digest in known}
    if not kept:
        raise UserError("none of the images can be decoded", "--data with image files")
    return {
        "digests": kept,
        "images": len(kept),
        "embedded": len(wanted) - len(corrupt.paths),
        "corrupt": len(digests) - len(kept),
        "images_per_second": round(len(wanted) / seconds, 2),
    }


def _hashed(batch: dict[str, NDArray[Any]]) -> dict[str, Any]:
    return {
        "path": batch["path"],
        "digest": [hashlib.sha256(data).hexdigest() for data in batch["bytes"]],
    }


def _decoded(
    edge: int, refuse: bool, ear: str, batch: dict[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    # As CLIPImageProcessor does: the shorter side to edge, bicubic, then the middle.
    square = partial(decode, size=edge, stretch=False)
    contents = list(batch["bytes"])
    kept, pixels = each_decoded(batch["path"].tolist(), contents, square, refuse, ear)
    digests = [hashlib.sha256(contents[n]).hexdigest() for n in kept]
    return {
        "digest": np.array(digests, object),
        "image": np.stack(pixels) if pixels else np.empty((0, edge, edge, 3), np.uint8),
    }
