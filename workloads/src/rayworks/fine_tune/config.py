"""What a fine-tuning can be told, checked once at the edge."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from rayworks.common import downloads
from rayworks.common.errors import UserError
from rayworks.common.run import Run

#: Who shards weights, gradients and the optimizer's state.
STRATEGIES = ("fsdp", "deepspeed")

#: The model that is made here: random weights, bytes for tokens.
TINY = "tiny"

#: The corpus that needs no network: Python's language reference, which every Python ships.
PYDOC = "pydoc"


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(Run):
    """A fine-tuning of a causal language model."""

    SETTINGS: ClassVar[tuple[str, ...]] = (
        "model", "strategy", "text", "dataset", "block_size", "batch_size", "epochs", "lr",
        "dropout", "held_out", "seed",
    )  # fmt: skip

    model: str = "gpt2-large"
    """A model's name on the Hugging Face hub, its folder, or TINY."""
    strategy: str = "fsdp"
    """A member of STRATEGIES."""
    text: Path | None = None
    """A text file, or a folder of .txt files; None: the data set."""
    dataset: str | None = None
    """PYDOC, or name[:configuration] on the Hugging Face hub; None: the text."""
    block_size: int = 1024
    """Tokens that the model sees at once."""
    batch_size: int = 8
    """Blocks a step, over all workers."""
    micro_batch_size: int = 1
    """Blocks that a worker computes at once; gradients of a step accumulate over them."""
    epochs: int = 3
    """Passes over the training blocks, over all attempts of the run."""
    lr: float = 5e-5
    """Learning rate of AdamW at the start, from where it falls linearly to 0."""
    dropout: float = 0.0
    """Share of activations dropped while training."""
    held_out: float = 0.1
    """Share of the blocks, the last ones, that only measure."""
    seed: int = 0
    """Seed of order, dropout and the weights of TINY."""

    def __post_init__(self) -> None:
        super(Config, self).__post_init__()  # slots: the class of a bare super() is another
        if self.strategy not in STRATEGIES:
            self.refuse("strategy", f"is not one of {', '.join(STRATEGIES)}")
        if self.strategy == "deepspeed" and find_spec("deepspeed") is None:
            raise UserError(
                "--strategy deepspeed needs the package deepspeed, which is not installed",
                "--strategy fsdp; or pip install deepspeed, on a cluster by the chart's value "
                "`packages` (deepspeed: ==0.19.8)",
            )
        if (self.text is None) == (self.dataset is None):
            raise UserError(
                "there must be one corpus: --text or --dataset",
                f"--text with a file, or --dataset {PYDOC}, which needs no network",
            )
        self.at_least_one("num_workers", "micro_batch_size", "batch_size", "epochs")
        if self.block_size < 2:
            self.refuse("block_size", "must be at least 2: each token is told from those before")
        self.not_negative("seed")
        self.positive("lr")
        self.fraction("dropout")
        if not 0 < self.held_out < 1:
            self.refuse("held_out", "must be between 0 and 1")
        # DeepSpeed counts micro batches; FSDP takes a smaller one at the end.
        each = self.micro_batch_size if self.strategy == "deepspeed" else 1
        self.share_evenly(self.batch_size, each)

    @property
    def cache(self) -> Path | None:
        """Where weights from the hub are kept; None: where the hub's client does."""
        return downloads.folder("huggingface", self.storage_path)
