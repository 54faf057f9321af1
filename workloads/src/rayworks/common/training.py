"""One training: its folder, its workers, and what it tells.

What a run leaves under its storage path, in a folder of its name:

run.json            the settings that it was begun with, and its whole configuration
checkpoints/        the newest states; gone on from when the same run is started again
metrics.json        each epoch's numbers, up to now
steps.json          which steps are done, where a run has several
result.json         written last: the numbers that count, those of each epoch, timings, versions
learning-curve.png
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rayworks.common import report
from rayworks.common.errors import UserError, told
from rayworks.common.progress import Emit, at_terminal, reporter
from rayworks.common.run import Run
from rayworks.common.steps import STEPS
from rayworks.common.storage import Store
from rayworks.common.tracking import Tracking, lacks

if TYPE_CHECKING:
    import ray.data
    from ray.train.backend import BackendConfig

CHECKPOINTS = "checkpoints"


@contextmanager
def begun(
    run: Run, *, wants_more: Callable[[dict[str, Any]], bool] = lambda result: False
) -> Iterator[tuple[Store, Emit]]:
    """The run's folder and the way to tell of it, from its first event to its last.

    What an unfinished run of the same settings has reached is left; else the folder is cleared.
    Epochs told (`{"event": "epoch", "epoch": …}`) go to metrics.json, and to MLflow when
    MLFLOW_TRACKING_URI is set. So do settings that it has found (`{"event": "chosen", …}`).

    Args:
        run: the run.
        wants_more: whether a result.json lacks something that is asked for now: it is then of a
            run that has not finished, as is one of whose epochs MLflow lacks some.

    Raises:
        UserError: nothing can be written there.
    """
    store = Store(run.folder)
    same = (store.read_json(report.RUN) or {}).get("settings") == run.settings
    result = store.read_json("result.json")
    finished = result is not None and not wants_more(result) and not lacks(store)
    if run.fresh or not same or finished:
        for name in (CHECKPOINTS, STEPS, "metrics.json", "mlflow.json", "result.json"):
            store.delete(name)
        store.delete("learning-curve.png")
    with reporter() as screen, Tracking(store, run.workload, run.run_name, screen.emit) as tracking:
        report.configured(run, store, screen.emit)
        tracking.parameters(run.settings)

        def emit(event: dict[str, Any]) -> None:
            # Kept before it is told: whoever has heard of an epoch finds it in metrics.json.
            if event["event"] == "epoch":
                tracking.epoch(event)
            if event["event"] == "chosen":
                found = {f"best_{name}": value for name, value in event.items() if name != "event"}
                tracking.parameters(found)
            screen.emit(event)

        yield store, emit


def fit(
    run: Run,
    store: Store,
    loop: Callable[[dict[str, Any]], Any],
    settings: dict[str, Any],
    emit: Emit,
    moments: dict[str, float],
    *,
    datasets: Mapping[str, ray.data.Dataset] | None = None,
    backend: BackendConfig | None = None,
) -> Any:
    """Run the loop on Ray's workers; lost ones are replaced, and go on from the last checkpoint.

    They get run.placement_timeout to find room, at the start and each time that some are lost.
    Within `cluster.connected`.

    Args:
        run: how many workers, with what.
        store: the run's folder.
        loop: what each worker calls with the settings, with "ear": the name for `cluster.tell`,
            and with "watched": whether anyone sees it tell of steps.
        settings: what the loop is given.
        emit: hears what the workers tell.
        moments: gets the Unix time at which there was room for the workers.
        datasets: shared out among the workers, by name.
        backend: what joins the workers, where the loop does not do so itself.

    Returns:
        What rank 0's loop returned.

    Raises:
        UserError: the workers do not fit, or the training failed for good.
    """
    from ray.train import (
        CheckpointConfig,
        ControllerError,
        FailureConfig,
        RunConfig,
        ScalingConfig,
        TrainingFailedError,
    )

    from rayworks.common import cluster
    from rayworks.common.patience import NoRoomError, Patience
    from rayworks.common.trainer import Trainer

    least = run.min_workers or run.num_workers
    # The type is that of Ray's older interface, which knows no elastic number.
    workers: Any = run.num_workers if least == run.num_workers else (least, run.num_workers)
    # Ray Data's tasks run beside the workers, and would wait for ever for a CPU.
    beside = [cluster.DATA_TASK] if datasets else []
    cluster.check_placeable(least, run.resources, run.placement_timeout, emit, beside=beside)
    moments["placeable"] = time.time()
    wanted = cluster.in_words(least, run.resources)
    with cluster.heard(emit) as ear:
        # Ray's types know the callbacks of its older interface only.
        patience: Any = Patience(run.placement_timeout, ear, wanted)
        trainer = Trainer(
            loop,
            train_loop_config={**settings, "ear": ear, "watched": at_terminal()},
            scaling_config=ScalingConfig(
                num_workers=workers,
                use_gpu=bool(run.use_gpu),
                resources_per_worker=run.resources,
            ),
            run_config=RunConfig(
                name=CHECKPOINTS,
                storage_path=store.uri,
                failure_config=FailureConfig(max_failures=run.max_failures),
                checkpoint_config=CheckpointConfig(num_to_keep=2),
                callbacks=[patience],
            ),
            datasets=dict(datasets or {}),
            backend_config=backend,
        )
        try:
            result: Any = trainer.fit()
        except TrainingFailedError as error:
            if isinstance(error, ControllerError) and isinstance(
                error.controller_failure, NoRoomError
            ):
                raise cluster.too_few(wanted, run.resources) from error
            raise UserError(
                f"training failed: {_reason(error)}", "--verbose shows what Ray logs"
            ) from error
        except KeyboardInterrupt as error:
            raise UserError(
                "the run was stopped before its end", "the same command goes on from there"
            ) from error
    return result.return_value


def _reason(error: Exception) -> str:
    """The first worker's exception, or the controller's, in a line; a UserError before others."""
    failures = getattr(error, "worker_failures", None) or {0: error}
    ordered = sorted(failures.items())
    if own := [said for _, cause in ordered if (said := told(cause))]:
        return own[0]
    rank, cause = ordered[0]
    inner = getattr(cause, "cause", None) or cause
    lines = [line for line in str(inner).strip().splitlines() if line.strip()] or [repr(inner)]
    return f"rank {rank}: {lines[-1].strip()}"
