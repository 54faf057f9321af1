"""What a training leaves for people: its numbers as JSON, its learning curve as PNG."""

from __future__ import annotations

import io
import platform
import time
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from rayworks import __version__
from rayworks.common.progress import Emit
from rayworks.common.run import Job, Run
from rayworks.common.storage import Store

#: The packages whose versions a result names.
PACKAGES = ("ray", "torch", "numpy")


#: In the run's folder: see `configured`.
RUN = "run.json"


def configured(job: Job, store: Store, emit: Emit) -> None:
    """Tell the effective configuration, and store it beside what the job leaves.

    Args:
        job: the job.
        store: the run's folder, which gets run.json: the settings, by which a run is known again,
            and the whole configuration.
        emit: hears of it.
    """
    store.write_json(RUN, {"settings": job.settings, "configuration": job.configuration})
    emit({"event": "configuration", **job.configuration})


def result(
    run: Run,
    history: list[dict[str, Any]],
    device: str,
    moments: dict[str, float],
    *,
    world_size: int | None = None,
    **numbers: Any,
) -> dict[str, Any]:
    """The content of result.json.

    Args:
        run: the run.
        history: each epoch's numbers, from the first.
        device: where it trained.
        moments: Unix times, `started` among them; those that happened are turned into seconds
            since then.
        world_size: with how many processes at its end; None: with all that were asked for.
        numbers: what counts; `headline` names them, and `make deploy` shows them.
    """
    return {
        **summary(run, moments, **numbers),
        "history": history,
        "world_size": world_size or run.world_size,
        "cpus_per_worker": run.cpus_per_worker,
        "device": device,
    }


def summary(job: Job, moments: dict[str, float], **numbers: Any) -> dict[str, Any]:
    """What result.json holds of every job.

    Args:
        job: the job.
        moments: as for result.
        numbers: as for result.
    """
    started = moments["started"]
    ordered = sorted([*moments.items(), ("total", time.time())], key=lambda moment: moment[1])
    timings = {name: round(at - started, 3) for name, at in ordered if name != "started"}
    return {
        "workload": job.workload,
        "run": job.run_name,
        "headline": list(numbers),
        **numbers,
        "settings": job.settings,
        "started": started,
        "timings": timings,
        "versions": {
            "rayworks": __version__,
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in PACKAGES},
        },
    }


def curve(
    title: str, history: list[dict[str, Any]], panels: Mapping[str, Mapping[str, str]]
) -> bytes:
    """The learning curve as PNG, over epochs.

    Args:
        title: above all panels.
        history: each epoch's numbers.
        panels: from left to right, what the y axis shows → {column of history: its label}.
    """
    from matplotlib.figure import Figure

    epochs = [epoch["epoch"] for epoch in history]
    figure = Figure(figsize=(4.5 * len(panels), 3.5), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for panel, (what, columns) in zip(axes, panels.items(), strict=True):
        for column, label in columns.items():
            values = [epoch.get(column, float("nan")) for epoch in history]
            panel.plot(epochs, values, marker="o" if len(epochs) == 1 else "", label=label)
        panel.set(xlabel="epoch", ylabel=what)
        if len(columns) > 1:
            panel.legend()
    figure.suptitle(title)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()
