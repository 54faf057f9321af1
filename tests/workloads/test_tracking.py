"""Each epoch's numbers reach the file and MLflow's real server, also when that was away."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow_server import Server

from rayworks.classifier.config import Config
from rayworks.common import tracking
from rayworks.common.storage import Store
from rayworks.common.tracking import Tracking
from rayworks.common.training import begun

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

Event = dict[str, Any]


@pytest.fixture
def server(
    mlflow_python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    """The server, running."""
    monkeypatch.setattr(tracking, "RETRY", 0.2)
    monkeypatch.setattr(tracking, "PATIENCE", 60.0)
    server = Server(mlflow_python, tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def until(condition: Callable[[], object], what: str) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    pytest.fail(what)


def numbers(epoch: int) -> Event:
    return {"event": "epoch", "epoch": epoch, "epochs": 5, "loss": 1 / epoch, "note": "a word"}


def states(events: list[Event]) -> list[str]:
    return [event["state"] for event in events if event["event"] == "mlflow"]


def test_a_server_that_is_away_gets_all_when_it_is_back(server: Server, tmp_path: Path) -> None:
    store = Store(str(tmp_path / "run"))
    events: list[Event] = []
    with Tracking(store, "digits", "first", events.append) as tracked:
        tracked.parameters({"lr": 0.1})
        tracked.epoch(numbers(1))
        until(lambda: (store.read_json("mlflow.json") or {}).get("logged") == 1, "epoch 1")
        server.kill()
        tracked.epoch(numbers(2))
        tracked.epoch(numbers(3))
        until(lambda: states(events), "a word that the server is away")
        assert "cannot be reached; training goes on" in states(events)[0]
        server.start()
    with Tracking(store, "digits", "first", events.append) as again:  # as after a restart
        again.parameters({"lr": 0.1})
        again.epoch(numbers(4))
    assert states(events)[1:] == ["is back, and has all epochs"]
    assert [kept["epoch"] for kept in store.read_json("metrics.json") or []] == [1, 2, 3, 4]

    client = MlflowClient()
    experiment = client.get_experiment_by_name("digits")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_name == "first"
    assert run.info.status == "FINISHED"
    assert run.data.params == {"lr": "0.1"}
    history = client.get_metric_history(run.info.run_id, "loss")
    assert [(kept.step, kept.value) for kept in history] == [(n, 1 / n) for n in range(1, 5)]
    assert set(run.data.metrics) == {"loss"}


def test_a_server_that_stays_away_loses_nothing(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.kill()
    monkeypatch.setattr(tracking, "PATIENCE", 2.0)
    store = Store(str(tmp_path / "run"))
    events: list[Event] = []
    with Tracking(store, "digits", "first", events.append) as tracked:
        tracked.epoch(numbers(1))
    assert states(events)[-1] == "did not get 1 epochs; the same command logs them"
    assert events[-1]["where_they_are"] == store.path("metrics.json")
    assert store.read_json("metrics.json") == [{"epoch": 1, "epochs": 5, "loss": 1.0}]


def only_run(experiment: str) -> Any:
    client = MlflowClient()
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    (run,) = client.search_runs([found.experiment_id])
    return run


class FailedError(Exception):
    """As when a training fails for good."""


def test_a_run_that_fails_is_ended_as_failed_and_goes_on_as_running(
    server: Server, config: Config
) -> None:
    def fail() -> None:
        with begun(config) as (_, emit):
            emit(numbers(1))
            raise FailedError

    with pytest.raises(FailedError):
        fail()
    failed = only_run("fashion-mnist")
    assert failed.info.status == "FAILED"
    with begun(config) as (store, emit):
        emit(numbers(2))
        until(lambda: (store.read_json("mlflow.json") or {})["logged"] == 2, "epoch 2")
        assert only_run("fashion-mnist").info.status == "RUNNING"
    finished = only_run("fashion-mnist")
    assert finished.info.run_id == failed.info.run_id
    assert finished.info.status == "FINISHED"


def test_settings_that_a_run_finds_are_logged_beside_its_own(
    server: Server, config: Config
) -> None:
    with begun(config) as (_, emit):
        until(lambda: only_run_or_none("fashion-mnist"), "the run")
        emit({"event": "chosen", "lr": 0.3, "batch_size": 64})
    params = only_run("fashion-mnist").data.params
    assert (params["lr"], params["best_lr"], params["best_batch_size"]) == ("0.05", "0.3", "64")


def only_run_or_none(experiment: str) -> Any:
    found = MlflowClient().get_experiment_by_name(experiment)
    return found and MlflowClient().search_runs([found.experiment_id])


def test_a_run_whose_id_was_lost_on_its_way_is_found_again(server: Server, tmp_path: Path) -> None:
    store = Store(str(tmp_path / "run"))
    with Tracking(store, "digits", "first", lambda event: None) as tracked:
        tracked.epoch(numbers(1))
    known = store.read_json("mlflow.json") or {}
    store.write_json("mlflow.json", {"token": known["token"], "run_id": None, "logged": 0})
    with Tracking(store, "digits", "first", lambda event: None) as tracked:
        tracked.epoch(numbers(2))
    assert only_run("digits").info.run_id == known["run_id"]
    assert store.read_json("mlflow.json") == {**known, "logged": 2}
