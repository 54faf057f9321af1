"""What a run can be told, checked once at the edge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rayworks.classifier.config import Config as Classifier

#: One image to test with for as many to train on, as Fashion-MNIST has it.
TRAIN_PER_TEST = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(Classifier):
    """One run of the benchmark."""

    SETTINGS: ClassVar[tuple[str, ...]] = (*Classifier.SETTINGS, "images")

    images: int = 60_000
    """Generated images to train on."""

    def __post_init__(self) -> None:
        super(Config, self).__post_init__()
        if self.num_workers < 1:
            self.refuse("num_workers", "must be at least 1")
        if self.images < max(self.batch_size, TRAIN_PER_TEST):
            self.refuse("images", f"are fewer than a step takes, {self.batch_size}")

    @property
    def rows(self) -> int:
        """Rows of the table: the images to test with come last."""
        return self.images + self.images // TRAIN_PER_TEST
