"""Generated tables, their moments and their shares: no Ray."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rayworks.common import table as tables
from rayworks.common.storage import Store
from rayworks.common.table import CHUNK, Generated, share, written
from rayworks.data_pipeline.pipeline import (
    Moments,
    combined,
    features,
    generate,
    moments_of,
    normalise,
    partial_moments,
)

ROWS, COLUMNS = 2 * CHUNK + 100, 5


def table(seed: int = 0) -> Generated:
    return Generated(ROWS, seed, partial(generate, COLUMNS))


def test_chunks_make_up_the_rows_and_depend_on_the_seed_alone() -> None:
    chunks = [table().chunk(number) for number in range(table().chunks)]
    assert [len(chunk) for chunk in chunks] == [CHUNK, CHUNK, 100]
    assert pa.concat_tables(chunks)["id"].to_pylist() == list(range(ROWS))
    assert table().chunk(1).equals(chunks[1])
    assert not table(seed=1).chunk(1).equals(chunks[1])
    assert not chunks[0]["x0"].equals(chunks[1]["x0"])


def test_normalised_columns_have_mean_0_and_deviation_1() -> None:
    chunks = [table().chunk(number) for number in range(table().chunks)]
    parts = (partial_moments(COLUMNS, 0, iter(some)) for some in (chunks[:2], chunks[2:]))
    moments = combined(Moments(**part) for part in parts)
    whole = pa.concat_tables(chunks)
    values = np.stack([whole[name].to_numpy() for name in features(COLUMNS)])
    np.testing.assert_allclose(moments.mean, values.mean(axis=1))
    np.testing.assert_allclose(moments.std, values.std(axis=1))
    assert abs(values[3].mean()) > 2  # or normalising would change nothing
    after = pa.concat_tables([normalise(moments, chunk) for chunk in chunks])
    for name in features(COLUMNS):
        assert after[name].to_numpy().mean() == pytest.approx(0, abs=1e-12)
        assert after[name].to_numpy().std() == pytest.approx(1)
    assert after["id"].equals(whole["id"])
    assert after["label"].equals(whole["label"])


def test_a_column_that_never_changes_becomes_0() -> None:
    chunk = pa.table({"x0": [3.0, 3.0], "label": [0, 1]})
    moments = moments_of(1, chunk)
    assert normalise(moments, chunk)["x0"].to_pylist() == [0.0, 0.0]


def test_a_group_of_rows_is_written_as_soon_as_it_is_large_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chunks = [table().chunk(number) for number in range(table().chunks)]
    made = 0

    def making() -> Iterator[pa.Table]:
        nonlocal made
        for made, chunk in enumerate(chunks, start=1):  # noqa: B007 - read outside
            yield chunk

    monkeypatch.setattr(tables, "GROUP", chunks[0].nbytes + 1)
    groups = tables.grouped(making())
    assert len(next(groups)) == 2 * CHUNK
    assert made == 2  # the third is not held
    assert [len(group) for group in groups] == [100]


@pytest.mark.parametrize("world_size", [1, 3, 9])  # nine ranks are more than there are row groups
def test_shares_are_disjoint_whole_and_alike(tmp_path: Path, world_size: int) -> None:
    store = Store(str(tmp_path))
    (tmp_path / "data").mkdir()
    for file in range(2):
        part = pa.table({"id": range(file * 10, file * 10 + 10)})
        pq.write_table(part, tmp_path / "data" / f"{file}.parquet", row_group_size=3)
    shares = [
        pa.concat_tables(share(store, "data", rank, world_size))["id"].to_pylist()
        for rank in range(world_size)
    ]
    assert [row for part in shares for row in part] == list(range(20))
    assert {len(part) for part in shares} <= {20 // world_size, 20 // world_size + 1}
    found = written(store, "data")
    assert (found["rows"], found["files"]) == (20, 2)
    assert found["bytes"] == sum(path.stat().st_size for path in (tmp_path / "data").iterdir())
