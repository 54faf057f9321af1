"""The chooser of machines: its two bounds, what it says, and prices."""

from __future__ import annotations

from typing import Any

import pytest

from clouds import cost, size
from clouds.plan import Nodes
from lib.errors import UserError

MACHINES: dict[str, dict[str, Any]] = {
    "one": {"vcpus": 24, "gpus": 1, "gpu": "A100", "gpu_memory_gib": 80},
    "eight": {"vcpus": 96, "gpus": 8, "gpu": "A100", "gpu_memory_gib": 80},
    "old": {"vcpus": 8, "gpus": 4, "gpu": "V100", "gpu_memory_gib": 16, "retired": "2025-09-30"},
    "none": {"vcpus": 8, "gpus": 0, "gpu": "", "gpu_memory_gib": 0},
}
PRICES = {"one": 4.0, "eight": 30.0}

SIZES, LISTED = cost.sizes, cost.listed


@pytest.fixture(autouse=True)
def _table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "sizes", lambda provider: MACHINES)
    monkeypatch.setattr(cost, "listed", lambda provider, name: PRICES.get(name))


@pytest.mark.parametrize(
    ("text", "number"), [("7b", 7e9), ("124M", 124e6), ("1e9", 1e9), ("1.5k", 1500), ("12", 12)]
)
def test_amounts(text: str, number: float) -> None:
    assert size.amount(text, "MODEL") == number


@pytest.mark.parametrize("text", ["", "7 billion", "-1b", "0", "7bb"])
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(UserError, match=f"MODEL={text} is no amount"):
        size.amount(text, "MODEL")


def test_memory_alone_decides_when_there_is_time() -> None:
    # 7e9 x 16 bytes x 1.2 = 125.2 GiB; a GPU gives 72: two of them
    found = {one.size: one for one in size.choices("azure", 7e9, 1e6, 1000)}
    assert set(found) == {"one", "eight"}
    assert (found["one"].machines, found["one"].bound) == (2, "memory")
    assert (found["eight"].machines, found["eight"].gpus) == (1, 8)


def test_time_decides_when_there_is_little() -> None:
    # 6 x 1e9 x 1e9 FLOPs at 0.35 of 312 TFLOP/s: 15.26 h on one GPU
    (slow,) = (one for one in size.choices("azure", 1e9, 1e9, 20) if one.size == "one")
    assert slow.machines == 1
    assert slow.hours == pytest.approx(15.26, abs=0.01)
    assert slow.dollars == pytest.approx(4.0 * slow.hours)
    (fast,) = (one for one in size.choices("azure", 1e9, 1e9, 5) if one.size == "one")
    assert fast.bound == "time"
    assert fast.hours <= 5
    # each doubling loses a tenth, so more than three
    assert fast.machines == 4


def test_tasks_differ_in_memory_and_time() -> None:
    assert size.memory(1e9, "train") == 8 * size.memory(1e9, "adapt")
    one = MACHINES["one"]
    lasts = {task: size.hours(1e9, 1e9, task, one, 1) for task in size.TASKS}
    assert lasts["train"] == pytest.approx(1.5 * lasts["adapt"])
    assert lasts["adapt"] == pytest.approx(2 * lasts["infer"])


def test_the_cheapest_comes_first_and_what_has_no_price_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = size.choices("azure", 1e9, 1e9, 20)
    assert [one.size for one in found] == ["eight", "one"] or found[0].dollars <= found[1].dollars  # type: ignore[operator]
    monkeypatch.setitem(PRICES, "one", None)  # type: ignore[arg-type]
    assert [one.size for one in size.choices("azure", 1e9, 1e9, 20)] == ["eight", "one"]


def test_what_no_cloud_can_do_is_no_choice() -> None:
    assert size.choices("azure", 1e12, 1e15, 1) == []


def test_advice_names_the_pool_that_is_there_or_one_to_make() -> None:
    choice = size.Choice("eight", "A100", 2, 16, 3.0, 180.0, "time")
    values = "values: workers: {train: {pool: %s, size: large, replicas: 2, accelerators: 8}}"
    pool = 'tfvars: gpu_pools = { %s = { size = "eight", max = 2 } }'
    assert size.advice(choice, {}) == [pool % "gpu", values % "gpu"]
    there = {"a100": {"size": "eight", "max": 4}}
    assert size.advice(choice, there) == [values % "a100"]
    assert size.advice(choice, {"a100": {"size": "eight", "max": 1}}) == [
        pool % "a100",
        values % "a100",
    ]


class Provider:
    name = "aws"

    def __init__(self, prices: dict[str, float]) -> None:
        self.prices = prices

    def price(self, region: str, size: str, spot: bool) -> float | None:
        return self.prices.get(size)


NODES = [Nodes("cpu", "one", 2, 4), Nodes("gpu", "eight", 0, 2)]


def test_an_estimate_says_where_its_prices_are_from() -> None:
    resources = [
        {"type": "aws_eks_cluster", "values": {}},
        {"type": "aws_nat_gateway", "values": {}},
        {"type": "aws_memorydb_cluster", "values": {}},
    ]
    live = cost.estimate(Provider({"one": 1.0, "eight": 10.0}), "eu-west-1", NODES, resources)  # type: ignore[arg-type]
    assert live.least == pytest.approx(2.0 + 0.1 + 0.045)
    assert live.most == pytest.approx(4.0 + 20.0 + 0.1 + 0.045)
    assert "today's prices of nodes in eu-west-1" in str(live)
    assert "without MemoryDB" in str(live)
    table = cost.estimate(Provider({}), "eu-west-1", NODES, [])  # type: ignore[arg-type]
    assert table.least == pytest.approx(8.0)
    assert "an estimate: list prices of us-east-1, 2026-06" in str(table)


def test_a_size_without_a_price_is_named() -> None:
    found = cost.estimate(Provider({}), "r", [Nodes("cpu", "none", 1, 1)], [])  # type: ignore[arg-type]
    assert found.unknown == ["none"]


@pytest.mark.parametrize(
    ("kind", "values", "price"),
    [
        ("aws_vpc_endpoint", {"vpc_endpoint_type": "Interface", "subnet_ids": ["a", "b"]}, 0.02),
        ("aws_vpc_endpoint", {"vpc_endpoint_type": "Gateway"}, 0),
        (
            "aws_fsx_lustre_file_system",
            {
                "deployment_type": "PERSISTENT_2",
                "per_unit_storage_throughput": 125,
                "storage_capacity": 1200,
            },
            0.145 * 1200 / 730,
        ),
        ("aws_s3_bucket", {}, 0),
    ],
)
def test_prices_of_what_is_no_node(kind: str, values: dict[str, Any], price: float) -> None:
    found = cost.estimate(Provider({}), "r", [], [{"type": kind, "values": values}])  # type: ignore[arg-type]
    assert found.least == pytest.approx(price)


@pytest.mark.parametrize(
    ("provider", "name", "price"),
    [
        ("azure", "Standard_D4s_v5", 0.192),
        ("azure", "Standard_E16s_v5", 1.008),
        ("azure", "Standard_NC24ads_A100_v4", 3.673),
        ("aws", "m5.12xlarge", 2.304),
        ("aws", "r5.4xlarge", 1.008),
        ("aws", "g4dn.4xlarge", 1.204),
        ("aws", "m5d.xlarge", None),
        ("aws", "no.such", None),
    ],
)
def test_the_table_has_the_sizes_that_are_defaults(
    monkeypatch: pytest.MonkeyPatch, provider: str, name: str, price: float | None
) -> None:
    monkeypatch.setattr(cost, "sizes", SIZES)
    assert LISTED(provider, name) == (None if price is None else pytest.approx(price))
