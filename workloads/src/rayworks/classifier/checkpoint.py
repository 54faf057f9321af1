"""What a training left, as a network that answers."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rayworks.classifier.config import network
from rayworks.classifier.worker import STATE
from rayworks.common.errors import UserError
from rayworks.common.storage import Store
from rayworks.common.training import CHECKPOINTS

if TYPE_CHECKING:
    from torch import nn

#: Ray Train's own list of the checkpoints that were saved to their end, by which it resumes too.
#: A folder that is not in it may hold half a file.
SNAPSHOT = f"{CHECKPOINTS}/checkpoint_manager_snapshot.json"


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained network, ready to answer."""

    network: nn.Module
    """In evaluation mode."""
    device: str
    """Where it computes: cpu or cuda."""
    checkpoint: str
    """The state's file, in the run's folder."""
    settings: dict[str, Any]
    """What the training was begun with."""
    last: dict[str, Any]
    """The numbers of the last epoch in it."""

    def probabilities(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """How likely each class is: (n, classes), rows that sum to 1.

        Args:
            images: grey values 0 … 255, (n, 28, 28).
        """
        import torch

        from rayworks.classifier.pixels import pixels

        with torch.inference_mode():
            values = torch.from_numpy(images).to(self.device).flatten(1)
            answer: NDArray[np.float32] = self.network(pixels(values)).softmax(1).cpu().numpy()
        return answer


def newest(store: Store) -> str:
    """The newest finished state in a run's folder.

    Args:
        store: the run's folder.

    Raises:
        UserError: there is none.
    """
    names = [f"{CHECKPOINTS}/{STATE}"]  # of a training without Ray
    latest = (store.read_json(SNAPSHOT) or {}).get("latest_checkpoint_result")
    if latest:
        names.append(f"{CHECKPOINTS}/{latest['checkpoint_dir_name']}/{STATE}")
    found = [(written, name) for name in names if (written := store.modified(name))]
    if not found:
        raise UserError(
            f"{store} holds no checkpoint",
            "train first, with this storage path and this run name: rayworks mnist train",
        )
    return max(found)[1]


def load(store: Store, name: str | None = None, device: str = "cpu") -> Trained:
    """A state with its network, rebuilt from the settings that lie in it.

    Args:
        store: the run's folder.
        name: the state's file in it; None: the newest.
        device: where it is to compute.

    Raises:
        UserError: there is no such file, or it holds no state of a classifier, or no numbers.
    """
    import torch

    name = name or newest(store)
    data = store.read(name)
    if data is None:
        raise UserError(f"{store.path(name)} is not there", f"leave it out: {newest(store)}")
    try:
        saved = torch.load(io.BytesIO(data), map_location=device, weights_only=True)
        metadata = json.loads(saved["metadata"])
        settings, last = metadata["settings"], metadata["history"][-1]
        built = network(settings["model"], settings["dropout"])
        built.load_state_dict(saved["model"])
        sound = all(bool(value.isfinite().all()) for value in saved["model"].values())
    except Exception as error:  # a broken file can break anything in torch.load
        raise UserError(
            f"{store.path(name)} cannot be loaded: {error}", "train again, or name another state"
        ) from error
    if not sound:
        raise UserError(
            f"{store.path(name)} has weights that are no numbers", "train again with a lower --lr"
        )
    return Trained(built.to(device).eval(), device, name, settings, last)
