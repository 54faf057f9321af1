"""CLIP, of which the half that sees is used: an embedding for an image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rayworks.common.errors import UserError
from rayworks.common.images import Pixels
from rayworks.doggos.config import CLIP, TINY

#: Mean and standard deviation of CLIP's channels, for pixels in 0 … 1: transformers'
#: OPENAI_CLIP_MEAN and OPENAI_CLIP_STD, without its import.
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)

TINY_EDGE = 32


def edge(model: str, cache: Path | None) -> int:
    """Width and height in pixels of the images that a model takes.

    Raises:
        UserError: its configuration can be had neither from the cache nor from the hub.
    """
    if model == TINY:
        return TINY_EDGE
    from transformers import CLIPVisionConfig

    try:
        config: Any = CLIPVisionConfig.from_pretrained(model, cache_dir=cache)
        return int(config.image_size)
    except (OSError, ValueError) as error:
        said = str(error).strip().splitlines() or [repr(error)]
        raise UserError(
            f"CLIP {model} is not in {cache or 'HF_HOME'} and cannot be downloaded: {said[0]}",
            f"HF_ENDPOINT=<mirror>, --model <folder with {CLIP}>, or --model tiny",
        ) from error


class Embed:
    """The model in one process.

    Args:
        model: a name on the hub, a folder, or TINY.
        cache: where weights are kept: see `downloads.folder`.
        device: cpu or cuda.
        threads: torch's, on a CPU.
    """

    def __init__(self, model: str, cache: Path | None, device: str, threads: int) -> None:
        import torch
        from transformers import CLIPConfig, CLIPModel

        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision("high")
        if model == TINY:
            torch.manual_seed(0)
            half = {
                "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
                "num_attention_heads": 4,
            }  # fmt: skip
            seeing = {**half, "image_size": TINY_EDGE, "patch_size": 8}
            config = CLIPConfig(vision_config=seeing, text_config=half, projection_dim=64)
            network: Any = CLIPModel(config)
        else:
            network = CLIPModel.from_pretrained(model, cache_dir=cache)
        self._network = network.to(device).eval()
        self._device = device
        self._mean = 255 * torch.tensor(MEAN, device=device).view(3, 1, 1)
        self._std = 255 * torch.tensor(STD, device=device).view(3, 1, 1)

    def embed(self, images: Pixels) -> NDArray[np.float32]:
        """Embeddings (n, d) of images (n, edge, edge, 3)."""
        import torch

        with (
            torch.inference_mode(),
            torch.autocast(self._device, torch.bfloat16, self._device == "cuda"),
        ):
            pixels = torch.as_tensor(images).to(self._device).permute(0, 3, 1, 2).float()
            pixels = (pixels - self._mean) / self._std
            seen = self._network.get_image_features(pixel_values=pixels)
        result: NDArray[np.float32] = seen.pooler_output.float().cpu().numpy()
        return result

    def __call__(self, batch: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """For Ray Data: digest and embedding, of digest and image."""
        if not len(batch["image"]):  # all corrupt
            return {"digest": batch["digest"], "embedding": np.empty((0, 1), np.float32)}
        return {"digest": batch["digest"], "embedding": self.embed(batch["image"])}
