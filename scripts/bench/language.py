"""Tokens per second that GPT-2 is fine-tuned on: fine-tune against plain torch.

The same model, optimizer, blocks and batch in one process, in turns: the tiny model on all cores of
the machine; on its GPU that and one of GPT-2's own size (124 M), in bfloat16.
"""

from __future__ import annotations

import statistics
import tempfile

from rich.console import Console
from rich.table import Table

from bench import rounds
from bench.device import GPU, NAME
from bench.rounds import Peer, ratios

#: How often all are started anew, and the rounds of a start that count.
STARTS, ROUNDS = 3, 2

#: Figures' names → the models.
MODELS = {"tiny_gpt2": "tiny", **({"gpt2": "gpt2"} if GPU else {})}


def measure() -> dict[str, float]:
    """Print the table; medians over the rounds, of speeds and of their ratios in a round."""
    figures: dict[str, float] = {}
    table = Table(title=f"GPT-2, fine-tuned on {NAME}")
    headings = ("", "tokens/s (median)", "least", "most", "of plain torch", "first step after")
    for heading in (*headings, *(("GPU busy",) if GPU else ())):
        table.add_column(heading, justify="right" if heading else "left")
    with tempfile.TemporaryDirectory() as folder:
        rounds.prepare("bench.gpt2", folder, "make")
        for name, model in MODELS.items():
            found = rounds.run(
                {
                    f"rayworks fine-tune, {model}": Peer(("bench.gpt2", folder, "ray", model)),
                    f"plain torch, {model}": Peer(("bench.gpt2", folder, "loop", model)),
                },
                starts=STARTS,
                rounds=ROUNDS,
            )
            ours, loop = found.values()
            for peer, of_peer in found.items():
                of_loop = ratios(of_peer, loop)
                table.add_row(
                    peer,
                    *(f"{f(of_peer.speeds):,.0f}" for f in (statistics.median, min, max)),
                    f"{statistics.median(of_loop):.3f} ({min(of_loop):.3f} … {max(of_loop):.3f})",
                    f"{statistics.median(of_peer.ready):.1f} s",
                    *(f"{statistics.median(busy):.0%}" for busy in [of_peer.busy] if busy),
                )
            figures |= {
                f"{name}_rayworks_tokens_per_second": round(statistics.median(ours.speeds)),
                f"{name}_torch_tokens_per_second": round(statistics.median(loop.speeds)),
                f"{name}_vs_torch": round(statistics.median(ratios(ours, loop)), 3),
                **(
                    {f"{name}_gpu_busy": round(statistics.median(ours.busy), 3)}
                    if ours.busy
                    else {}
                ),
            }
    Console().print(table)
    return figures
