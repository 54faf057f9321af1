"""What ray-service renders, before Ray Serve's own checks."""

from __future__ import annotations

import pytest
import yaml
from ray.serve.schema import ServeDeploySchema

from charts.check import Rendering, renderings

SERVICES = [one for one in renderings() if one.chart == "ray-service"]


@pytest.mark.parametrize("service", SERVICES, ids=lambda one: one.title)
def test_serve_takes_the_configuration(service: Rendering) -> None:
    (config,) = (
        yaml.safe_load(one["spec"]["serveConfigV2"])
        for one in yaml.safe_load_all(service.text())
        if one and one["kind"] == "RayService"
    )
    taken = ServeDeploySchema.model_validate(config)
    assert taken.http_options.port == 8000
    # Serve drops what it does not know without a word: nothing may be lost on the way.
    known = taken.model_dump(exclude_unset=True, mode="json")
    assert known == config


def test_scenarios_and_workloads_are_among_them() -> None:
    titles = {service.title for service in SERVICES}
    assert {"ray-service, scenario several", "hello-service on local"} <= titles
