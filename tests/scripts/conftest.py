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
