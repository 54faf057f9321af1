"""What every job can be told, and every training: where it runs, and with how much."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

from rayworks.common.errors import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One run of a workload; each workload's own class adds what its numbers depend on.

    Raises:
        UserError: a value that cannot work, with the option that sets it.
    """

    SETTINGS: ClassVar[tuple[str, ...]] = ()
    """The fields that the numbers depend on."""

    workload: str
    """The command: `rayworks <workload>`."""
    storage_path: str
    """Folder or URI, shared by all nodes, under which each run has a folder."""
    run_name: str
    """Name of the run's folder."""
    placement_timeout: float = 120.0
    """Seconds that a cluster gets to find room for the workers, also for those that are lost."""
    verbose: bool = False
    """Print what Ray logs."""

    def __post_init__(self) -> None:
        self.not_negative("placement_timeout")
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.run_name):
            self.refuse("run_name", "must be letters, digits, dots and dashes")

    def refuse(self, name: str, why: str) -> None:
        """Raise a UserError about one field."""
        raise UserError(
            f"--{name.replace('_', '-')} {getattr(self, name)} {why}",
            f"rayworks {self.workload} --help",
        )

    def refuse_unless(self, holds: Callable[[Any], bool], why: str, *names: str) -> None:
        """Raise a UserError about the first of these fields whose value is wrong."""
        for name in names:
            if not holds(getattr(self, name)):
                self.refuse(name, why)

    def at_least_one(self, *names: str) -> None:
        """Refuse fields below 1."""
        self.refuse_unless(lambda value: value >= 1, "must be at least 1", *names)

    def not_negative(self, *names: str) -> None:
        """Refuse fields below 0."""
        self.refuse_unless(lambda value: value >= 0, "must not be negative", *names)

    def positive(self, *names: str) -> None:
        """Refuse fields that are no number above 0."""
        self.refuse_unless(lambda value: 0 < value < math.inf, "must be a positive number", *names)

    def fraction(self, *names: str) -> None:
        """Refuse fields that are no share: from 0 to less than 1."""
        self.refuse_unless(lambda value: 0 <= value < 1, "must be from 0 to less than 1", *names)

    @property
    def folder(self) -> str:
        """Path or URI of the run's folder."""
        return f"{self.storage_path.rstrip('/')}/{self.run_name}"

    @property
    def settings(self) -> dict[str, Any]:
        """What the numbers depend on; a checkpoint is resumed only by a run that shares it."""
        return {name: _plain(getattr(self, name)) for name in self.SETTINGS}

    @property
    def configuration(self) -> dict[str, Any]:
        """All fields: what the run was told, and the defaults of what it was not."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Run(Job):
    """One training."""

    num_workers: int = 2
    """Ray Train workers; 0 trains in this process, without Ray, where the workload can."""
    min_workers: int | None = None
    """The fewest workers to go on with, where there is no room for all; None: all of them."""
    cpus_per_worker: int = 1
    """CPUs that Ray reserves for a worker, and torch threads in it."""
    use_gpu: bool | None = False
    """A GPU for each worker; None: where a Ray of our own has so many."""
    fresh: bool = False
    """Start anew even if the run can be resumed."""
    max_failures: int = 3
    """How many times lost workers are replaced, but for those of nodes that are taken away."""

    def __post_init__(self) -> None:
        super(Run, self).__post_init__()  # slots: the class of a bare super() is another
        self.at_least_one("cpus_per_worker")
        self.not_negative("num_workers", "max_failures")
        if self.min_workers is not None and not 1 <= self.min_workers <= self.num_workers:
            self.refuse("min_workers", f"must be from 1 to --num-workers, {self.num_workers}")
        if self.use_gpu is None:
            from rayworks.common import cluster  # late: Ray comes with it

            suffice = not cluster.on_a_cluster() and 0 < self.num_workers <= cluster.gpus()
            object.__setattr__(self, "use_gpu", suffice)  # the class is frozen
        if self.use_gpu and self.num_workers == 0:
            raise UserError("--use-gpu needs a Ray worker", "--num-workers 1")

    def share_evenly(self, batch_size: int, each: int = 1) -> None:
        """Refuse a batch that some number of workers, of those that there may be, cannot share.

        Args:
            batch_size: samples a step, over all workers.
            each: what a worker's share must be a multiple of.
        """
        least = self.min_workers or self.world_size
        share = math.lcm(*range(least, self.world_size + 1)) * each
        if batch_size % share:
            workers = f"{least} to {self.world_size}" if least < self.world_size else f"{least}"
            micro = f" in micro batches of {each}" if each > 1 else ""
            raise UserError(
                f"--batch-size {batch_size} cannot be shared evenly by {workers} workers{micro}",
                f"--batch-size {max(1, round(batch_size / share)) * share}",
            )

    @property
    def world_size(self) -> int:
        """Number of processes that train."""
        return max(1, self.num_workers)

    @property
    def resources(self) -> dict[str, float]:
        """What Ray reserves for a worker."""
        return {"CPU": float(self.cpus_per_worker), **({"GPU": 1.0} if self.use_gpu else {})}


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value
