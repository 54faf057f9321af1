"""What a run leaves: numbers as JSON, the learning curve as PNG."""

from __future__ import annotations

import io
import platform
import time
from importlib import metadata
from typing import Any

from rayworks import __version__
from rayworks.fashion_mnist.config import Config


def result(
    config: Config, history: list[dict[str, Any]], device: str, moments: dict[str, float]
) -> dict[str, Any]:
    """The content of result.json.

    Args:
        config: the run.
        history: each epoch's numbers, from the first.
        device: where it trained.
        moments: Unix times; those that happened are turned into seconds since the command began.
    """
    last = history[-1]
    started = moments["started"]
    ordered = sorted([*moments.items(), ("total", time.time())], key=lambda moment: moment[1])
    timings = {name: round(at - started, 3) for name, at in ordered if name != "started"}
    return {
        "workload": "fashion-mnist",
        "run": config.run_name,
        "dataset": config.dataset,
        "accuracy": last["accuracy"],
        "loss": last["loss"],
        "history": history,
        "settings": config.settings,
        "world_size": config.world_size,
        "cpus_per_worker": config.cpus_per_worker,
        "device": device,
        "started": started,
        "timings": timings,
        "versions": {
            "rayworks": __version__,
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in ("ray", "torch", "numpy")},
        },
    }


def curve(result: dict[str, Any]) -> bytes:
    """The learning curve as PNG: loss on the left, accuracy on the right, over epochs."""
    from matplotlib.figure import Figure

    epochs = [epoch["epoch"] for epoch in result["history"]]

    def column(name: str) -> list[float]:
        return [epoch[name] for epoch in result["history"]]

    figure = Figure(figsize=(9, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    marker = "o" if len(epochs) == 1 else ""
    left.plot(epochs, column("train_loss"), marker=marker, label="training (with dropout)")
    left.plot(epochs, column("loss"), marker=marker, label="test")
    left.set(xlabel="epoch", ylabel="cross entropy")
    left.legend()
    right.plot(epochs, column("accuracy"), marker=marker, color="tab:green")
    right.set(xlabel="epoch", ylabel="test accuracy")
    title = f"{result['run']}: {result['dataset']}, accuracy {result['accuracy']:.3f}"
    figure.suptitle(title)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()
