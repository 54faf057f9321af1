"""How well predictions agree with the truth: numbers, and a picture of the confusion."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray


def scores(
    labels: NDArray[np.int64], predictions: NDArray[np.int64], classes: list[str]
) -> dict[str, Any]:
    """accuracy, and precision, recall and F1: macro averages, and those of each class.

    A class that was never predicted, or that no image is of, counts as 0, and not at all.
    """
    from sklearn.metrics import precision_recall_fscore_support  # type: ignore[import-untyped]

    present = np.unique(labels)
    columns = precision_recall_fscore_support(labels, predictions, labels=present, zero_division=0)[
        :3
    ]
    names = ("precision", "recall", "f1")
    return {
        "accuracy": round(float((labels == predictions).mean()), 5),
        **{
            name: round(float(column.mean()), 5)
            for name, column in zip(names, columns, strict=True)
        },
        "classes": {
            classes[label]: {
                name: round(float(column[row]), 5)
                for name, column in zip(names, columns, strict=True)
            }
            for row, label in enumerate(present)
        },
    }


def confusion(
    labels: NDArray[np.int64], predictions: NDArray[np.int64], classes: list[str]
) -> bytes:
    """The confusion matrix as PNG: true classes down, predicted ones across."""
    from matplotlib.figure import Figure
    from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix

    matrix = confusion_matrix(labels, predictions, labels=np.arange(len(classes)))
    edge = max(4.0, 0.35 * len(classes))
    figure = Figure(figsize=(edge + 1, edge), layout="constrained")
    ConfusionMatrixDisplay(matrix, display_labels=classes).plot(
        ax=figure.subplots(),
        include_values=len(classes) <= 30,
        xticks_rotation="vertical",
        cmap="Blues",
    )
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()
