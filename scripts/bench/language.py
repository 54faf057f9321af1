"""Tokens per second that GPT-2 is fine-tuned on: fine-tune against plain torch.

The same model, optimizer, blocks and batch in one process, in turns: the tiny model on all cores of
the machine; on its GPU that and one of GPT-2's own size (124 M), in bfloat16.
"""

from __future__ import annotations

import tempfile

from bench import rounds
from bench.compare import compared
from bench.device import GPU
from bench.rounds import Peer

#: How often all are started anew, the rounds of a start that count, and the turns of a round.
STARTS, ROUNDS, TURNS = 3, 2, 3

#: Figures' names → the models.
MODELS = {"tiny_gpt2": "tiny", **({"gpt2": "gpt2"} if GPU else {})}


def measure() -> dict[str, float]:
    """Print a table a model, and return their figures."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        rounds.prepare("bench.gpt2", folder, "make")
        for name, model in MODELS.items():
            peers = {
                "rayworks fine-tune": Peer(("bench.gpt2", folder, "ray", model), TURNS),
                "loop of plain torch": Peer(("bench.gpt2", folder, "loop", model), TURNS),
            }
            title = f"GPT-2 ({model}), fine-tuned"
            figures |= compared(name, title, "tokens", peers, starts=STARTS, turns=ROUNDS)
    return figures
