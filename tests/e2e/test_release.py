"""A release by `make release-dry-run`: into a registry here, and from it into the cluster."""

from __future__ import annotations

import pytest
from support import Deployed, make

pytestmark = pytest.mark.full


def test_a_release_is_published_once_and_installs_from_the_registry(deployed: Deployed) -> None:
    make("remove", "WORKLOAD=fashion-mnist")  # a small machine has room for one
    done = make("release-dry-run", timeout=5400)
    assert done.returncode == 0
    for said in (
        "refused a chart that was tampered with",
        "refused a published version with another content",
        "refused an image that was tampered with",
        "ray-job SUCCEEDED",
    ):
        assert said in done.stdout
