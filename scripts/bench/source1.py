"""The Ray Data job of the AKS lab (source 1), as it stands there.

The rows are made one by one in the driver, and its function for batches goes over them one by one.

What differs: it joins the Ray that runs, and is timed from the first row to the last file.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import ray.data
from numpy.typing import NDArray

Batch = dict[str, NDArray[Any]]


def preprocess_batch(batch: Batch) -> Batch:
    """The sample's: each row less its mean, over its deviation."""
    processed_data = []
    for item in batch["data"]:
        normalized = (item - np.mean(item)) / (np.std(item) + 1e-8)
        processed_data.append(normalized)
    return {"processed_data": np.array(processed_data)}


def create_synthetic_dataset(num_samples: int) -> list[dict[str, Any]]:
    """The sample's rows: an id, 100 normal values, a label."""
    return [
        {"id": i, "data": np.random.randn(100), "label": np.random.randint(0, 10)}
        for i in range(num_samples)
    ]


def seconds(folder: str) -> float:
    """Run it once."""
    start = time.perf_counter()
    dataset = ray.data.from_items(create_synthetic_dataset(50_000))
    dataset.count()
    dataset.schema()
    processed = dataset.map_batches(preprocess_batch, batch_size=1000, num_cpus=1)
    processed.take(5)
    processed.write_parquet(folder)
    return time.perf_counter() - start
