"""One search: trials, the best of them, result."""

from __future__ import annotations

import io
import os
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rayworks.classifier.config import Config
from rayworks.classifier.data import Images, load
from rayworks.classifier.train import PANELS, data_dir
from rayworks.classifier.worker import STATE
from rayworks.common import report
from rayworks.common.errors import UserError
from rayworks.common.progress import Emit
from rayworks.common.storage import Store
from rayworks.common.training import CHECKPOINTS, begun
from rayworks.tune_fashion_mnist import trial
from rayworks.tune_fashion_mnist.config import Search

if TYPE_CHECKING:
    from ray.tune import ResultGrid

#: Of the training images, one in so many compares the trials. The test images do not: the best
#: of many would look better on them than it is.
ONE_IN = 6

#: Of the trials that have come as far, one in so many goes on.
REDUCTION = 3


def run(search: Search, started: float) -> dict[str, Any]:
    """Search, and return what result.json holds.

    Args:
        search: the search.
        started: Unix time at which the command began.

    Raises:
        UserError: the search cannot start, or no trial ended well.
    """
    moments = {"started": started}
    images = load(search.dataset, data_dir(search.trial()))
    moments["data"] = time.time()
    from rayworks.common import cluster

    with begun(search) as (store, emit), cluster.connected(verbose=search.verbose):
        moments["connected"] = time.time()
        least = search.min_workers or search.num_workers
        cluster.check_placeable(least, search.resources, search.placement_timeout, emit)
        moments["placeable"] = time.time()
        grid = _search(search, split(images, search.seed), store, emit)
        moments["searched"] = time.time()
        trials = [_summary(grid[number]) for number in range(len(grid))]
        if not any(one["history"] for one in trials):
            said = str(grid.errors[0]).strip().splitlines()[-1] if grid.errors else "no reason"
            raise UserError(f"no trial ended well: {said}", "--verbose shows what Ray logs")
        for error in grid.errors:
            emit({"event": "trial_failed", "reason": str(error).strip().splitlines()[-1]})
        best = grid.get_best_result("loss", "min")
        chosen, hyper = _summary(best), dict(best.config or {})
        emit({"event": "chosen", **hyper})
        for epoch in chosen["history"]:
            emit({"event": "epoch", "epochs": search.epochs, **epoch})
        assert best.checkpoint is not None  # noqa: S101 - each report has one
        with best.checkpoint.as_directory() as folder:
            state = Path(folder, STATE).read_bytes()
        config = search.trial(**hyper)
        loss, accuracy = measure(config, images, state)
        left = leave(config, state, chosen["history"], moments, loss=loss, accuracy=accuracy)
        result = report.result(
            search, chosen["history"], "cuda" if search.use_gpu else "cpu", moments,
            dataset=search.dataset, accuracy=accuracy, loss=loss, **hyper,
        )  # fmt: skip
        result["best"] = left.uri
        result["trials"] = sorted(trials, key=lambda one: one.get("loss", float("inf")))
        title = f"{search.run_name}: {search.dataset}, best accuracy {accuracy:.3f}"
        store.write("trials.png", picture(title, trials))
        store.write_json("result.json", result)
        emit(
            {
                "event": "result",
                "accuracy": accuracy,
                "loss": loss,
                **hyper,
                "trials": len(trials),
                "seconds": result["timings"]["total"],
                "path": store.path("result.json"),
                "best": left.uri,
                "serve": serving(config),
            }
        )
    return result


def split(images: Images, seed: int) -> Images:
    """The training images in two parts: to train on, and in place of the test images.

    Args:
        images: the data set.
        seed: which go where.
    """
    order = np.random.default_rng(seed).permutation(len(images.train_labels))
    compared, trained = np.split(order, [len(order) // ONE_IN])
    return Images(
        images.train_images[trained],
        images.train_labels[trained],
        images.train_images[compared],
        images.train_labels[compared],
    )


def measure(config: Config, images: Images, state: bytes) -> tuple[float, float]:
    """Loss and accuracy of a state on the test images, which no trial has seen.

    Args:
        config: the trial's.
        images: the data set.
        state: what the trial saved last.
    """
    import torch

    from rayworks.classifier.loop import Training

    training = Training(config, images, 0, 1, torch.device("cpu"))
    training.load(state)
    return training.evaluate()


def leave(
    config: Config,
    state: bytes,
    history: list[dict[str, Any]],
    moments: dict[str, float],
    *,
    loss: float,
    accuracy: float,
) -> Store:
    """Write a trial's last state as the run that would have trained it, to be served as one.

    Args:
        config: the trial's.
        state: what it saved last.
        history: each epoch's numbers.
        moments: Unix times.
        loss: on the test images.
        accuracy: on the test images.

    Returns:
        The run's folder.
    """
    store = Store(f"{config.storage_path.rstrip('/')}/{config.run_name}")
    store.delete(CHECKPOINTS)
    report.configured(config, store, lambda event: None)  # the search has told its own
    store.write(f"{CHECKPOINTS}/{STATE}", state)
    store.write_json("metrics.json", history)
    title = f"{config.run_name}: {config.dataset}, accuracy {accuracy:.3f}"
    store.write("learning-curve.png", report.curve(title, history, PANELS))
    result = report.result(
        config, history, "cuda" if config.use_gpu else "cpu", moments,
        dataset=config.dataset, accuracy=accuracy, loss=loss,
    )  # fmt: skip
    store.write_json("result.json", result)
    return store


def serving(config: Config) -> str:
    """The command that serves what `leave` has left.

    Args:
        config: the trial's.
    """
    words = ["--storage-path", config.storage_path, "--run-name", config.run_name]
    return shlex.join(["rayworks", "mnist", "serve", *words])


def picture(title: str, trials: list[dict[str, Any]]) -> bytes:
    """The trials as PNG: the loss of each over its epochs, and the last one over its settings.

    Args:
        title: above both panels.
        trials: as in result.json; those without history are left out.
    """
    from matplotlib.figure import Figure

    shown = [one for one in trials if one["history"]]
    best = min(shown, key=lambda one: one["loss"])
    figure = Figure(figsize=(10, 4), layout="constrained")
    over_epochs, over_lr = figure.subplots(1, 2)
    for one in shown:
        epochs = [epoch["epoch"] for epoch in one["history"]]
        losses = [epoch["loss"] for epoch in one["history"]]
        style = {"color": "C3", "zorder": 3} if one is best else {"color": "0.7"}
        over_epochs.plot(epochs, losses, marker=".", label="best" if one is best else "", **style)
    over_epochs.set(xlabel="epoch", ylabel="cross entropy, validation")
    over_epochs.legend()
    points = over_lr.scatter(
        [one["settings"]["lr"] for one in shown],
        [one["loss"] for one in shown],
        s=[10 + one["settings"]["batch_size"] for one in shown],
        c=[one["settings"]["dropout"] for one in shown],
        alpha=0.8,
    )
    figure.colorbar(points, ax=over_lr, label="dropout")
    over_lr.set(xscale="log", xlabel="learning rate (size: batch)", ylabel="last cross entropy")
    figure.suptitle(title)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()


def _search(search: Search, images: Images, store: Store, emit: Emit) -> ResultGrid:
    """Run the trials that are left."""
    # Each trial's epochs come with its reports; files of other formats are read by nobody.
    os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler
    from ray.tune.search import BasicVariantGenerator

    from rayworks.common import cluster

    with cluster.heard(emit) as ear:
        trainable: Any = tune.with_resources(
            tune.with_parameters(trial.train, search=search, images=images, ear=ear),
            search.resources,
        )
        place = store.path(CHECKPOINTS)
        if tune.Tuner.can_restore(place):
            emit({"event": "resumed"})
            return tune.Tuner.restore(place, trainable, resume_errored=True).fit()
        tuner = tune.Tuner(
            trainable,
            param_space={
                "lr": tune.loguniform(1e-3, 3e-1),
                "batch_size": tune.choice([16, 32, 64, 128]),
                "dropout": tune.uniform(0.0, 0.5),
            },
            tune_config=tune.TuneConfig(
                metric="loss",
                mode="min",
                num_samples=search.trials,
                search_alg=BasicVariantGenerator(
                    max_concurrent=search.num_workers, random_state=search.seed
                ),
                scheduler=ASHAScheduler(
                    time_attr="epoch", max_t=search.epochs, reduction_factor=REDUCTION
                ),
            ),
            run_config=tune.RunConfig(
                name=CHECKPOINTS,
                storage_path=store.uri,
                failure_config=tune.FailureConfig(max_failures=search.max_failures),
                checkpoint_config=tune.CheckpointConfig(num_to_keep=1),
                verbose=1 if search.verbose else 0,
            ),
        )
        return tuner.fit()


def _summary(found: Any) -> dict[str, Any]:
    """A trial as in result.json: settings, each epoch's numbers, and the last ones."""
    metrics = found.metrics or {}
    numbers = {key: metrics[key] for key in ("loss", "accuracy") if key in metrics}
    return {"settings": found.config, **numbers, "history": metrics.get("history", [])}
