"""What every network is fed, in training and in serving alike."""

from __future__ import annotations

import torch
from torch import Tensor


def pixels(images: Tensor) -> Tensor:
    """Grey values 0 … 255 as floats -1 … 1: the sample's ToTensor and Normalize((0.5,), (0.5,)).

    Args:
        images: of any shape; left as they are.
    """
    return images.to(torch.float32, copy=True).div_(127.5).sub_(1.0)
