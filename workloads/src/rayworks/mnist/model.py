"""The network, and nothing else."""

from __future__ import annotations

from torch import Tensor, nn


class Cnn(nn.Module):
    """Two convolutions with pooling, then 1568 → 64 → 10; the last layer's output is the logits.

    Args:
        dropout: share of activations dropped before each linear layer while training.
    """

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Unflatten(1, (1, 28, 28)),
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(32 * 7 * 7, 64),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(64, 10),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Logits (n, 10) of images (n, 784) with pixels in [-1, 1]."""
        logits: Tensor = self.layers(images)
        return logits
