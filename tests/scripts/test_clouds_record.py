"""What is remembered of a deployment to a cloud."""

from __future__ import annotations

from pathlib import Path

import pytest

from clouds import record
from clouds.record import Record
from lib.paths import kube_cache


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where it is kept."""
    monkeypatch.setattr(record, "FOLDER", tmp_path)
    return tmp_path


def test_all_of_one_deployment_is_forgotten_and_nothing_of_another(folder: Path) -> None:
    ends, stays = Record("aks"), Record("aks", "second")
    for one in (ends, stays):
        one.set(name=one.deployment)
        one.kubeconfig.write_text("clusters: []\n")
        # As kubectl and Helm keep what the cluster told them.
        kept = kube_cache(one.kubeconfig) / "discovery" / "servergroups.json"
        kept.parent.mkdir(parents=True)
        kept.write_text("{}\n")
    ends.forget()
    assert {path.name for path in folder.iterdir()} == {
        "aks-second", "aks-second.yaml", "aks-second.cache",
    }  # fmt: skip
    assert stays.get("name") == "second"
    ends.forget()  # nothing is there any more
