"""Each epoch's numbers reach the file and MLflow's real server, also when that was away."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow_server import Server

from rayworks.common import tracking
from rayworks.common.storage import Store
from rayworks.common.tracking import Tracking

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
    assert states(events)[-1] == "did not get 1 epochs"
    assert events[-1]["where_they_are"] == store.path("metrics.json")
    assert store.read_json("metrics.json") == [{"epoch": 1, "epochs": 5, "loss": 1.0}]
