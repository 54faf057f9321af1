"""DeepSpeed's ZeRO-3, behind the same interface as FSDP.

Its checkpoints go on with the number of ranks that wrote them only.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from rayworks.common.distributed import Place
from rayworks.fine_tune.config import Config
from rayworks.fine_tune.sharding import CLIP

TAG = "state"


def settings(config: Config, world_size: int) -> dict[str, Any]:
    """DeepSpeed's configuration.

    Args:
        config: the run.
        world_size: how many ranks there are, which an elastic run learns at its start.
    """
    return {
        "train_batch_size": config.batch_size,
        "train_micro_batch_size_per_gpu": config.micro_batch_size,
        "gradient_accumulation_steps": config.batch_size // world_size // config.micro_batch_size,
        "gradient_clipping": CLIP,
        "optimizer": {
            "type": "AdamW",
            "params": {"lr": config.lr, "weight_decay": 0.0, "torch_adam": True},
        },
        "bf16": {"enabled": config.use_gpu},
        "zero_optimization": {
            "stage": 3,
            "overlap_comm": config.use_gpu,
            "contiguous_gradients": True,
            "stage3_gather_16bit_weights_on_model_save": True,
        },
        "steps_per_print": 2**31,  # our own events tell
    }


class Zero:
    """A DeepSpeed engine.

    Args:
        model: the same on all ranks.
        config: the run.
        place: this process, in a process group unless it is alone.
    """

    def __init__(self, model: nn.Module, config: Config, place: Place) -> None:
        # Each worker sees its own GPU only, and none when there is none to be used.
        os.environ |= {"DS_ACCELERATOR": place.device, "LOCAL_RANK": "0"}
        import deepspeed  # type: ignore[import-not-found]
        import torch.distributed as dist
        from torch.distributed import HashStore  # type: ignore[attr-defined]

        # What it would compile for ranks of one node, when a run begins: an image has no compiler.
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
        if not dist.is_initialized():  # DeepSpeed needs a group for one, too
            backend = "nccl" if place.device == "cuda" else "gloo"
            dist.init_process_group(backend, store=HashStore(), rank=0, world_size=1)
        self.module, *_ = deepspeed.initialize(
            model=model,
            model_parameters=model.parameters(),
            config=settings(config, place.world_size),
        )

    def precision(self) -> contextlib.AbstractContextManager[Any]:
        """The engine casts by itself."""
        return contextlib.nullcontext()

    def backward(self, loss: Tensor, last: bool) -> None:
        """The engine counts the micro batches of a step by itself."""
        self.module.backward(loss, scale_wrt_gas=False)
        if not last:
            self.module.step()  # only counts

    def step(self, lr: float) -> None:
        """The engine clips and steps."""
        for group in self.module.optimizer.param_groups:
            group["lr"] = lr
        self.module.step()

    def save(self, folder: str) -> None:
        """In DeepSpeed's format."""
        Path(folder, TAG).mkdir(exist_ok=True)  # DeepSpeed makes it on rank 0's node only
        self.module.save_checkpoint(folder, tag=TAG)

    def load(self, folder: str) -> None:
        """What equally many ranks have saved."""
        self.module.load_checkpoint(folder, tag=TAG)

    def weights(self) -> dict[str, Tensor]:
        """Gathered layer by layer, in the type that they are computed in."""
        return self.module._zero3_consolidated_16bit_state_dict() or {}
