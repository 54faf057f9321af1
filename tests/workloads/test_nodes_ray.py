"""A training on a cluster of several nodes, processes of this machine, that come and go."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ray.cluster_utils import Cluster
from running import Start, events, starter

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

#: Seconds after which a node that does not answer is lost.
LOST = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 1000}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A head with a CPU; each node that is added has one, too."""
    # short: the paths of Ray's sockets lie under it
    with tempfile.TemporaryDirectory(prefix="ray-") as folder:
        monkeypatch.setenv("RAY_TMPDIR", folder)
        cluster = Cluster()
        try:
            cluster.add_node(num_cpus=1, include_dashboard=False, _system_config=LOST)
            yield cluster
        finally:
            cluster.shutdown()


@pytest.fixture
def start(cluster: Cluster, tmp_path: Path) -> Iterator[Start]:
    """Start `rayworks fashion-mnist` with the digits on that cluster."""
    options = ("--dataset", "digits", "--storage-path", tmp_path)
    with starter("fashion-mnist", *options) as begin:
        yield lambda *more, **env: begin(*more, RAY_ADDRESS=cluster.address, **env)


def after_epoch(number: int) -> Any:
    return lambda event: event["event"] == "epoch" and event["epoch"] == number


def test_a_cluster_gets_its_time_to_find_room_and_no_more(start: Start) -> None:
    process = start("--num-workers", 9, "--batch-size", 36, "--placement-timeout", 4)
    said, errors = process.communicate(timeout=200)
    assert process.returncode == 1
    assert '"event": "waiting", "for": "9 workers with 1 CPU each"' in said
    error = "error: 9 workers with 1 CPU each do not fit: the cluster has 1 CPU (1 CPU free)"
    assert errors.splitlines()[-2] == error
    assert "Traceback" not in errors


@pytest.mark.full
def test_a_lost_worker_that_finds_no_room_ends_the_run(start: Start, cluster: Cluster) -> None:
    second = cluster.add_node(num_cpus=1)
    process = start("--epochs", 400, "--placement-timeout", 12)
    events(process, after_epoch(2))
    cluster.remove_node(second, allow_graceful=False)
    seen = events(process, lambda event: False)
    assert process.wait(timeout=60) == 1
    waited = [event["for"] for event in seen if event["event"] == "waiting"]
    assert waited == ["2 workers with 1 CPU each"]
    errors = process.stderr.read() if process.stderr else ""
    assert "error: 2 workers with 1 CPU each do not fit: the cluster has 1 CPU" in errors
    assert "try:   fewer --num-workers" in errors

    cluster.add_node(num_cpus=1)
    again = start("--epochs", 400, "--placement-timeout", 12)
    *_, resumed = events(again, lambda event: event["event"] == "resumed")
    assert resumed["after_epoch"] >= 1


@pytest.mark.full
def test_a_node_that_is_taken_away_is_no_failure(start: Start, cluster: Cluster) -> None:
    second = cluster.add_node(num_cpus=1)
    process = start(
        "--epochs", 100, "--max-failures", 0, RAY_TRAIN_PREEMPTION_POLL_INTERVAL_S="0.5"
    )
    events(process, after_epoch(2))
    cluster.add_node(num_cpus=1)
    drain = [
        Path(sys.executable).with_name("ray"), "drain-node", "--address", cluster.address,
        "--node-id", second.node_id, "--reason", "DRAIN_NODE_REASON_PREEMPTION",
        "--reason-message", "a spot node", "--deadline-remaining-seconds", "5",
    ]  # fmt: skip
    subprocess.run(drain, check=True)
    assert events(process, lambda event: event["event"] == "resumed")[-1]["event"] == "resumed"
    cluster.remove_node(second, allow_graceful=False)
    seen = events(process, lambda event: event["event"] == "result")
    assert process.wait(timeout=60) == 0
    assert not [event for event in seen if event["event"] == "resumed"], "nothing was lost then"


@pytest.mark.full
def test_an_elastic_training_shrinks_with_its_nodes_and_grows_again(
    start: Start, cluster: Cluster
) -> None:
    def workers() -> int:
        """How many begin, now or again."""
        *_, first = events(process, lambda event: event["event"] == "first_step")
        events(process, after_epoch(first["epoch"] + 1))
        return int(first["world_size"])

    second = cluster.add_node(num_cpus=1)
    process = start("--num-workers", 2, "--min-workers", 1, "--epochs", 5000)
    assert workers() == 2
    cluster.remove_node(second, allow_graceful=False)
    assert workers() == 1
    cluster.add_node(num_cpus=1)
    assert workers() == 2
