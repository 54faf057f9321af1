"""Each feature of the samples for Azure, by what Terraform would make: aks-features.csv."""

from __future__ import annotations

import json

import cloud_features
import pytest
from aks_runs import runs

ROWS = cloud_features.rows("aks")

#: Folders of the sources that have a part on Azure; `beyond` is what none of them has.
SOURCES = {"0", "1", "3", "beyond"}


def test_every_source_is_there() -> None:
    assert {row["source"] for row in ROWS} == SOURCES


@pytest.mark.cloud
@pytest.mark.parametrize("row", ROWS, ids=cloud_features.names(ROWS))
def test_feature(row: dict[str, str]) -> None:
    found = cloud_features.found("aks", runs, row)
    assert found == json.loads(row["value"])


@pytest.mark.cloud
@pytest.mark.parametrize("scenario", ["defaults", "everything"])
def test_all_that_has_tags_has_the_deployments(scenario: str) -> None:
    untagged = [
        address
        for address, values in runs()[scenario].resources.items()
        if "tags" in values and (values["tags"] or {}).get("rayworks-deployment") != "rayworks"
    ]
    assert untagged == []


@pytest.mark.cloud
def test_no_output_is_a_secret() -> None:
    for run in ("made", "made_with_everything"):
        text = json.dumps(runs()[run].outputs)
        redis = [
            key
            for address, values in runs()[run].resources.items()
            if "managed_redis" in address
            for key in (
                values["default_database"][0].get("primary_access_key"),
                values["default_database"][0].get("secondary_access_key"),
            )
            if key
        ]
        assert not [key for key in redis if key in text]
