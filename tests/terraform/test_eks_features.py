"""Each feature of the samples for AWS, by what Terraform would make: eks-features.csv."""

from __future__ import annotations

import json

import cloud_features
import pytest
from eks_runs import plans

ROWS = cloud_features.rows("eks")

#: Folders of the sources that have a part on AWS; `beyond` is what none of them has.
SOURCES = {"2", "4", "beyond"}


def test_every_source_is_there() -> None:
    assert {row["source"] for row in ROWS} == SOURCES


@pytest.mark.cloud
@pytest.mark.parametrize("row", ROWS, ids=cloud_features.names(ROWS))
def test_feature(row: dict[str, str]) -> None:
    found = cloud_features.found("eks", plans, row)
    assert found == json.loads(row["value"])
