"""One run: embed, train, infer, evaluate."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rayworks.common import report, tracking
from rayworks.common.progress import Emit
from rayworks.common.steps import Steps
from rayworks.common.storage import Store
from rayworks.common.training import begun, fit
from rayworks.doggos.config import STEPS, Config

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rayworks.doggos.data import Images

#: The panels of the learning curve, and what each shows.
PANELS = {
    "cross entropy": {"train_loss": "training (with dropout)", "val_loss": "validation"},
    "validation accuracy": {"val_accuracy": "accuracy"},
}

SCORES = ("accuracy", "precision", "recall", "f1")


def run(config: Config, started: float) -> dict[str, Any]:
    """Do all steps up to config.until, and return what each brought.

    Args:
        config: the run.
        started: Unix time at which the command began.

    Raises:
        UserError: the run cannot start, or failed for good.
    """
    import ray.data  # late: Ray comes with it

    from rayworks.common import cluster
    from rayworks.doggos import data

    moments = {"started": started}
    images = data.images(config)
    moments["data"] = time.time()
    ray.data.DataContext.get_current().enable_progress_bars = False

    def unregistered(result: dict[str, Any]) -> bool:
        return tracking.wanted() and result.get("registered") is None

    begin = begun(config, wants_more=unregistered)
    connected = cluster.connected(verbose=config.verbose, beside=1)
    with begin as (store, emit), connected:
        moments["connected"] = time.time()
        if images.left_out:
            why = "they lie in no folder of a class"
            emit({"event": "left_out", "images": images.left_out, "why": why})
        work = _Work(config, images, store, emit, moments)
        steps = Steps(store, emit)
        for name in STEPS:
            work.brought[name] = steps.run(name, getattr(work, name))
            if name == config.until:
                break
        if config.until == STEPS[-1]:
            if tracking.wanted():
                work.register(steps)
            _finish(config, work)
        return work.brought


class _Work:
    """The steps of one run: each returns what `Steps` keeps, and reads what those before it did."""

    def __init__(
        self, config: Config, images: Images, store: Store, emit: Emit, moments: dict[str, float]
    ) -> None:
        self.config, self.images, self.store, self.emit = config, images, store, emit
        self.moments = moments
        self.brought: dict[str, Any] = {}

    def embed(self) -> dict[str, Any]:
        """Embeddings of all images, in the cache."""
        from rayworks.doggos.embed import embed

        return embed(self.config, self.images.files, self.emit)

    def train(self) -> dict[str, Any]:
        """The classifier, in model.pt."""
        import ray

        from rayworks.doggos import saved, worker
        from rayworks.doggos.loop import Arrays

        _, train, train_labels = self._arrays("train")
        _, val, val_labels = self._arrays("val")
        arrays = Arrays((train, train_labels), (val, val_labels))
        settings = {
            "config": self.config,
            "arrays": ray.put(arrays),
            "classes": len(self.images.classes),
        }
        done = fit(self.config, self.store, worker.on_ray, settings, self.emit, self.moments)
        assert isinstance(done, worker.Outcome)  # noqa: S101 - what on_ray returns
        self.moments |= done.moments
        best = min(done.history, key=lambda epoch: epoch["val_loss"])
        metadata = saved.Metadata(
            classes=self.images.classes,
            clip=self.config.model,
            embedding=train.shape[1],
            hidden=self.config.hidden,
            epoch=best["epoch"],
        )
        saved.save(self.store, metadata, done.best)
        return {
            "best_epoch": best["epoch"],
            "val_loss": best["val_loss"],
            "val_accuracy": best["val_accuracy"],
            "device": done.device,
            "history": done.history,
        }

    def infer(self) -> dict[str, Any]:
        """Predictions for the test images."""
        from rayworks.doggos.infer import infer

        return infer(self.config, *self._arrays("test"), self.store, self.emit)

    def evaluate(self) -> dict[str, Any]:
        """Scores of the predictions, and their confusion."""
        from rayworks.doggos import evaluate, infer

        labels, predictions = infer.read(self.store)
        scores = evaluate.scores(labels, predictions, self.images.classes)
        picture = evaluate.confusion(labels, predictions, self.images.classes)
        self.store.write("confusion-matrix.png", picture)
        return scores

    def register(self, steps: Steps) -> None:
        """The model in MLflow's registry; one that is away takes no result with it."""
        from rayworks.doggos import registry

        scores = {name: self.brought["evaluate"][name] for name in SCORES}

        def work() -> dict[str, Any]:
            return registry.register(self.store, self.config.workload, scores)

        try:
            self.brought["register"] = steps.run("register", work)
        except Exception as error:
            said = str(error).strip().splitlines() or [repr(error)]
            lacks = "has not registered the model, which the same command does"
            self.emit(
                {
                    "event": "mlflow",
                    "state": f"{lacks}: {said[-1][:200]}",
                    "where_it_is": self.store.path("model.pt"),
                }
            )

    def _arrays(self, split: str) -> tuple[list[str], NDArray[np.float32], NDArray[np.int64]]:
        """Paths, embeddings and labels of the images of a split that could be decoded."""
        import numpy as np

        from rayworks.common.errors import UserError
        from rayworks.doggos.embed import Cache

        digests = self.brought["embed"]["digests"]
        paths = [p for p, part in self.images.splits.items() if part == split and p in digests]
        paths.sort()
        rows, embeddings = Cache(self.config).read()
        if missing := [path for path in paths if digests[path] not in rows]:
            raise UserError(
                f"the embeddings of {len(missing)} images are gone, {missing[0]} among them",
                "--fresh embeds them again",
            )
        if not paths:
            raise UserError(f"no image for {split} can be decoded", "--data with more images")
        labels = np.array([self.images.labels[path] for path in paths], np.int64)
        return paths, embeddings[[rows[digests[path]] for path in paths]], labels


def _finish(config: Config, work: _Work) -> None:
    """result.json, last, and the learning curve."""
    embedded, trained, scores = (work.brought[step] for step in ("embed", "train", "evaluate"))
    registered = work.brought.get("register")
    result = {
        **report.result(
            config, trained["history"], trained["device"], work.moments,
            **{name: scores[name] for name in SCORES},
            images=embedded["images"],
            corrupt_images=embedded["corrupt"],
        ),
        "best_epoch": trained["best_epoch"],
        "classes": scores["classes"],
        "registered": registered and {key: registered[key] for key in ("model", "version")},
        "steps": {name: step["seconds"] for name, step in work.brought.items()},
    }  # fmt: skip
    title = f"{config.run_name}: test accuracy {scores['accuracy']:.3f}"
    work.store.write("learning-curve.png", report.curve(title, trained["history"], PANELS))
    work.store.write_json("result.json", result)
    work.emit(
        {
            "event": "result",
            **{name: scores[name] for name in SCORES},
            "seconds": result["timings"]["total"],
            "path": work.store.path("result.json"),
        }
    )
