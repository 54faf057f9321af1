"""State that a team shares: backend.tf.example, with a bucket in the account on this machine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from eks_runs import REGION, Account, account

from lib.paths import ROOT

pytestmark = pytest.mark.cloud

EXAMPLE = ROOT / "terraform" / "eks" / "backend.tf.example"
BUCKET = "tf-rayworks-example"

#: What another run leaves while it writes.
HELD = {
    "ID": "11111111-2222-3333-4444-555555555555",
    "Operation": "OperationTypeApply",
    "Who": "ada@elsewhere",
    "Version": "1.11.4",
    "Created": "2026-11-27T12:00:00Z",
    "Path": f"{BUCKET}/env:/lab/eks.tfstate",
}


@pytest.fixture(scope="module")
def shared() -> Iterator[Account]:
    """The root, initialized with the example; only the endpoints are told."""
    with account() as found:
        found.ask("aws_bucket.py", BUCKET)
        shutil.copy(EXAMPLE, found.root / "backend.tf")
        told = found.root / "account.s3.tfbackend"
        told.write_text(
            f'endpoints = {{ s3 = "{found.url}", sts = "{found.url}", iam = "{found.url}" }}\n'
            'access_key = "key"\nsecret_key = "secret"\nuse_path_style = true\n'
            "skip_credentials_validation = true\nskip_metadata_api_check = true\n"
            "skip_requesting_account_id = true\n"
        )
        found.terraform("init", "-no-color", f"-backend-config={told}")
        found.terraform("workspace", "new", "-no-color", "lab")
        yield found


def test_a_deployment_is_an_object_of_its_own(shared: Account) -> None:
    assert "env:/lab/eks.tfstate" in shared.ask("aws_bucket.py", BUCKET).split()


def test_who_writes_keeps_others_out(shared: Account) -> None:
    chosen = shared.told({"authorized_cidrs": ["203.0.113.7/32"]})
    lock = "env:/lab/eks.tfstate.tflock"
    shared.ask("aws_bucket.py", BUCKET, lock, json.dumps(HELD))
    with pytest.raises(AssertionError, match="ada@elsewhere"):
        shared.terraform("apply", "-no-color", "-auto-approve", chosen, "-target=module.key")
    shared.terraform("force-unlock", "-no-color", "-force", HELD["ID"])
    shared.terraform("apply", "-no-color", "-auto-approve", chosen, "-target=module.key")
    assert lock not in shared.ask("aws_bucket.py", BUCKET).split()
    assert "module.key" in shared.terraform("state", "list")


def test_the_example_names_a_region_of_the_default(tmp_path: Path) -> None:
    assert f'"{REGION}"' in EXAMPLE.read_text()
