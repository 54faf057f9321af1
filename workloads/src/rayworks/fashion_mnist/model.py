"""The network, and nothing else."""

from __future__ import annotations

from torch import Tensor, nn


class Classifier(nn.Module):
    """784 → 512 → 512 → 10 with ReLU and dropout between; the last layer's output is the logits.

    Args:
        dropout: share of activations dropped after each hidden layer while training.
    """

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(28 * 28, 512),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(512, 512),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(512, 10),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Logits (n, 10) of images (n, 784) with pixels in [-1, 1]."""
        logits: Tensor = self.layers(images)
        return logits
