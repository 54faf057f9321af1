"""The MLflow image as a restricted pod sees it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from support import TMP, Deployed, look

from lib.paths import ROOT
from local import images

pytestmark = pytest.mark.full

#: Prints what there is, as JSON.
LOOK = """
import importlib, json, os, pathlib, shutil, subprocess
from importlib import metadata

def writable(folder):
    try:
        (pathlib.Path(folder) / "probe").write_text("")
        return True
    except OSError:
        return False

names = ["psycopg2", "boto3", "azure.identity", "azure.storage.blob", "prometheus_flask_exporter",
         "mlflow.server.auth"]
site = pathlib.Path(metadata.distribution("mlflow").locate_file(""))
print("FACTS" + json.dumps({
    "uid": os.getuid(), "gid": os.getgid(),
    "versions": {d.metadata["Name"].lower(): d.version for d in metadata.distributions()},
    "writable": [f for f in ("/", "/opt/mlflow", "/usr", "/tmp") if writable(f)],
    "imports": [importlib.import_module(name).__name__ for name in names],
    "programs": {p: shutil.which(p) for p in ("python", "mlflow", "pip", "gcc", "cc", "make")},
    "caches": [str(p) for p in (pathlib.Path("/root/.cache"), pathlib.Path("/var/lib/apt/lists"))
               if os.access(p, os.R_OK) and any(p.iterdir())],
    "uncompiled": [str(p) for name in ("mlflow", "sqlalchemy", "flask", "uvicorn")
                   for p in (site / name).rglob("__init__.py")
                   if not list(p.parent.glob("__pycache__/__init__.*.pyc"))],
    "authorities": pathlib.Path("/etc/ssl/certs/ca-certificates.crt").stat().st_size,
    "says": subprocess.run(["mlflow", "--version"], capture_output=True, text=True).stdout,
}))
"""


@pytest.fixture(scope="module")
def facts(deployed: Deployed) -> dict[str, Any]:
    """What a restricted pod of the image says about itself."""
    images.build(["mlflow"], print)
    return look(deployed.kube, str(images.reference("mlflow")), LOOK)


def test_it_runs_as_the_user_1000_who_may_write_to_tmp(facts: dict[str, Any]) -> None:
    assert (facts["uid"], facts["gid"]) == (1000, 1000)
    assert facts["writable"] == [TMP]


def test_its_versions_are_those_of_the_lock(facts: dict[str, Any]) -> None:
    lock = (ROOT / "images" / "mlflow" / "requirements.lock").read_text()
    pinned = dict(re.findall(r"^([a-z0-9-]+)==([^ ;]+)(?: \\)$", lock, flags=re.MULTILINE))
    assert {"mlflow", "psycopg2-binary", "boto3", "azure-storage-blob"} <= pinned.keys()
    there = {name.replace("_", "-").replace(".", "-"): v for name, v in facts["versions"].items()}
    assert {name: there.get(name) for name in pinned} == pinned
    assert there.keys() <= set(re.findall(r"^([a-z0-9-]+)==", lock, flags=re.MULTILINE))


def test_what_databases_and_object_stores_need_can_be_imported(facts: dict[str, Any]) -> None:
    assert facts["imports"][-1] == "mlflow.server.auth"
    assert facts["authorities"] > 0


def test_nothing_is_left_of_its_making(facts: dict[str, Any]) -> None:
    programs = facts["programs"]
    assert [programs[name] for name in ("python", "mlflow")] == [
        f"/opt/mlflow/bin/{name}" for name in ("python", "mlflow")
    ]
    assert not [name for name in ("pip", "gcc", "cc", "make") if programs[name]]
    assert facts["caches"] == []
    assert facts["uncompiled"] == []


def test_the_command_says_its_version(facts: dict[str, Any]) -> None:
    assert facts["says"].strip().endswith(facts["versions"]["mlflow"])
