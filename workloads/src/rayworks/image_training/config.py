"""What a run can be told, checked once at the edge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rayworks.common.run import Run

#: The public data of the sample that this workload follows; `anonymous` leaves requests unsigned.
BUCKET = "s3://anonymous@air-example-data-2/{size:g}G-image-data-synthetic-raw"

#: The `--data-uri` of images that are made here.
GENERATED = "generated"


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(Run):
    """A training over images, and the inference after it."""

    SETTINGS: ClassVar[tuple[str, ...]] = (
        "data_uri", "data_size_gb", "weights", "num_epochs", "batch_size", "lr", "momentum",
        "seed", "on_corrupt",
    )  # fmt: skip

    data_uri: str
    """Folder or URI of images, or of Parquet files with them; GENERATED; or BUCKET."""
    data_size_gb: float
    """GiB of the bucket's or the generated data."""
    weights: str
    """What the network begins with: none (random) or pretrained (on ImageNet)."""
    num_epochs: int
    """Passes over the data, over all attempts of the run."""
    batch_size: int
    """Images a step, over all workers."""
    lr: float = 1e-3
    """Learning rate of SGD."""
    momentum: float = 0.9
    """Momentum of SGD."""
    seed: int = 0
    """Seed of weights and order."""
    on_corrupt: str = "skip"
    """What an image does that cannot be decoded: skip (it is counted) or refuse (the run ends)."""
    pipeline: bool = False
    """Batch inference over the same images after the training."""

    def __post_init__(self) -> None:
        super(Config, self).__post_init__()  # slots: the class of a bare super() is another
        for name in ("num_workers", "num_epochs", "batch_size"):
            if getattr(self, name) < 1:
                self.refuse(name, "must be at least 1")
        for name in ("data_size_gb", "lr"):
            if not 0 < getattr(self, name) < float("inf"):
                self.refuse(name, "must be a positive number")
        if self.data_uri == BUCKET and self.data_size_gb != int(self.data_size_gb):
            self.refuse("data_size_gb", "must be whole: the bucket has a folder for each size")
        if not 0 <= self.momentum < 1:
            self.refuse("momentum", "must be from 0 to less than 1")
        if self.seed < 0:
            self.refuse("seed", "must not be negative")
        self.share_evenly(self.batch_size)
