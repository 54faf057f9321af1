"""The classifier, and nothing else."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn


class Classifier(nn.Module):
    """Two layers with batch norm, ReLU and dropout between.

    Args:
        embedding: numbers an image, `n_embedding`.
        hidden: units of the hidden layer.
        dropout: share of its activations dropped while training.
        classes: number of classes.
    """

    def __init__(self, embedding: int, hidden: int, dropout: float, classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            # Batch norm takes a bias away again: Adam would only move it by the rounding of its
            # gradient, which is 0, and that differs with the number of ranks.
            nn.Linear(embedding, hidden, bias=False),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, classes),
        )

    def forward(self, embeddings: Tensor) -> Tensor:
        """Logits (n, classes) of embeddings (n, n_embedding)."""
        return cast(Tensor, self.layers(embeddings))
