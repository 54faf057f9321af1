"""Generated tables: made in tasks, kept as Parquet files.

A table comes in chunks of CHUNK rows, each with a random generator of its own. So its content
depends on the seed alone, never on how many blocks, files or workers there are; and a task holds
a few chunks at a time, however large the table. It writes them as it makes them: rows in Ray's
object store would be copied into it and out of it, for nobody else to read them.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.dataset  # type: ignore[import-untyped]
import ray
from pyarrow import parquet
from ray.exceptions import RayError

from rayworks.common.errors import UserError, told
from rayworks.common.storage import Store

#: Rows of a chunk.
CHUNK = 4096

#: Bytes that a block has at most, when nobody says how many blocks there are.
BLOCK = 128 * 2**20

#: Bytes in memory from which on a row group has enough rows.
GROUP = 32 * 2**20

#: Makes a chunk: its generator, the number of its first row, and how many rows it has.
Make = Callable[[np.random.Generator, int, int], pa.Table]

#: What a task tells of its block.
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Generated:
    """A table that is not there yet."""

    rows: int
    """How many."""
    seed: int
    """Of the generators."""
    make: Make
    """Makes a chunk; pickled into tasks."""

    def chunk(self, number: int) -> pa.Table:
        """A chunk, counted from 0; the last may be shorter."""
        first = number * CHUNK
        generator = np.random.default_rng([self.seed, number])
        return self.make(generator, first, min(CHUNK, self.rows - first))

    @property
    def chunks(self) -> int:
        """How many there are."""
        return -(-self.rows // CHUNK)

    def each(self, blocks: int, act: Callable[[int, Iterator[pa.Table]], Row]) -> list[Row]:
        """Do something with each block's chunks, in as many tasks as there are blocks.

        Args:
            blocks: how many; one for each chunk at most.
            act: gets the number of a block's first chunk and the chunks, which are made as it asks
                for them; returns a row.

        Returns:
            The rows.
        """
        blocks = min(blocks, self.chunks)
        edges = [self.chunks * number // blocks for number in range(blocks + 1)]

        # Tasks, and no dataset: a row each is all that comes back. The first second of a dataset's
        # execution has one task at a time, until Ray Data knows what the cluster has.
        @ray.remote
        def row(first: int, end: int) -> Row:
            return act(first, (self.chunk(number) for number in range(first, end)))

        rows: list[Row] = ray.get([row.remote(*pair) for pair in itertools.pairwise(edges)])
        return rows


def blocks_for(table: Generated) -> int:
    """How many blocks suit a table: one for each CPU, and none that is too large."""
    row: int = table.make(np.random.default_rng(0), 0, 1).nbytes
    cpus = int(ray.cluster_resources().get("CPU", 1))  # type: ignore[no-untyped-call]
    return max(cpus, -(-table.rows * row // BLOCK))


@contextlib.contextmanager
def failing(what: str) -> Iterator[None]:
    """Turn what Ray raises into words.

    Args:
        what: what did not work.

    Raises:
        UserError: it was raised.
    """
    try:
        yield
    except (RayError, OSError, pa.ArrowException) as error:
        said = str(error).strip().splitlines() or [repr(error)]
        why = told(error) or said[-1]
        raise UserError(f"{what}: {why}", "--verbose shows what Ray logs") from error


def write(
    table: Generated,
    blocks: int,
    store: Store,
    name: str,
    change: Callable[[pa.Table], pa.Table] = lambda chunk: chunk,
) -> None:
    """Write a table as Parquet files, in place of those that a folder of the store has.

    Args:
        table: the table.
        blocks: how many files; one for each chunk at most.
        store: where the folder is.
        name: the folder's.
        change: what becomes of each chunk before it is written.
    """

    def write_block(first: int, chunks: Iterator[pa.Table]) -> Row:
        # A task that is done again writes the same file again.
        file = f"{first:09}.parquet"
        groups = grouped(map(change, chunks))
        with store.stream(f"{name}/{file}") as stream:
            head = next(groups)
            # No dictionaries: looking for repeated values takes most of the time, and finds none.
            with parquet.ParquetWriter(stream, head.schema, use_dictionary=False) as writer:
                for group in itertools.chain([head], groups):
                    writer.write_table(group)
        return {"file": file}

    store.delete(name)
    table.each(blocks, write_block)


def grouped(chunks: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Tables of as many chunks as make a row group."""
    held: list[pa.Table] = []
    for chunk in chunks:
        held.append(chunk)
        if sum(one.nbytes for one in held) >= GROUP:
            yield pa.concat_tables(held)
            held = []
    if held:
        yield pa.concat_tables(held)


def written(store: Store, name: str) -> Mapping[str, int]:
    """What lies in a folder, by the files' own metadata: rows, files and bytes."""
    found = _files(store, name)
    return {
        "rows": found.count_rows(),
        "files": len(found.files),
        "bytes": sum(info.size for info in found.filesystem.get_file_info(found.files)),
    }


def groups(store: Store, name: str) -> list[Any]:
    """The row groups of a table in their order, each to be read by `to_table()`."""
    fragments = sorted(_files(store, name).get_fragments(), key=lambda one: one.path)
    return [part for fragment in fragments for part in fragment.split_by_row_group()]


def share(store: Store, name: str, rank: int, world_size: int) -> Iterator[pa.Table]:
    """A rank's share of a table: consecutive rows, as many as any other's, or one more.

    Not whole row groups: there may be fewer of them than ranks. One that ranks share is read by
    each of them.
    """
    parts = groups(store, name)
    edges = [0, *itertools.accumulate(part.row_groups[0].num_rows for part in parts)]
    begin, end = (edges[-1] * edge // world_size for edge in (rank, rank + 1))
    for part, (first, last) in zip(parts, itertools.pairwise(edges), strict=True):
        if first < end and begin < last:
            own = max(begin, first)
            yield part.to_table().slice(own - first, min(end, last) - own)


def _files(store: Store, name: str) -> Any:
    path = store.path(name)
    if "://" not in path:
        return pyarrow.dataset.dataset(path, format="parquet")
    filesystem, root = pa.fs.FileSystem.from_uri(path)
    return pyarrow.dataset.dataset(root, format="parquet", filesystem=filesystem)
