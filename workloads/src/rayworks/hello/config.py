"""What a run can be told, checked once at the edge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rayworks.common.run import Job


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(Job):
    """One run."""

    SETTINGS: ClassVar[tuple[str, ...]] = ("tasks",)

    tasks: int = 8
    """How many tasks run."""

    def __post_init__(self) -> None:
        super(Config, self).__post_init__()  # slots: the class of a bare super() is another
        self.at_least_one("tasks")
