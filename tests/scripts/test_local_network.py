from ipaddress import IPv4Network
from pathlib import Path

import pytest

from lib.errors import UserError
from local import network


def test_the_first_free_subnet_is_taken() -> None:
    link = network.choose([])
    assert (link.host, link.node) == ("10.213.77.1", "10.213.77.2")


@pytest.mark.parametrize(
    ("taken", "node"),
    [
        (["10.213.77.0/30"], "10.213.77.6"),
        (["10.0.0.0/8"], "172.30.253.2"),
        (["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"], "198.18.77.2"),
    ],
)
def test_what_the_host_has_a_route_to_is_avoided(taken: list[str], node: str) -> None:
    assert network.choose([IPv4Network(cidr) for cidr in taken]).node == node


def test_the_address_of_an_earlier_start_is_kept_while_it_is_free() -> None:
    assert network.choose([], "10.213.77.10").node == "10.213.77.10"
    assert network.choose([IPv4Network("10.213.77.8/29")], "10.213.77.10").node == "10.213.77.2"


def test_no_free_subnet_is_an_error_that_names_them() -> None:
    with pytest.raises(UserError, match=r"10\.213\.77\.0/30.*198\.18\.77\.12/30"):
        network.choose([IPv4Network("0.0.0.0/0")])


def test_a_local_stub_is_replaced_by_the_servers_behind_it(tmp_path: Path) -> None:
    stub, real = tmp_path / "stub", tmp_path / "real"
    stub.write_text("# systemd\nnameserver 127.0.0.53\noptions edns0\n")
    real.write_text("nameserver fe80::1%eth0\nnameserver 2001:db8::1\nnameserver 192.0.2.53\n")
    assert network.name_servers(stub, real) == ["192.0.2.53"]


def test_the_machines_own_list_comes_first(tmp_path: Path) -> None:
    own, other = tmp_path / "own", tmp_path / "other"
    own.write_text("nameserver 192.0.2.1\nnameserver 192.0.2.2\n")
    other.write_text("nameserver 192.0.2.53\n")
    assert network.name_servers(own, other) == ["192.0.2.1", "192.0.2.2"]


def test_no_usable_server_is_said(tmp_path: Path) -> None:
    stub = tmp_path / "stub"
    stub.write_text("nameserver 127.0.0.1\n")
    servers = network.name_servers(stub, tmp_path / "missing")
    assert servers == []
    assert any("name server" in line for line in network.warnings([], servers))


def test_a_network_that_pods_cannot_reach_is_said() -> None:
    (line,) = network.warnings([IPv4Network("10.244.9.0/24")], ["192.0.2.1"])
    assert "10.244.9.0/24" in line


def test_only_traffic_that_leaves_is_masqueraded() -> None:
    table = network.nat_table(network.choose([]))
    assert 'ip saddr 10.213.77.0/30 oifname != "rayworks" masquerade' in table


def test_the_clusters_own_addresses_do_not_leave_it() -> None:
    table = network.nat_table(network.choose([]))
    assert 'iifname "rayworks" ip daddr { 10.244.0.0/16, 10.96.0.0/16 } reject' in table
