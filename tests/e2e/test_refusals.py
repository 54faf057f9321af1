"""What the charts render of random values, shown to a real API server without creating it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from support import Deployed

from charts import sweep
from charts.places import FOREIGN_KINDS, namespace
from charts.proof import Prover
from lib.kube import namespace_object
from lib.shell import run

pytestmark = [pytest.mark.cluster, pytest.mark.full]


#: Manifests that one command shows to the API server.
BATCH = 200


def write(folder: Path, manifests: list[str]) -> None:
    """Manifests as files, named by their places, without what others define."""
    folder.mkdir()
    for number, manifest in enumerate(manifests):
        objects = [
            one
            for one in yaml.load_all(manifest, Loader=yaml.CSafeLoader)
            if one and one["kind"] not in FOREIGN_KINDS
        ]
        # Not as YAML: of Python's, Go reads a plain `n` as false.
        listed = {"apiVersion": "v1", "kind": "List", "items": objects}
        (folder / f"{number:05d}.json").write_text(json.dumps(listed))


def test_the_api_server_refuses_nothing_of_what_renders(deployed: Deployed, tmp_path: Path) -> None:
    with Prover() as prover:
        tally = sweep.sweep(prover, sweep.with_values(), 2000, seed=7)
    assert tally.faults == []
    deployed.kube.apply(namespace_object("team"))
    wrong = []
    try:
        for place in ("team", "ray-system"):
            made = [e for e in tally.manifests.items() if namespace(e[1].chart) == place]
            for begin in range(0, len(made), BATCH):
                batch = made[begin : begin + BATCH]
                folder = tmp_path / f"{place}-{begin:05d}"
                write(folder, [manifest for manifest, _ in batch])
                command = deployed.kube.command(
                    *("apply", "--server-side", "--force-conflicts", "--dry-run=server"),
                    *("--filename", str(folder)),
                    namespace=place,
                )
                for line in run(command, check=False, timeout=600).stderr.splitlines():
                    found = re.search(r"/(\d{5})\.json", line)
                    # Roles in namespaces, and pods of accounts and priorities, that are not there.
                    missing = re.search(
                        r'(namespaces|serviceaccount) "[^"]*" not found|no PriorityClass with name',
                        line,
                    )
                    if line.startswith("Error") and not missing:
                        wrong.append(f"{line}\n{batch[int(found[1])][1] if found else ''}")
    finally:
        deployed.kube.run("delete", "namespace", "team", "--wait=false")
    assert not wrong, "\n".join(wrong)
