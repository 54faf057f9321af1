"""Images per second that CLIP embeds: the embed step of doggos against a plain loop over batches.

The same model, images and batch of 64, on all cores of the machine or its GPU, in turns. The model
is CLIP's ViT-B/32 as to what sees (12 layers of 768, 224 x 224 pixels), of random weights; the half
that reads, which embeds no image, is left small.
"""

from __future__ import annotations

from bench.images import LOOPS, over_images

#: The workload, then what it is compared with.
PEERS = {"rayworks doggos, embed": ("ray",), **LOOPS}


def measure() -> dict[str, float]:
    """Print the table, and return its figures."""
    return over_images("embedding", "CLIP ViT-B/32, embedding", "bench.clip", PEERS)
