"""The trained classifier as a file: weights, and all that is needed to use them."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass
from typing import Any

from rayworks.common.errors import UserError
from rayworks.common.storage import Store

MODEL = "model.pt"


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the weights are."""

    classes: list[str]
    """Names of the classes: the class map, by label."""
    clip: str
    """The model whose embeddings it takes."""
    embedding: int
    """Numbers an embedding."""
    hidden: int
    """Units of the hidden layer."""
    epoch: int
    """The epoch that the weights are of: the one with the lowest validation loss."""


def save(store: Store, metadata: Metadata, weights: dict[str, Any]) -> None:
    """Write model.pt; weights are numpy arrays."""
    import torch

    buffer = io.BytesIO()
    tensors = {name: torch.tensor(array) for name, array in weights.items()}
    torch.save({"metadata": json.dumps(asdict(metadata)), "model": tensors}, buffer)
    store.write(MODEL, buffer.getvalue())


def load(store: Store, device: str = "cpu") -> tuple[Any, Metadata]:
    """The model, ready for inference, and what it is.

    Raises:
        UserError: there is none.
    """
    import torch

    from rayworks.doggos.model import Classifier

    data = store.read(MODEL)
    if data is None:
        raise UserError(f"{store.path(MODEL)} is missing", "--fresh trains it again")
    saved = torch.load(io.BytesIO(data), map_location=device, weights_only=True)
    metadata = Metadata(**json.loads(saved["metadata"]))
    model = Classifier(metadata.embedding, metadata.hidden, 0.0, len(metadata.classes))
    model.load_state_dict(saved["model"])
    return model.to(device).eval(), metadata
