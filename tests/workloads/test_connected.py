"""The way to Ray, without one."""

from __future__ import annotations

import os

import pytest

from rayworks.common import cluster
from rayworks.common.errors import UserError


@pytest.mark.parametrize(("variables", "watched"), [({}, False), ({"RAY_ADDRESS": "x:1"}, True)])
def test_only_a_cluster_is_watched_for_nodes_that_are_taken_away(
    variables: dict[str, str], watched: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER"
    monkeypatch.setattr("os.environ", {"PATH": os.environ["PATH"], **variables})

    def init(**_: object) -> None:
        raise ConnectionError("none here")

    monkeypatch.setattr(cluster.ray, "init", init)
    with pytest.raises(UserError, match="none here"), cluster.connected(verbose=False):
        pass
    assert (os.environ.get(name, "1") != "0") == watched
