"""The corpus: texts, packed into blocks of tokens."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rayworks.common.errors import UserError
from rayworks.fine_tune.config import PYDOC, Config

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Blocks:
    """Token numbers, (n, block size)."""

    train: NDArray[np.int32]
    held_out: NDArray[np.int32]


def blocks(config: Config, tokenizer: Any) -> Blocks:
    """The corpus of a run, to train on and to measure.

    Args:
        config: the run.
        tokenizer: the model's.

    Raises:
        UserError: there is no text, or too little.
    """
    if config.text is not None:
        source, texts = f"--text {config.text}", from_files(config.text)
    else:
        assert config.dataset is not None  # noqa: S101 - Config sees to it
        source = f"--dataset {config.dataset}"
        texts = pydoc() if config.dataset == PYDOC else from_hub(config.dataset, config.cache)
    packed = pack(texts, tokenizer, config.block_size)
    held_out = max(1, round(len(packed) * config.held_out))
    if len(packed) - held_out < config.batch_size:
        raise UserError(
            f"{source} has {len(packed)} blocks of {config.block_size} tokens, {held_out} of them "
            f"held out: too few for a step of --batch-size {config.batch_size}",
            "more text, or a smaller --block-size, --batch-size or --held-out",
        )
    # The end and not a choice at random: neighbours are of one text, and would tell of each other.
    return Blocks(packed[:-held_out], packed[-held_out:])


def pack(texts: list[str], tokenizer: Any, size: int) -> NDArray[np.int32]:
    """All texts one behind the other, each with the token of its end, cut into blocks.

    Args:
        texts: the corpus.
        tokenizer: the model's.
        size: tokens of a block.

    Returns:
        (n, size); what is left behind the last whole block is dropped.
    """
    import numpy as np

    end = [tokenizer.eos_token_id]
    # verbose: it would warn of texts that are longer than the model's context.
    encoded = tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
    tokens = np.concatenate([np.asarray(text + end, np.int32) for text in encoded])
    whole = len(tokens) // size
    return tokens[: whole * size].reshape(whole, size)


def from_files(path: Path) -> list[str]:
    """The texts of a file, or of all .txt files under a folder, in the order of their names.

    Raises:
        UserError: there is none, or one that is not text.
    """
    files = sorted(path.rglob("*.txt")) if path.is_dir() else [path]
    if not files:
        raise UserError(f"--text {path} has no .txt files", "a file, or a folder that has some")
    texts = []
    for file in files:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(
                f"--text {file} cannot be read: {error}",
                "a text file in UTF-8 that all nodes can read",
            ) from error
        if text.strip():
            texts.append(text)
    if not texts:
        raise UserError(f"--text {path} is empty", "a file or a folder with text in it")
    return texts


def pydoc() -> list[str]:
    """Python's language reference by topics, some 700 kB, as `help()` shows it."""
    from pydoc_data.topics import topics

    return [topics[name] for name in sorted(topics)]


def from_hub(name: str, cache: Path | None) -> list[str]:
    """The training texts of a data set on the Hugging Face hub.

    Args:
        name: name or name:configuration.
        cache: the folder for downloads; None: the library's own.

    Raises:
        UserError: it cannot be had, or holds no texts.
    """
    way_out = f"--text with a file, or --dataset {PYDOC}, which needs no network"
    try:
        from datasets import load_dataset  # type: ignore[import-not-found]
    except ImportError as error:
        raise UserError(
            f"--dataset {name} needs the package datasets, which is not installed",
            f"pip install datasets, on a cluster by the chart's value `packages`; {way_out}",
        ) from error
    place, _, configuration = name.partition(":")
    try:
        rows = load_dataset(
            place, configuration or None, split="train", cache_dir=cache and str(cache)
        )
    except (OSError, ValueError) as error:
        said = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise UserError(f"--dataset {name} cannot be loaded: {said}", way_out) from error
    if "text" not in rows.column_names:
        raise UserError(
            f"--dataset {name} has no column `text`, but {', '.join(rows.column_names)}", way_out
        )
    return [text for text in rows["text"] if text.strip()]
