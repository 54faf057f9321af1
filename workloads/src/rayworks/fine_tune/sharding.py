"""The model and its optimizer, with weights, gradients and moments shared out among the ranks.

`Fsdp` does it with torch alone (FSDP2); `rayworks.fine_tune.zero.Zero` with DeepSpeed.
"""

from __future__ import annotations

import contextlib
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_state_dict,
    set_state_dict,
)
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard

from rayworks.common.distributed import Place

#: Norm to which the gradients of a step are clipped.
CLIP = 1.0


class Sharded(Protocol):
    """What the loop needs of a strategy. All ranks call each method together."""

    module: nn.Module
    """Gives an object with `logits`, for `input_ids`."""

    def precision(self) -> contextlib.AbstractContextManager[Any]:
        """What the forward pass runs under."""

    def backward(self, loss: Tensor, last: bool) -> None:
        """Add the loss's gradients to the step's.

        Args:
            loss: this rank's share of the step's mean; the ranks' are averaged.
            last: whether a step follows.
        """

    def step(self, lr: float) -> None:
        """Change the weights, and begin with new gradients."""

    def save(self, folder: str) -> None:
        """Write this rank's shard of the state, in files that no other rank writes."""

    def load(self, folder: str) -> None:
        """Go on from the shards of all ranks."""

    def weights(self) -> dict[str, Tensor]:
        """All weights, whole, on the CPU of rank 0; nothing on the others."""


class Fsdp:
    """FSDP2: each transformer block is gathered while it computes. bfloat16 on GPUs.

    Args:
        model: the same on all ranks.
        place: this process; more than one need a process group.
    """

    def __init__(self, model: nn.Module, place: Place) -> None:
        self._gpu = place.device == "cuda"
        self._alone = place.world_size == 1
        self.module = model
        if self._alone:
            model.to(place.device)
        else:  # moved part by part as it is sharded: a GPU never holds it whole
            mesh = init_device_mesh(place.device, (place.world_size,))
            policy = MixedPrecisionPolicy(
                param_dtype=torch.bfloat16 if self._gpu else None, reduce_dtype=torch.float32
            )
            # The transformer's blocks are the longest list of any such model.
            lists = [part for part in model.modules() if isinstance(part, nn.ModuleList)]
            for part in (*max(lists, key=len), model):
                fully_shard(part, mesh=mesh, mp_policy=policy)
        self._optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.0, fused=True)

    def precision(self) -> contextlib.AbstractContextManager[Any]:
        """Autocast for a model that is whole; a sharded one casts what it gathers."""
        return torch.autocast("cuda", torch.bfloat16, enabled=self._gpu and self._alone)

    def backward(self, loss: Tensor, last: bool) -> None:
        """Gradients stay here until the last of a step, then are reduced."""
        if isinstance(self.module, FSDPModule):
            self.module.set_requires_gradient_sync(last)
        loss.backward()  # type: ignore[no-untyped-call]

    def step(self, lr: float) -> None:
        """AdamW, after clipping."""
        nn.utils.clip_grad_norm_(self.module.parameters(), CLIP)
        for group in self._optimizer.param_groups:
            group["lr"] = lr
        self._optimizer.step()
        self._optimizer.zero_grad()

    def save(self, folder: str) -> None:
        """In torch's distributed format, which knows no world size."""
        save(self._state(), checkpoint_id=folder)

    def load(self, folder: str) -> None:
        """What any number of ranks has saved."""
        state = self._state()
        load(state, checkpoint_id=folder)
        set_state_dict(
            self.module,
            self._optimizer,
            model_state_dict=state["model"],
            optim_state_dict=state["optimizer"],
        )

    def weights(self) -> dict[str, Tensor]:
        """Gathered one after the other."""
        options = StateDictOptions(full_state_dict=True, cpu_offload=True)
        found: Any = get_model_state_dict(self.module, options=options)
        return dict(found)

    def _state(self) -> dict[str, Any]:
        model, optimizer = get_state_dict(self.module, self._optimizer)
        return {"model": model, "optimizer": optimizer}
