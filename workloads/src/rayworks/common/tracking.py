"""Each epoch's numbers: to a file always, and to MLflow when MLFLOW_TRACKING_URI is set.

A training is one run of MLflow, also when it is started again: its id lies beside the checkpoints.
The server may be away: training goes on, and what it missed is logged when it is back, or when the
same command is started again. Credentials are MLflow's own variables, MLFLOW_TRACKING_USERNAME and
MLFLOW_TRACKING_PASSWORD or _TOKEN.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import uuid
from types import TracebackType
from typing import Any, Self

from rayworks.common.errors import UserError
from rayworks.common.progress import Emit, Event
from rayworks.common.storage import Store

METRICS = "metrics.json"
MLFLOW = "mlflow.json"

#: MLflow's tag by which a run is found whose id was lost on its way here.
TAG = "rayworks_run"

#: Seconds between two attempts to reach the server.
RETRY = 5.0

#: Seconds that a server which is away gets to come back after the training's end.
PATIENCE = 30.0


class Tracking:
    """The numbers of one training.

    Args:
        store: the run's folder.
        experiment: MLflow's experiment: the workload's name.
        name: MLflow's name of the run.
        emit: is told when the server or the file cannot be reached, and when it can be again.
    """

    def __init__(self, store: Store, experiment: str, name: str, emit: Emit) -> None:
        self._store = store
        self._epochs: dict[int, Event] = {
            numbers["epoch"]: numbers for numbers in store.read_json(METRICS) or []
        }
        self._server = _Server(store, experiment, name) if wanted() else None
        self._emit = emit
        self._changed = threading.Condition()
        self._parameters: dict[str, Any] = {}
        self._over = False
        self._given_up = threading.Event()
        self._unsaved: UserError | None = None
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        if self._server:
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write and log what is missing, the latter for as long as PATIENCE allows.

        Raises:
            UserError: the file still cannot be written.
        """
        if self._unsaved:
            self._save()
        with self._changed:
            self._over = True
            self._changed.notify()
        if self._server:
            self._thread.join(timeout=PATIENCE)
            self._given_up.set()
            if missing := self._missing():
                self._emit(
                    {
                        "event": "mlflow",
                        "state": f"did not get {len(missing)} epochs; the same command logs them",
                        "where_they_are": self._store.path(METRICS),
                    }
                )
            else:
                status = "FAILED" if error else "FINISHED"
                with contextlib.suppress(Exception):  # all that counts is there
                    self._server.finish("KILLED" if kind is KeyboardInterrupt else status)
        if self._unsaved and error is None:
            raise self._unsaved

    def parameters(self, values: dict[str, Any]) -> None:
        """Log settings, beside those that are logged."""
        with self._changed:
            self._parameters = {**self._parameters, **values}
            self._changed.notify()

    def epoch(self, event: Event) -> None:
        """Keep an epoch's numbers: all that are numbers in the event, by its `epoch`."""
        numbers = {k: v for k, v in event.items() if isinstance(v, int | float)}
        with self._changed:
            self._epochs[int(event["epoch"])] = numbers
            self._changed.notify()
        self._save()

    def _save(self) -> None:
        """Write the file; where that fails, the next epoch's numbers take these along."""
        try:
            self._store.write_json(METRICS, [self._epochs[n] for n in sorted(self._epochs)])
        except UserError as error:
            if not self._unsaved:
                self._emit({"event": "metrics", "state": f"not written: {error.message}"})
            self._unsaved = error
            return
        if self._unsaved:
            self._emit({"event": "metrics", "state": "written, with all epochs"})
        self._unsaved = None

    def _missing(self) -> list[Event]:
        assert self._server is not None  # noqa: S101 - only called where there is one
        with self._changed:
            return [self._epochs[n] for n in sorted(self._epochs) if n > self._server.logged]

    def _follow(self) -> None:
        """Log what there is, again and again, until it is over and nothing is missing."""
        assert self._server is not None  # noqa: S101 - only started where there is one
        away = False
        while True:
            with self._changed:
                parameters, over = self._parameters, self._over
            try:
                self._server.log(parameters, self._missing())
            except Exception as error:
                if not away:
                    said = str(error).strip().splitlines() or [repr(error)]
                    why = "" if isinstance(error, UserError) else "cannot be reached; "
                    self._tell(f"{why}training goes on: {said[-1][:200]}")
                away = True
                if self._given_up.wait(1.0 if over else RETRY):
                    return
                continue
            if away:
                self._tell("is back, and has all epochs")
                away = False
            with self._changed:
                if self._over and over:
                    return
                if not self._over:
                    self._changed.wait(timeout=RETRY)

    def _tell(self, state: str) -> None:
        with contextlib.suppress(OSError):  # who cannot be told has the numbers all the same
            self._emit(
                {"event": "mlflow", "state": state, "uri": os.environ.get("MLFLOW_TRACKING_URI")}
            )


class _Server:
    """MLflow's, with one run in it."""

    def __init__(self, store: Store, experiment: str, name: str) -> None:
        # A server that is away must not hold anything up for minutes, as it would by default.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        # Its link would stand among the events on stdout.
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
        self._store, self._experiment, self._name = store, experiment, name
        known = store.read_json(MLFLOW) or {}
        self._run: str | None = known.get("run_id")
        self._token: str = known.get("token") or uuid.uuid4().hex
        self._going_on = self._run is not None
        self._parameters: dict[str, Any] = {}
        self.logged: int = known.get("logged", 0)
        """The last epoch that the server has."""

    def log(self, parameters: dict[str, Any], epochs: list[Event]) -> None:
        """Log what the server lacks; an exception of MLflow's client when it cannot be reached."""
        if not self._run:
            self._remember()  # before there is a run: this may be as far as it gets
            self._run = self._create()
            self._remember()
        if self._going_on:
            self._client().update_run(self._run, status="RUNNING")
            self._going_on = False
        if new := {k: v for k, v in parameters.items() if k not in self._parameters}:
            from mlflow.entities import Param

            params = [Param(key, str(value)) for key, value in new.items()]
            self._client().log_batch(self._run, params=params)
            self._parameters |= new
        for numbers in epochs:
            from mlflow.entities import Metric

            now = int(time.time() * 1000)
            step = int(numbers["epoch"])
            metrics = [
                Metric(key, float(value), now, step)
                for key, value in numbers.items()
                if key not in {"epoch", "epochs"}
            ]
            self._client().log_batch(self._run, metrics=metrics)
            self.logged = step
            self._remember()

    def finish(self, status: str) -> None:
        """Mark the run as ended; it goes on when the training does."""
        if self._run:
            self._client().set_terminated(self._run, status)

    def _create(self) -> str:
        """A run, unless an attempt whose answer did not come has made it."""
        client = self._client()
        experiment = client.get_experiment_by_name(self._experiment)
        number = (
            experiment.experiment_id if experiment else client.create_experiment(self._experiment)
        )
        found = client.search_runs([number], f"tags.{TAG} = '{self._token}'", max_results=1)
        if not found:
            found = [client.create_run(number, run_name=self._name, tags={TAG: self._token})]
        return str(found[0].info.run_id)

    def _remember(self) -> None:
        known = {"run_id": self._run, "token": self._token, "logged": self.logged}
        self._store.write_json(MLFLOW, known)

    def _client(self) -> Any:
        from mlflow import MlflowClient

        return MlflowClient()


def wanted() -> bool:
    """Whether there is a server to log to."""
    return bool(os.environ.get("MLFLOW_TRACKING_URI"))


def lacks(store: Store) -> bool:
    """Whether the server, if there is one now, has not got all epochs that it was to get."""
    known, epochs = store.read_json(MLFLOW), store.read_json(METRICS)
    if not (wanted() and known and epochs):
        return False
    return bool(known["logged"] < epochs[-1]["epoch"])
