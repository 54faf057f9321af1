"""The network and its tokenizer: from the hub, from a folder, or tiny and made here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rayworks.common.errors import UserError
from rayworks.fine_tune.config import TINY

#: What ends a text.
END = "<|endoftext|>"

#: All that is needed of a model's repository; others hold the weights a second time.
FILES = ("*.json", "*.txt", "*.model", "*.safetensors")

#: Longest text of the tiny model.
TINY_CONTEXT = 1024


def located(name: str, cache: Path | None) -> str:
    """Where the model's files are: downloaded unless they are there.

    Args:
        name: of the model on the hub, its folder, or TINY, which has none.
        cache: the folder for downloads; None: the hub client's own.

    Raises:
        UserError: it can be had from nowhere.
    """
    if name == TINY or Path(name).is_dir():
        return name
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        # Compares what is in the cache with the hub; takes it as it is where there is no network.
        return snapshot_download(name, cache_dir=cache, allow_patterns=list(FILES))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        said = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise UserError(
            f"--model {name} is neither a folder nor can it be downloaded: {said}",
            "a folder that save_pretrained wrote, HF_ENDPOINT with a mirror of the hub, "
            f"or --model {TINY}, which needs no network",
        ) from error


def tokenizer(place: str) -> Any:
    """The tokenizer of a model.

    Args:
        place: what located returns.

    Returns:
        A transformers tokenizer with an eos_token.

    Raises:
        UserError: the folder holds none.
    """
    if place == TINY:
        return _bytes()
    from transformers import AutoTokenizer

    try:
        found = AutoTokenizer.from_pretrained(place)
    except (OSError, ValueError) as error:
        raise _unreadable(place, "tokenizer", error) from error
    if found.eos_token_id is None:
        raise UserError(
            f"the tokenizer of --model {place} has no token that ends a text",
            "another --model, or an eos_token in its tokenizer_config.json",
        )
    return found


def network(place: str, dropout: float) -> Any:
    """The model, in float32 on the CPU.

    Args:
        place: what located returns.
        dropout: share of activations dropped while training.

    Returns:
        A transformers model: token numbers (n, length) → logits (n, length, vocabulary).

    Raises:
        UserError: the folder holds none.
    """
    import torch
    from torch import nn
    from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

    if place == TINY:
        model: Any = GPT2LMHeadModel(
            GPT2Config(
                vocab_size=257, n_positions=TINY_CONTEXT, n_embd=64, n_layer=2, n_head=2,
                bos_token_id=256, eos_token_id=256,
            )
        )  # fmt: skip
    else:
        try:
            model = AutoModelForCausalLM.from_pretrained(place, dtype=torch.float32)
        except (OSError, ValueError) as error:
            raise _unreadable(place, "weights of a causal language model", error) from error
    for part in model.modules():
        if isinstance(part, nn.Dropout):
            part.p = dropout
    return model


def context(place: str) -> int | None:
    """Longest text that the model takes, in tokens; None: it sets no limit.

    Args:
        place: what located returns.

    Raises:
        UserError: the folder holds no model.
    """
    if place == TINY:
        return TINY_CONTEXT
    from transformers import AutoConfig

    try:
        return getattr(AutoConfig.from_pretrained(place), "max_position_embeddings", None)
    except (OSError, ValueError) as error:
        raise _unreadable(place, "config.json", error) from error


def _bytes() -> Any:
    """A tokenizer with one token for each byte, and one that ends a text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=inner, eos_token=END)


def _unreadable(place: str, what: str, error: Exception) -> UserError:
    said = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
    return UserError(
        f"--model {place} has no {what} that can be read: {said}",
        "a model's name on the hub, or a folder that save_pretrained wrote",
    )
