"""A worker is lost in each training, on a Ray of its own: the numbers are those of no loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from running import numbers, starter, worker_killed

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]

#: Workload, options, and the epoch (a trial's, in the search) after which a worker is killed: up to
#: half a second later, when that has been told.
TRAININGS: list[Any] = [
    ("fashion-mnist", ("--dataset", "digits", "--epochs", 20), 5),
    pytest.param(
        *("mnist", ("train", "--dataset", "digits", "--epochs", 8), 3), marks=pytest.mark.full
    ),
    pytest.param(
        *("pytorch-benchmark", ("--images", 3000, "--epochs", 20, "--num-workers", 2), 5),
        marks=pytest.mark.full,
    ),
    pytest.param(
        *("tune-fashion-mnist", ("--dataset", "digits", "--trials", 4, "--epochs", 12), 4),
        marks=pytest.mark.full,
    ),
    pytest.param(
        "fine-tune",
        (
            *("--model", "tiny", "--dataset", "pydoc", "--block-size", 64, "--num-workers", 2),
            *("--batch-size", 64, "--micro-batch-size", 32, "--epochs", 4),
        ),
        2,
        marks=pytest.mark.full,
    ),
    pytest.param(
        "doggos",
        (
            *("--data", "generated", "--generated-images", 160, "--model", "tiny"),
            *("--batch-size", 32, "--epochs", 40),
        ),
        2,
        marks=pytest.mark.full,
    ),
    pytest.param(
        "image-training",
        (
            *("--data-uri", "generated", "--data-size-gb", 0.0007, "--weights", "none"),
            *("--batch-size", 8, "--num-epochs", 4),
        ),
        2,
        marks=pytest.mark.full,
    ),
    pytest.param(
        *("xgboost-benchmark", ("--data-size-gb", 0.01, "--rounds", 20), 5), marks=pytest.mark.full
    ),
]


@pytest.mark.parametrize(
    ("workload", "options", "epoch"), TRAININGS, ids=lambda v: v if isinstance(v, str) else ""
)
def test_a_killed_worker_changes_no_number_and_costs_at_most_one_epoch(
    tmp_path: Path, workload: str, options: tuple[object, ...], epoch: int
) -> None:
    with starter(workload, *options, "--storage-path", tmp_path) as start:
        killed = worker_killed(start, lambda event: event.get("epoch") == epoch)
    assert numbers(killed.result) == pytest.approx(numbers(killed.undisturbed), rel=1e-4)
    assert killed.told_again <= 1
    if workload != "tune-fashion-mnist":  # whose trials come back without a word
        assert killed.resumed
        assert killed.resumed[0] >= epoch - 1
