"""The contenders of bench.language: GPT-2 fine-tuned in turns, on Ray or by a loop of its own.

`python -m bench.gpt2 FOLDER make` makes text and model; `… FOLDER ray MODEL` is rayworks fine-tune
with one worker on a Ray of its own; `… FOLDER loop MODEL` the loop. On the GPU where there is one,
else on all cores.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bench.device import DEVICE, GPU, WORKER_CORES, settle
from bench.language import ROUNDS, TURNS
from bench.turns import FromFirstStep
from rayworks.fine_tune import loop, model, text, worker
from rayworks.fine_tune.config import TINY, Config
from rayworks.fine_tune.sharding import CLIP
from rayworks.fine_tune.train import run

#: Blocks a step, and tokens of a block.
BATCH, BLOCK = (16, 1024) if GPU else (8, 128)

#: Steps of a turn that do not count, and those that do. Ray's processes make up for what they have
#: missed in the first second of a turn.
SIZES = {TINY: (60, 60), "gpt2": (10, 40)}

LR = 1e-4


def _config(folder: str, name: str, storage: str) -> Config:
    """One epoch suffices for all turns: nothing is measured between steps."""
    return Config(
        workload="bench", model=TINY if name == TINY else f"{folder}/{name}",
        text=Path(folder, "text.txt"), block_size=BLOCK, batch_size=BATCH, micro_batch_size=BATCH,
        epochs=1, lr=LR, held_out=0.01, num_workers=1, use_gpu=GPU,
        cpus_per_worker=WORKER_CORES, storage_path=storage, run_name="bench",
    )  # fmt: skip


def _make(folder: str) -> None:
    """Write a text that is long enough, and GPT-2 with random weights, for which a byte is a token.

    Its vocabulary is GPT-2's, though most of it is never met: so is the work that a token makes.
    """
    from transformers import GPT2Config, GPT2LMHeadModel

    turns = (1 + ROUNDS) * TURNS
    steps = turns * max(map(sum, SIZES.values())) + 20
    once = "\n".join(text.pydoc())
    times = -(-steps * BATCH * BLOCK // int(0.98 * len(once.encode())))
    Path(folder, "text.txt").write_text(once * times)
    if GPU:
        GPT2LMHeadModel(GPT2Config()).save_pretrained(f"{folder}/gpt2")
        model.tokenizer(TINY).save_pretrained(f"{folder}/gpt2")


class TakingTurns(loop.Training):
    """Training in turns."""

    def run(self, on_step: Callable[[int, int], None], on_epoch: Callable[[], None]) -> None:
        """Train, and sleep between turns."""
        turns = _turns(TINY if self.config.model == TINY else Path(self.config.model).name)

        def on_step_in_turns(epoch: int, done: int) -> None:
            on_step(epoch, done)
            turns.step()

        super().run(on_step_in_turns, on_epoch)


def _turns(name: str) -> FromFirstStep:
    warm, timed = SIZES[name]
    return FromFirstStep(warm, timed, BATCH * BLOCK, settle)


_on_ray = worker.on_ray


def on_ray(job: dict[str, Any]) -> worker.Outcome:
    """A Ray Train worker of the workload."""
    loop.Training = TakingTurns  # type: ignore[misc]
    return _on_ray(job)


def _with_ray(folder: str, name: str) -> None:
    worker.on_ray = on_ray
    with tempfile.TemporaryDirectory() as storage:
        run(_config(folder, name, storage), time.time())


def _loop(folder: str, name: str) -> None:
    """The training as one writes it without Ray."""
    config = _config(folder, name, "unused")
    torch.set_float32_matmul_precision("high")
    torch.manual_seed(0)
    network = model.network(config.model, dropout=0.0).to(DEVICE).train()
    optimizer = torch.optim.AdamW(network.parameters(), LR, weight_decay=0.0, fused=True)
    blocks = torch.tensor(text.blocks(config, model.tokenizer(config.model)).train, device=DEVICE)
    steps = len(blocks) // BATCH
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
    turns = _turns(name)
    for numbers in torch.split(torch.randperm(len(blocks), device=DEVICE), BATCH):
        tokens = blocks[numbers].long()
        with torch.autocast(DEVICE, torch.bfloat16, enabled=GPU):
            logits = network(input_ids=tokens, use_cache=False).logits
            loss = nn.functional.cross_entropy(
                logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()
            )
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        turns.step()


if __name__ == "__main__":
    # By its full name: Ray's workers import this module, and must find the same functions.
    from bench import gpt2

    match sys.argv[1:]:
        case where, "make":
            gpt2._make(where)
        case where, "ray", which:
            gpt2._with_ray(where, which)
        case where, _, which:
            gpt2._loop(where, which)
