"""The daemons' configuration, the add-ons' manifests, the box and the checks before it."""

import configparser
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lib.errors import UserError
from local import box, cgroups, cluster, components, images, layout, network, pki, preflight
from local.box import Box
from local.components import Component, Machine
from tools import debian

NODE = Box(0, 0, "", "", "192.0.2.2", "0", 0.0)


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Component]:
    monkeypatch.setattr(pki, "PKI", tmp_path / "pki")
    monkeypatch.setattr(layout, "CONFIG", tmp_path / "config")
    monkeypatch.setattr(layout, "SUPERVISOR_CONFIG", tmp_path / "config" / "supervisord.conf")
    pki.ensure("192.0.2.2")
    return components.all_of(
        Machine(
            address="192.0.2.2",
            open_files=20000,
            oom_score=0,
            may_lower_oom_score=False,
            pause="localhost/rayworks/pause:x",
        )
    )


def section(parts: list[Component], name: str) -> dict[str, str]:
    config = configparser.RawConfigParser()
    config.read_string(components.supervisor_config(parts))
    return dict(config[f"program:{name}"])


def test_every_component_is_restarted_for_ever_and_started_by_nobody_else(
    parts: list[Component],
) -> None:
    for part in parts:
        found = section(parts, part.name)
        assert found["autostart"] == "false"
        assert found["autorestart"] == "true"
        assert found["startsecs"] == "0"
        assert found["stdout_logfile"] == f"/var/log/{part.name}.log"


def test_needs_name_components_that_come_before(parts: list[Component]) -> None:
    seen = {"calico-resources"}
    for part in parts:
        assert set(part.needs) <= seen
        seen.add(part.name)


def test_a_changed_file_changes_only_its_readers_section(parts: list[Component]) -> None:
    from dataclasses import replace

    other = [
        replace(part, files={**part.files, Path("/x"): "new"}) if part.name == "kubelet" else part
        for part in parts
    ]
    changed = [p.name for p in parts if section(parts, p.name) != section(other, p.name)]
    assert changed == ["kubelet"]


def test_supervisord_reads_its_configuration(parts: list[Component], tmp_path: Path) -> None:
    from supervisor.options import ServerOptions

    config = tmp_path / "supervisord.conf"
    text = components.supervisor_config(parts).replace("/var/log", str(tmp_path))
    text = text.replace("/run/tmp", str(tmp_path)).replace("user = root\n", "")
    config.write_text(text)
    options = ServerOptions()
    options.realize(["--configuration", str(config), "--nodaemon"], doc="")
    assert {g.name for g in options.process_group_configs} == {part.name for part in parts}


def test_files_are_private(parts: list[Component], tmp_path: Path) -> None:
    path = tmp_path / "folder" / "secret"
    components.write_private(path, "a")
    components.write_private(path, "b")
    assert path.read_text() == "b"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_kubeconfig_carries_its_own_key(parts: list[Component]) -> None:
    found = yaml.safe_load(components.kubeconfig("admin", "192.0.2.2"))
    assert found["clusters"][0]["cluster"]["server"] == "https://192.0.2.2:6443"
    assert found["users"][0]["user"]["client-key-data"]


def pod_templates(text: str) -> dict[str, dict[str, Any]]:
    found = {}
    for document in yaml.safe_load_all(text):
        if document and document["kind"] == "Deployment":
            found[document["metadata"]["name"]] = document["spec"]["template"]["spec"]
    return found


@pytest.fixture
def addons(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(images, "reference", lambda name: images.ImageRef(name, "0123456789ab"))
    monkeypatch.setattr(network, "name_servers", lambda: ["192.0.2.53"])
    return cluster._addons(NODE)


def test_the_addons_are_the_ones_that_are_awaited(addons: str) -> None:
    assert set(pod_templates(addons)) == {name for _, name in cluster.ADDONS}


def test_the_addons_are_as_restricted_as_we_ask_of_others(addons: str) -> None:
    for spec in pod_templates(addons).values():
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["imagePullPolicy"] == "IfNotPresent"
            assert container["image"].startswith("localhost/rayworks/")


def test_names_are_forwarded_only_where_there_is_somebody_to_ask(
    addons: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "forward . 192.0.2.53" in addons
    monkeypatch.setattr(network, "name_servers", list)
    assert "forward ." not in cluster._addons(NODE)


def test_shell_variables_of_the_provisioner_survive(addons: str) -> None:
    assert 'mkdir -m 0777 -p "$VOL_DIR"' in addons


V1 = "34 25 0:29 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu\n"
V2 = "35 25 0:30 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
OTHER = "36 25 0:31 / /proc rw - proc proc rw\n"


def test_cgroup_trees_of_both_versions_are_found() -> None:
    assert cgroups.trees(V1 + V2 + OTHER) == [
        (Path("/sys/fs/cgroup/cpu"), False),
        (Path("/sys/fs/cgroup/unified"), True),
    ]
    assert cgroups.trees(OTHER) == []


def test_a_box_is_told_from_a_later_process_of_the_same_number(tmp_path: Path) -> None:
    own = box._ticks(os.getpid())
    assert own is not None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    file = tmp_path / "node.json"
    Box(os.getpid(), own, boot, "/x", "192.0.2.2", "0", 1.0).save(file)
    found = box.load(file)
    assert found is not None
    assert found.is_alive()
    for wrong in (("ticks", own + 1), ("boot", "another")):
        file.write_text(json.dumps({**json.loads(file.read_text()), wrong[0]: wrong[1]}))
        found = box.load(file)
        assert found is not None
        assert not found.is_alive()


@pytest.mark.parametrize("text", ["", "{", '{"pid": 1}', "[]"])
def test_a_damaged_note_of_a_box_is_no_box(tmp_path: Path, text: str) -> None:
    (tmp_path / "node.json").write_text(text)
    assert box.load(tmp_path / "node.json") is None
    assert box.load(tmp_path / "missing.json") is None


@pytest.mark.parametrize("is_there", [True, False])
def test_a_second_checkout_is_told_whose_cluster_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    checkout = tmp_path / "else"
    if is_there:
        checkout.mkdir()
    ticks = box._ticks(os.getpid())
    assert ticks is not None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    monkeypatch.setattr(layout, "OWNER", tmp_path / "cluster.json")
    monkeypatch.setattr(layout, "LOCK", tmp_path / "cluster.lock")
    monkeypatch.setattr(preflight, "check", lambda: None)
    Box(os.getpid(), ticks, boot, str(checkout), "192.0.2.2", "0", 1.0).save(layout.OWNER)
    with pytest.raises(UserError, match=str(checkout)) as error:
        cluster.up(lambda _: None)
    end = f"make -C {checkout} cluster-down" if is_there else f"`kill -9 {os.getpid()}`"
    assert end in str(error.value.hint)


@pytest.mark.parametrize(
    ("memory", "disk", "has_images", "said"),
    [
        (4 * 2**30, 10**12, True, "4.0 GiB of memory"),
        (10**12, 2 * 2**30, True, "2.0 GiB of disk"),
        (10**12, 10 * 2**30, False, "needs 15 GiB"),
    ],
)
def test_a_machine_that_is_too_small_is_refused(
    memory: int, disk: int, has_images: bool, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        preflight.check_size(memory, disk, has_images=has_images)
    preflight.check_size(10**12, 10**12, has_images=has_images)


def test_a_checkout_that_the_box_would_hide_is_refused() -> None:
    with pytest.raises(UserError, match="/var/lib/jenkins"):
        preflight.check_folders([Path("/var/lib/jenkins/workspace")])


def test_who_is_not_root_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(UserError, match="root"):
        preflight.check()
    with pytest.raises(UserError, match="root"):
        cluster.down(lambda _: None)


def test_missing_tools_and_packages_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "TOOLS_BIN", tmp_path)
    with pytest.raises(UserError, match="kubelet") as error:
        preflight.check_programs()
    assert error.value.hint == "make tools"
    monkeypatch.setattr(preflight, "TOOLS", ())
    monkeypatch.setattr(debian, "missing", lambda groups: ["some-package"])
    with pytest.raises(UserError, match="some-package") as error:
        preflight.check_programs()
    assert error.value.hint is not None
    assert "apt-get install" in error.value.hint


def test_a_daemon_is_found_among_processes_that_end_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    monkeypatch.setattr(cgroups, "processes", lambda child: [ended.pid, os.getpid()])
    assert cluster._on_host(os.getpid()) == os.getpid()
    with pytest.raises(UserError, match=f"process {ended.pid} of the box has ended"):
        cluster._on_host(ended.pid)
