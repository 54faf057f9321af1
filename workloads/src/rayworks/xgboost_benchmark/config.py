"""What a run can be told, checked once at the edge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rayworks.common.errors import UserError
from rayworks.common.run import Run

#: Features of a row. Ray publishes no number of columns: these and the label, as doubles, are
#: 384 bytes, what 10 GB of 26 million rows have each.
FEATURES = 47

#: Ray's benchmark, which source 4 runs, calls 26 million rows 10 GB and 260 million 100 GB: so says
#: the page on Ray Train's benchmarks in its documentation. The table lies in a bucket of Ray's own;
#: whether those are bytes of its files or in memory is not told.
ROWS_PER_GB = 2_600_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(Run):
    """One run of the benchmark."""

    SETTINGS: ClassVar[tuple[str, ...]] = ("data_size_gb", "rounds", "max_depth", "seed")

    data_size_gb: float = 10.0
    """Size of the table, of ROWS_PER_GB rows each."""
    rounds: int = 10
    """Trees that are boosted."""
    max_depth: int = 6
    """Levels of a tree."""
    seed: int = 0
    """Seed of the table."""

    def __post_init__(self) -> None:
        super(Config, self).__post_init__()
        for name in ("num_workers", "rounds", "max_depth"):
            if getattr(self, name) < 1:
                self.refuse(name, "must be at least 1")
        if self.seed < 0:
            self.refuse("seed", "must not be negative")
        if not self.data_size_gb < float("inf") or self.rows < self.num_workers:
            self.refuse("data_size_gb", "has not even a row for each worker")
        if self.use_gpu:
            raise UserError("--use-gpu: XGBoost is installed as its build for CPUs", "--no-use-gpu")

    @property
    def rows(self) -> int:
        """Rows of the table."""
        return round(self.data_size_gb * ROWS_PER_GB)
