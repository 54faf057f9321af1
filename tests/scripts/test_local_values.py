from pathlib import Path
from typing import Any

import pytest
import yaml

from lib.errors import UserError
from local import images, values
from local.values import GI, Allocatable

#: Cores and memory in GiB of machines, from the smallest that passes the first checks.
MACHINES = [(2, 6), (2, 8), (2, 24), (4, 16), (8, 32), (64, 512)]


def machine(cores: int, memory: int) -> Allocatable:
    """As the kubelet would say it, after what is kept for the system."""
    return Allocatable(cpu=cores * 1000 - 200, memory=int((memory - 1.75) * GI), cores=cores)


def amount(quantity: str) -> int:
    for ending, unit in (("Gi", GI), ("Mi", 2**20), ("m", 1)):
        if quantity.endswith(ending):
            return int(quantity.removesuffix(ending)) * unit
    raise AssertionError(quantity)


def requests(size: dict[str, Any]) -> tuple[int, int]:
    return amount(size["requests"]["cpu"]), amount(size["requests"]["memory"])


@pytest.mark.parametrize(("cores", "memory"), MACHINES)
def test_on_cpu_two_workloads_of_a_head_and_two_small_workers_fit(cores: int, memory: int) -> None:
    found = machine(cores, memory)
    pools = values.pools(found)
    head, worker = (requests(pools[name]["sizes"]["small"])[0] for name in ("head", "cpu"))
    assert 2 * (head + 2 * worker) <= found.free[0]


@pytest.mark.parametrize(("cores", "memory"), MACHINES)
def test_a_head_and_two_small_workers_fit(cores: int, memory: int) -> None:
    found = machine(cores, memory)
    pools = values.pools(found)
    head, worker = (requests(pools[name]["sizes"]["small"]) for name in ("head", "cpu"))
    free_cpu, free_memory = found.free
    assert head[0] + 2 * worker[0] <= free_cpu
    assert head[1] + 2 * worker[1] <= free_memory


@pytest.mark.parametrize(("cores", "memory"), MACHINES)
def test_each_size_fits_alone_beside_a_head_and_has_room_to_its_limit(
    cores: int, memory: int
) -> None:
    found = machine(cores, memory)
    pools = values.pools(found)
    head = requests(pools["head"]["sizes"]["small"])
    for pool in ("cpu", "memory"):
        for size in pools[pool]["sizes"].values():
            cpu, request = requests(size)
            assert cpu + head[0] <= found.free[0]
            assert request + head[1] <= found.free[1]
            assert amount(size["limits"]["memory"]) >= request
            assert 1 <= size["numCpus"] <= cores


def test_two_cores_are_shared_as_measured() -> None:
    small = values.pools(machine(2, 24))["cpu"]["sizes"]["small"]
    assert small == {
        "requests": {"cpu": "300m", "memory": "1536Mi"},
        "limits": {"memory": "4Gi"},
        "numCpus": 1,
    }


def test_there_is_no_limit_on_cpu_and_no_gpu() -> None:
    pools = values.pools(machine(4, 16))
    for pool in ("head", "cpu", "memory"):
        for size in pools[pool]["sizes"].values():
            assert set(size["limits"]) == {"memory"}
    assert pools["gpu"] == {"accelerator": {"resource": "none"}, "fallback": "cpu"}


def test_the_values_name_images_and_api_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "reference", lambda name: images.ImageRef(name, "0123456789ab"))
    found = yaml.safe_load(yaml.safe_dump(values.content(machine(2, 24), "10.0.0.2")))
    ray = found["global"]["ray"]
    assert ray["images"]["registry"] == "localhost/rayworks"
    assert ray["images"]["operator"] == {
        "repository": "operator",
        "tag": "0123456789ab",
        "digest": "",
    }
    assert ray["network"] == {"apiServer": {"cidrs": ["10.0.0.2/32"], "port": 6443}}


def test_values_for_other_sources_are_not_current(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tag = "0" * 12
    monkeypatch.setattr(images, "reference", lambda name: images.ImageRef(name, tag))
    monkeypatch.setattr(values, "allocatable", lambda: machine(2, 24))
    monkeypatch.setattr(values.box, "running", lambda: None)
    monkeypatch.setattr(values.layout, "VALUES", tmp_path / "values.yaml")
    monkeypatch.setattr(values.layout, "PLATFORM_VALUES", tmp_path / "platform-values.yaml")
    assert not values.current()
    values.write()
    assert values.current()
    tag = "1" * 12
    assert not values.current()


def test_a_changed_workload_leaves_the_values_of_the_platform(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tags = dict.fromkeys(images.IMAGES, "0" * 12)
    monkeypatch.setattr(images, "reference", lambda name: images.ImageRef(name, tags[name]))
    monkeypatch.setattr(values, "allocatable", lambda: machine(2, 24))
    monkeypatch.setattr(values.box, "running", lambda: None)
    workload, platform = tmp_path / "values.yaml", tmp_path / "platform-values.yaml"
    monkeypatch.setattr(values.layout, "VALUES", workload)
    monkeypatch.setattr(values.layout, "PLATFORM_VALUES", platform)
    values.write()
    before = workload.read_text(), platform.read_text()
    tags["ray"] = "1" * 12
    values.write()
    assert workload.read_text() != before[0]
    assert platform.read_text() == before[1]
    assert "repository: ray-deps" in before[1]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"cpu": 5.0, "memory": 0.0}, "5.0 cores, and 1.5 are to be had"),
        ({"cpu": 0.0, "memory": 99.0 * GI}, r"99.0 GiB of memory, and 21.4 GiB"),
        ({"cpu": 0.0, "memory": 0.0, "gpus": 1.0}, "1 GPUs"),
    ],
)
def test_what_does_not_fit_is_said(
    monkeypatch: pytest.MonkeyPatch, asked: dict[str, float], said: str
) -> None:
    monkeypatch.setattr(values, "allocatable", lambda: machine(2, 24))
    with pytest.raises(UserError, match=said) as error:
        values.check_fits("big", **asked)
    assert error.value.hint


def test_what_fits_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "allocatable", lambda: machine(2, 24))
    values.check_fits("small", cpu=1.0, memory=4.0 * GI)


@pytest.mark.parametrize(("text", "size"), [("4096Ki", 2**22), ("1024", 1024)])
def test_the_kubelets_way_to_write_memory_is_read(text: str, size: int) -> None:
    assert values._bytes(text) == size
