"""The table: features, and a label that some of them decide."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from rayworks.xgboost_benchmark.config import FEATURES

NAMES = [f"f{number}" for number in range(FEATURES)]
LABEL = "labels"


def generate(rng: np.random.Generator, first: int, count: int) -> pa.Table:
    """A chunk: normal features, and a label of 0 or 1 that follows five of them, with noise."""
    features = rng.standard_normal((FEATURES, count))
    score = features[0] + features[1] * features[2] - np.abs(features[3]) + features[4]
    labels = (score + 0.3 * rng.standard_normal(count) > 0).astype(np.float64)
    return pa.table({**dict(zip(NAMES, features, strict=True)), LABEL: labels})


def arrays(tables: Iterable[pa.Table]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Features (n, FEATURES) and labels (n,) of tables, in half of their memory."""
    parts = [
        np.stack([table[name].to_numpy() for name in [*NAMES, LABEL]], axis=1, dtype=np.float32,
                 casting="same_kind")
        for table in tables
    ]  # fmt: skip
    whole = np.concatenate(parts)
    return whole[:, :-1], whole[:, -1]
