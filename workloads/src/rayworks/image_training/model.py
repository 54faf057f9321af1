"""The network, and how it takes images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import ResNet18_Weights, resnet18  # type: ignore[import-untyped]

from rayworks.common import downloads
from rayworks.common.errors import UserError

#: Outputs of the network: the classes of ImageNet, as in its weights.
CLASSES = 1000

#: Mean and standard deviation of ImageNet's channels, for pixels in 0 … 1.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Network(nn.Module):
    """ResNet-18 with the 1000 outputs of ImageNet, on pixels as they come from a file."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.resnet = resnet18(weights=None)
        self.register_buffer("mean", 255 * torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(STD).view(3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (n, 1000) of images (n, height, width, 3), bytes 0 … 255."""
        # Seen as (n, 3, height, width), these bytes lie as channels_last already.
        pixels = (images.permute(0, 3, 1, 2).float() - self.mean) / self.std
        logits: Tensor = self.resnet(pixels)
        return logits


def pretrained(storage_path: str) -> dict[str, Any]:
    """ImageNet's weights, from the storage, or downloaded to it.

    Args:
        storage_path: of the runs.

    Raises:
        UserError: they are not there, and cannot be downloaded.
    """
    url = ResNet18_Weights.DEFAULT.url
    shared = downloads.folder("torch", storage_path)
    place = shared or Path(torch.hub.get_dir(), "checkpoints")
    try:
        weights: dict[str, Any] = torch.hub.load_state_dict_from_url(
            url, model_dir=str(place), map_location="cpu", progress=False, weights_only=True
        )
    except (OSError, RuntimeError) as error:
        raise UserError(
            f"the pretrained weights cannot be downloaded from {url}: {error}",
            f"--weights none, or put that file into {place}",
        ) from error
    return weights
