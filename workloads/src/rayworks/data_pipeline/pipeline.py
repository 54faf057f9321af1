"""Generate, normalise, write, count.

The table is generated twice, once for the columns' moments and once to be written: that takes less
time than to keep it in between, and no memory.
"""

from __future__ import annotations

import operator
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial, reduce
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
from numpy.typing import NDArray

from rayworks.common import cluster, report
from rayworks.common.errors import UserError
from rayworks.common.progress import Emit, reporter
from rayworks.common.storage import Store
from rayworks.common.table import Generated, Row, blocks_for, failing, write, written
from rayworks.data_pipeline.config import Config

#: The folder of the files, under the run's.
DATA = "data"

#: Classes of the label.
CLASSES = 10


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, mean and sum of squared deviations (each of shape (columns,)) of some rows."""

    count: int
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]

    def __add__(self, other: Moments) -> Moments:
        """Those of both parts' rows, without cancellation (Chan, Golub and LeVeque, 1979)."""
        count = self.count + other.count
        apart = other.mean - self.mean
        return Moments(
            count,
            self.mean + apart * (other.count / count),
            self.squares + other.squares + apart**2 * (self.count * other.count / count),
        )

    @property
    def std(self) -> NDArray[np.float64]:
        """Standard deviation of each column, over all rows; 1 for a column that never changes."""
        std = np.sqrt(self.squares / self.count)
        return np.where(std > 0, std, 1.0)


def features(columns: int) -> list[str]:
    """Names of the features."""
    return [f"x{number}" for number in range(columns)]


def generate(columns: int, rng: np.random.Generator, first: int, count: int) -> pa.Table:
    """A chunk of the table: id, features of different location and scale, and a label."""
    number = np.arange(columns)[:, None]
    values = rng.standard_normal((columns, count)) * (1 + number % 7) + number
    return pa.table(
        {
            "id": np.arange(first, first + count),
            **dict(zip(features(columns), values, strict=True)),
            "label": rng.integers(0, CLASSES, count),
        }
    )


def moments_of(columns: int, chunk: pa.Table) -> Moments:
    """The moments of a chunk's features."""
    values = np.stack([chunk[name].to_numpy() for name in features(columns)])
    mean = values.mean(axis=1)
    return Moments(len(chunk), mean, ((values - mean[:, None]) ** 2).sum(axis=1))


def partial_moments(columns: int, first: int, chunks: Iterator[pa.Table]) -> Row:
    """The moments of a block's features, as a task returns them."""
    return asdict(combined(moments_of(columns, chunk) for chunk in chunks))


def combined(parts: Iterable[Moments]) -> Moments:
    """The moments of all parts' rows."""
    return reduce(operator.add, parts)


def normalise(moments: Moments, chunk: pa.Table) -> pa.Table:
    """The chunk with each feature at mean 0 and standard deviation 1, over the whole table."""
    names = features(len(moments.mean))
    columns = dict(zip(chunk.column_names, chunk.columns, strict=True))
    for name, mean, std in zip(names, moments.mean, moments.std, strict=True):
        columns[name] = pc.divide(pc.subtract(columns[name], mean), std)
    return pa.table(columns)


def process(table: Generated, columns: int, blocks: int, store: Store, emit: Emit) -> None:
    """Write the normalised table to the store."""
    parts = table.each(blocks, partial(partial_moments, columns))
    moments = combined(Moments(**part) for part in parts)
    emit({"event": "moments", "rows": moments.count})
    write(table, blocks, store, DATA, partial(normalise, moments))


def run(config: Config, started: float) -> dict[str, Any]:
    """Run the pipeline, and return what result.json holds.

    Raises:
        UserError: it cannot start, fails, or the files have another number of rows.
    """
    moments = {"started": started}
    store = Store(config.folder)
    with reporter() as screen, cluster.connected(verbose=config.verbose):
        emit = screen.emit
        store.delete("result.json")  # what is there is about to change
        report.configured(config, store, emit)
        cluster.check_placeable(1, {"CPU": 1.0}, config.placement_timeout, emit)
        moments["placeable"] = time.time()
        table = Generated(config.rows, config.seed, partial(generate, config.columns))
        blocks = config.blocks or blocks_for(table)
        emit({"event": "started", "rows": table.rows, "columns": config.columns, "blocks": blocks})
        with failing("the pipeline failed"):
            process(table, config.columns, blocks, store, emit)
        moments["written"] = time.time()
        found = written(store, DATA)
        if found["rows"] != config.rows:
            raise UserError(
                f"{store.path(DATA)} has {found['rows']} rows, not {config.rows}",
                "another --run-name, if another run writes there",
            )
        rate = config.rows / (moments["written"] - moments["placeable"])
        result = report.summary(
            config, moments,
            **found, rows_per_second=round(rate, 1),
        )  # fmt: skip
        store.write_json("result.json", result)
        emit({"event": "result", **found, "rows_per_second": rate, "path": store.path(DATA)})
    return result
