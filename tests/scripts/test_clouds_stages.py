"""Deployments to Azure and AWS in a world of fakes: whole, interrupted, failing, destroyed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cloud_world import World

Make = Callable[[str], World]


@pytest.mark.parametrize("cloud", ["aks", "eks"])
def test_from_an_account_to_a_finished_job_and_back(world: Make, cloud: str) -> None:
    there = world(cloud)
    done = there.deploy()
    print(done.stdout, done.stderr)
    assert done.returncode == 0
