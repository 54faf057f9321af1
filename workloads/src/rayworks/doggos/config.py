"""What a run can be told, checked once at the edge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rayworks.common.run import Run

#: The data of the sample that this workload follows, and its model.
DOGS = "s3://anonymous@doggos-dataset"
CLIP = "openai/clip-vit-base-patch32"

#: What is made here, and needs no network: images of shapes, and a small CLIP of random weights.
GENERATED, TINY = "generated", "tiny"

STEPS = ("embed", "train", "infer", "evaluate")


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(Run):
    """A classifier of images over their embeddings."""

    SETTINGS: ClassVar[tuple[str, ...]] = (
        "data", "model", "generated_images", "epochs", "batch_size", "hidden", "dropout", "lr",
        "seed", "on_corrupt",
    )  # fmt: skip

    data: str
    """Folder or URI with a folder a class, with or without train/, val/ and test/ above; or
    GENERATED."""
    model: str
    """CLIP: a name on Hugging Face's hub, a folder, or TINY."""
    generated_images: int = 1000
    """How many images GENERATED has."""
    until: str = STEPS[-1]
    """The last step to do."""
    epochs: int = 20
    """Passes over the training data, over all attempts of the run."""
    batch_size: int = 256
    """Images a step, over all workers."""
    hidden: int = 256
    """Units of the hidden layer."""
    dropout: float = 0.3
    """Share of activations dropped while training."""
    lr: float = 1e-3
    """Learning rate of Adam."""
    seed: int = 0
    """Seed of splits, weights, order and dropout."""
    on_corrupt: str = "skip"
    """What an image does that cannot be decoded: skip (it is counted) or refuse (the run ends)."""

    def __post_init__(self) -> None:
        super(Config, self).__post_init__()  # slots: the class of a bare super() is another
        self.at_least_one("num_workers", "epochs", "hidden")
        if self.batch_size < 2:
            self.refuse("batch_size", "must be at least 2: batch norm measures how images differ")
        if self.generated_images < 100:
            self.refuse("generated_images", "must be at least 100, for a few in each split")
        self.not_negative("seed")
        self.positive("lr")
        self.fraction("dropout")
        self.share_evenly(self.batch_size)
