"""Worlds for the tests of deployments to clouds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cloud_world import World


@pytest.fixture
def world(tmp_path: Path) -> Callable[[str], World]:
    """What makes a world for a place of this name."""

    def make(cloud: str) -> World:
        found = World(tmp_path / "world", cloud, tmp_path / "project")
        found.make()
        return found

    return make


@pytest.fixture(scope="session")
def _finished(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A deployment to AKS that is done, to be copied."""
    folder = tmp_path_factory.mktemp("finished")
    found = World(folder / "world", "aks", folder / "project")
    found.make()
    done = found.deploy()
    assert done.returncode == 0, done.stderr
    found.calls()
    return found


@pytest.fixture
def deployed(_finished: World, tmp_path: Path) -> World:
    """A deployment to AKS that is done."""
    return _finished.copy(tmp_path)
