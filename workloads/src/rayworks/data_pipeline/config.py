"""What a run can be told, checked once at the edge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rayworks.common.run import Job


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(Job):
    """One run of the pipeline."""

    SETTINGS: ClassVar[tuple[str, ...]] = ("rows", "columns", "seed")

    rows: int = 50_000
    """Rows of the table."""
    columns: int = 100
    """Features of a row."""
    blocks: int | None = None
    """Tasks that generate; None: one for each CPU, more for a large table."""
    seed: int = 0
    """Seed of the values."""

    def __post_init__(self) -> None:
        super(Config, self).__post_init__()
        for name in ("rows", "columns"):
            if getattr(self, name) < 1:
                self.refuse(name, "must be at least 1")
        if self.blocks is not None and self.blocks < 1:
            self.refuse("blocks", "must be at least 1")
        if self.seed < 0:
            self.refuse("seed", "must not be negative")
