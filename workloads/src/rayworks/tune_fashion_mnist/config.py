"""What a search can be told, checked once at the edge."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from rayworks.classifier.config import EPOCHS, Config
from rayworks.common.run import Run
from rayworks.fashion_mnist.cli import MODEL
from rayworks.fashion_mnist.cli import NAME as FASHION_MNIST


@dataclass(frozen=True, kw_only=True, slots=True)
class Search(Run):
    """A search; of the settings of all runs, the number of workers is that of trials at a time."""

    SETTINGS: ClassVar[tuple[str, ...]] = ("dataset", "trials", "epochs", "seed")

    dataset: str
    """A key of EPOCHS."""
    trials: int = 12
    """How many settings are tried."""
    epochs: int
    """Passes over the training images, for a trial that is not stopped before."""
    seed: int = 0
    """Seed of the settings tried, of the split, and of each trial's weights, order and dropout."""
    data_dir: Path | None = None
    """Folder of the data set's idx files; None: beside the results, downloaded if missing."""

    def __post_init__(self) -> None:
        super(Search, self).__post_init__()  # slots: the class of a bare super() is another
        if self.dataset not in EPOCHS:
            self.refuse("dataset", f"is not one of {', '.join(EPOCHS)}")
        self.at_least_one("num_workers", "trials", "epochs")
        self.not_negative("seed")

    def trial(self, **hyper: Any) -> Config:
        """The training of a trial, as a run of fashion-mnist in a folder beside the search's.

        Args:
            hyper: the settings tried: lr, batch_size, dropout; those of a run if not given.
        """
        return Config(
            workload=FASHION_MNIST,
            model=MODEL,
            dataset=self.dataset,
            epochs=self.epochs,
            seed=self.seed,
            data_dir=self.data_dir,
            num_workers=1,
            cpus_per_worker=self.cpus_per_worker,
            use_gpu=self.use_gpu,
            storage_path=self.storage_path,
            run_name=f"{self.run_name}-best",
            **hyper,
        )
