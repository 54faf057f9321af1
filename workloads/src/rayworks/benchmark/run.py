"""One benchmark: a table as Parquet, training on Ray Train, prediction by Ray Data's actors."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import click
import pyarrow as pa  # type: ignore[import-untyped]

from rayworks.common import cluster, report
from rayworks.common.errors import UserError
from rayworks.common.progress import Emit
from rayworks.common.run import Run
from rayworks.common.storage import Store
from rayworks.common.table import Generated, blocks_for, failing, groups, write, written
from rayworks.common.training import begun

#: The table's folder, under the run's; what it holds is told by the file.
DATA, TABLE = "data", "data.json"

#: Rows that are predicted at a time.
BATCH = 8192


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training brings back."""

    history: list[dict[str, Any]]
    """Each epoch's numbers, from the first."""
    model: bytes
    """What the predictor is made from."""


class Predictor(ABC):
    """An actor's callable, made once from the trained model."""

    @abstractmethod
    def right(self, batch: pa.Table) -> int:
        """How many rows of a batch (label included) the model predicts rightly."""

    def __call__(self, table: pa.Table) -> dict[str, list[int]]:
        """One row for a table: its rows, and those predicted rightly."""
        batches = (table.slice(first, BATCH) for first in range(0, len(table), BATCH))
        return {"rows": [len(table)], "right": [sum(map(self.right, batches))]}


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What a workload brings."""

    table: Generated
    train: Callable[[Store, Emit, dict[str, float]], Trained]
    """Trains on the table in the store's DATA; gets the moments that `training.fit` fills in."""
    predictor: Callable[..., Predictor]
    """Makes a predictor from the model and a number of threads."""
    panels: dict[str, dict[str, str]]
    """The learning curve's, as for report.curve."""


def run(config: Run, benchmark: Benchmark, started: float) -> dict[str, Any]:
    """Measure, and return what result.json holds.

    Raises:
        UserError: it cannot start, or failed for good.
    """
    moments = {"started": started}
    with begun(config) as (store, emit):
        with cluster.connected(verbose=config.verbose):
            cluster.check_placeable(1, config.resources, config.placement_timeout, emit)
            _provide(benchmark.table, store, emit)
            moments["data"] = time.time()
            begin = time.perf_counter()
            trained = benchmark.train(store, emit, moments)
            training_time = time.perf_counter() - begin
            moments["trained"] = time.time()
            begin = time.perf_counter()
            make = partial(benchmark.predictor, trained.model, config.cpus_per_worker)
            accuracy = _predict(config, store, make, benchmark.table.rows)
            prediction_time = time.perf_counter() - begin
        times = {"training_time": training_time, "prediction_time": prediction_time}
        click.echo(f"Results: {times}")  # as the sample prints them
        device = "cuda" if config.use_gpu else "cpu"
        rounded: dict[str, Any] = {name: round(seconds, 3) for name, seconds in times.items()}
        result = report.result(
            config, trained.history, device, moments,
            **rounded, accuracy=accuracy, rows=benchmark.table.rows,
        )  # fmt: skip
        title = f"{config.run_name}: accuracy {accuracy:.3f}"
        curve = report.curve(title, trained.history, benchmark.panels)
        store.write("learning-curve.png", curve)
        store.write_json("result.json", result)
        emit(
            {"event": "result", **rounded, "accuracy": accuracy, "path": store.path("result.json")}
        )
    return result


def _provide(table: Generated, store: Store, emit: Emit) -> None:
    """The table as Parquet, unless a run before has left it whole."""
    columns = table.chunk(0).schema.names
    identity = {"rows": table.rows, "seed": table.seed, "columns": len(columns)}
    if store.read_json(TABLE) == identity:
        emit({"event": "data", "state": "there", **identity})
        return
    store.delete(TABLE)
    emit({"event": "data", "state": "generating", **identity})
    with failing("the data could not be generated"):
        write(table, blocks_for(table), store, DATA)
    if (rows := written(store, DATA)["rows"]) != table.rows:
        raise UserError(f"{store.path(DATA)} has {rows} rows, not {table.rows}", "try again")
    store.write_json(TABLE, identity)


def _predict(config: Run, store: Store, make: Callable[[], Predictor], rows: int) -> float:
    """Share of the table's rows that are predicted rightly."""
    import ray.data

    ray.data.DataContext.get_current().enable_progress_bars = config.verbose

    class Actor:
        """Reads row groups by their numbers, and predicts them."""

        def __init__(self) -> None:
            self._groups = groups(store, DATA)
            self._predict = make()

        def __call__(self, batch: dict[str, Any]) -> dict[str, list[int]]:
            tables = [self._groups[number].to_table() for number in batch["group"]]
            return self._predict(pa.concat_tables(tables))

    with failing("the prediction failed"):
        # The actors read, since tasks that do (read_parquet) could wait for ever for a CPU: the
        # actors may have taken all there are.
        items = [{"group": number} for number in range(len(groups(store, DATA)))]
        counts = ray.data.from_items(items, override_num_blocks=len(items)).map_batches(
            Actor,
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=min(config.num_workers, len(items))),
            num_cpus=config.cpus_per_worker,
            num_gpus=1 if config.use_gpu else None,
        )
        done = right = 0
        for row in counts.iter_rows():
            done, right = done + int(row["rows"]), right + int(row["right"])
    if done != rows:
        raise UserError(f"{done} rows were predicted, not {rows}", "--fresh starts anew")
    return right / rows
