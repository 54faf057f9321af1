"""What a trained model makes of the beginning of a text."""

from __future__ import annotations

import tempfile
from pathlib import Path

from rayworks.common.errors import UserError
from rayworks.fine_tune import model
from rayworks.fine_tune.worker import MODEL


def generate(
    folder: str, prompt: str, *, max_new_tokens: int, temperature: float, seed: int
) -> str:
    """The prompt with its continuation.

    Args:
        folder: the run's, a path or a URI.
        prompt: the beginning.
        max_new_tokens: the most tokens to add.
        temperature: of the choice among tokens; 0 takes the likeliest.
        seed: of that choice.

    Raises:
        UserError: the run has left no model, or the prompt is no text.
    """
    import torch
    from pyarrow import fs  # type: ignore[import-untyped]
    from transformers.utils import logging

    logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as copy:
        place = f"{folder}/{MODEL}"
        if "://" in folder:
            fs.copy_files(place, copy)
            place = copy
        if not Path(place, "config.json").is_file():
            raise UserError(
                f"{folder} has no trained model", "--storage-path and --run-name of a finished run"
            )
        tokenizer = model.tokenizer(place)
        network = model.network(place, dropout=0.0).eval()
    tokens = tokenizer(prompt, return_tensors="pt")
    if not tokens["input_ids"].numel():
        raise UserError("--prompt is empty", "the beginning of a text")
    torch.manual_seed(seed)
    sampling = {"do_sample": True, "temperature": temperature} if temperature else {}
    written = network.generate(
        input_ids=tokens["input_ids"],
        attention_mask=tokens["attention_mask"],
        max_new_tokens=max_new_tokens,
        pad_token_id=tokenizer.eos_token_id,
        **{"do_sample": False, **sampling},
    )
    text: str = tokenizer.decode(written[0], skip_special_tokens=True)
    return text
