from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from rayworks.classifier.config import Config
from rayworks.common import cluster
from rayworks.common.errors import UserError


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"dataset": "cifar"},
            "--dataset cifar is not one of fashion-mnist, mnist, digits, generated",
        ),
        ({"epochs": 0}, "--epochs 0 must be at least 1"),
        ({"epochs": -3}, "--epochs -3 must be at least 1"),
        ({"batch_size": 0}, "--batch-size 0 must be at least 1"),
        ({"cpus_per_worker": 0}, "--cpus-per-worker 0 must be at least 1"),
        ({"num_workers": -1}, "--num-workers -1 must not be negative"),
        ({"min_workers": 3}, "--min-workers 3 must be from 1 to --num-workers, 0"),
        ({"dropout": 1.0}, "--dropout 1.0 must be from 0 to less than 1"),
        ({"seed": -1}, "--seed -1 must not be negative"),
        ({"max_failures": -1}, "--max-failures -1 must not be negative"),
        ({"placement_timeout": -1.0}, "--placement-timeout -1.0 must not be negative"),
        ({"lr": 0.0}, "--lr 0.0 must be a positive number"),
        ({"lr": float("nan")}, "--lr nan must be a positive number"),
        ({"run_name": "../x"}, "--run-name ../x must be letters, digits, dots and dashes"),
        ({"use_gpu": True}, "--use-gpu needs a Ray worker"),
    ],
)
def test_refuses(config: Config, change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        dataclasses.replace(config, **change)
    assert caught.value.message == message
    assert caught.value.hint


def test_a_batch_is_shared_evenly(config: Config) -> None:
    with pytest.raises(UserError, match="--batch-size 32 cannot be shared evenly by 3") as caught:
        dataclasses.replace(config, num_workers=3)
    assert caught.value.hint == "--batch-size 33"
    assert dataclasses.replace(config, num_workers=3, batch_size=33).world_size == 3


def test_a_batch_is_shared_evenly_by_any_number_of_elastic_workers(config: Config) -> None:
    with pytest.raises(UserError, match="32 cannot be shared evenly by 2 to 4 workers") as caught:
        dataclasses.replace(config, num_workers=4, min_workers=2)
    assert caught.value.hint == "--batch-size 36"
    assert dataclasses.replace(config, num_workers=4, min_workers=2, batch_size=36).world_size == 4


def test_a_worker_reserves_what_it_is_told(config: Config) -> None:
    worker = dataclasses.replace(config, num_workers=2, cpus_per_worker=3, use_gpu=True)
    assert worker.resources == {"CPU": 3.0, "GPU": 1.0}


@pytest.mark.parametrize(
    ("workers", "there", "cluster_address", "used"),
    [(1, 1, None, True), (2, 1, None, False), (2, 4, None, True), (1, 0, None, False),
     (0, 1, None, False), (1, 1, "auto", False)],
)  # fmt: skip
def test_a_ray_of_our_own_uses_gpus_where_there_is_one_for_each_worker(
    config: Config,
    monkeypatch: pytest.MonkeyPatch,
    workers: int,
    there: int,
    cluster_address: str | None,
    used: bool,
) -> None:
    monkeypatch.setattr(cluster, "gpus", lambda: there)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if cluster_address:
        monkeypatch.setenv("RAY_ADDRESS", cluster_address)
    told = dataclasses.replace(config, num_workers=workers, use_gpu=None)
    assert told.use_gpu is used
    assert told.configuration["use_gpu"] is used
    for no in (False, True) if workers else (False,):
        assert dataclasses.replace(told, use_gpu=no).use_gpu is no


def test_where_and_how_a_run_is_made_does_not_change_its_settings(config: Config) -> None:
    elsewhere = dataclasses.replace(config, num_workers=2, cpus_per_worker=4, run_name="other")
    assert elsewhere.settings == config.settings
    assert dataclasses.replace(config, lr=0.1).settings != config.settings
