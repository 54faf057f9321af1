"""The checks of Terraform in their bad paths, with programs and providers of our own.

The last one, with the real ones, shows that these are what the mirror says they are.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from pathlib import Path

import pytest

from lib import paths
from lib.errors import UserError
from lib.paths import TOOLS_BIN
from terraform import check, docs, mirror, places
from tools import catalogue
from tools.catalogue import Tool, pick

#: Says how it was called; fails where the folder it is in says so; "fetches" what fetched.tf names.
FAKE = """\
#!/bin/sh
echo "$(basename "$0") $1 $(basename "$PWD")" >> "$FAKE_LOG"
[ "$1" != init ] || [ -z "$FAKE_REGISTRY" ] || { echo "no such host" >&2; exit 1; }
if grep -q "fails at $(basename "$0") $1" *.tf; then echo "Error: it is wrong" >&2; exit 1; fi
if [ "$1" = init ] && grep -q hashicorp/aws *.tf; then
  place=.terraform/providers/registry.terraform.io/hashicorp/aws/5.0.0/linux_amd64
  mkdir -p $place && echo fetched > $place/terraform-provider-aws_v5.0.0
fi
"""


@dataclasses.dataclass
class Place:
    """A checkout with a cache, in which azurerm 5.9.9 is built; and what was run in it."""

    root: Path
    cache: Path
    azurerm: Tool

    def write(self, name: str, text: str = "") -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    @property
    def ran(self) -> list[str]:
        log = self.root / "log"
        return log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    root, cache = tmp_path / "checkout", tmp_path / "cache"
    (root / "terraform").mkdir(parents=True)
    for module in (catalogue, mirror):
        monkeypatch.setattr(module, "CACHE", cache)
    for module in (check, docs, places):
        monkeypatch.setattr(module, "ROOT", root, raising=False)
        monkeypatch.setattr(module, "TERRAFORM", root / "terraform", raising=False)
    monkeypatch.setattr(paths, "TOOLS_BIN", root / "bin")
    monkeypatch.setattr(mirror, "LINK", root / ".tools/terraform")
    monkeypatch.setattr(mirror, "_TARGET", "linux_amd64")
    monkeypatch.setenv("FAKE_LOG", str(root / "log"))
    monkeypatch.delenv("RAYWORKS_PROVIDERS", raising=False)

    made = Place(
        root, cache, dataclasses.replace(pick(["terraform-provider-azurerm"])[0], home=root)
    )
    made.write("terraform-provider-azurerm/go.sum")
    made.write(
        "terraform-provider-azurerm/go.mod",
        f"require (\n\t{made.azurerm.module} v1.0.1-0.2026 // indirect; release 5.9.9\n)\n",
    )
    monkeypatch.setattr(mirror, "built", lambda: [made.azurerm])
    (made.azurerm.entry / "bin").mkdir(parents=True)
    (made.azurerm.entry / "bin/terraform-provider-azurerm").write_text("built")
    (made.azurerm.entry / "files.json").write_text(json.dumps({}))
    fetched = made.write("fetched.tf", 'source  = "hashicorp/aws"\nversion = "5.0.0"\n')
    monkeypatch.setattr(mirror, "FETCHED", fetched)
    for name in ("terraform", "tofu"):
        made.write(f"bin/{name}", FAKE).chmod(0o755)
    return made


def test_a_commit_s_version_is_that_of_its_release(place: Place) -> None:
    assert place.azurerm.version == "5.9.9"
    assert place.azurerm.ldflags.endswith("version.ProviderVersion=5.9.9")


def test_the_mirror_serves_both_programs_the_same_providers(place: Place) -> None:
    file = mirror.settings()
    folder = file.parent.resolve()
    assert f'path = "{folder}"' in file.read_text()
    for host in ("registry.terraform.io", "registry.opentofu.org"):
        below = folder / host / "hashicorp"
        built = below / "azurerm/5.9.9/linux_amd64/terraform-provider-azurerm"
        fetched = below / "aws/5.0.0/linux_amd64/terraform-provider-aws_v5.0.0"
        assert (built.read_text(), fetched.read_text()) == ("built", "fetched\n")


def test_a_provider_is_fetched_once(place: Place) -> None:
    mirror.settings()
    mirror.settings()
    assert [line.split()[:2] for line in place.ran] == [["terraform", "init"]]


def test_another_version_is_another_mirror(place: Place) -> None:
    first = mirror.settings().resolve()
    with (place.root / "terraform-provider-azurerm/go.sum").open("a") as file:
        file.write("changed")
    place.azurerm = dataclasses.replace(place.azurerm)
    (place.azurerm.entry / "bin").mkdir(parents=True)
    (place.azurerm.entry / "files.json").write_text(json.dumps({}))
    assert mirror.settings().resolve() != first
    assert first.exists()  # somebody may be using it


def test_a_provider_that_is_not_built_is_told(place: Place) -> None:
    (place.azurerm.entry / "files.json").unlink()
    with pytest.raises(
        UserError, match=r"terraform-provider-azurerm 5\.9\.9 is not built"
    ) as caught:
        mirror.settings()
    assert caught.value.hint == "make ready-cloud"


def test_a_registry_out_of_reach_is_told_with_the_way_out(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_REGISTRY", "out of reach")
    with pytest.raises(UserError, match="no such host") as caught:
        mirror.settings()
    assert "RAYWORKS_PROVIDERS=FOLDER" in str(caught.value.hint)
    assert "hashicorp/aws 5.0.0" in str(caught.value.hint)
    monkeypatch.delenv("FAKE_REGISTRY")
    mirror.settings()  # nothing half was left


def test_a_given_folder_is_used_and_the_registry_is_not_asked(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws = "registry.terraform.io/hashicorp/aws/5.0.0/linux_amd64/terraform-provider-aws_v5.0.0_x5"
    place.write(f"mine/{aws}", "given")
    monkeypatch.setenv("RAYWORKS_PROVIDERS", str(place.root / "mine"))
    assert (mirror.settings().parent / aws).read_text() == "given"
    assert place.ran == []


def test_a_given_folder_without_the_provider_is_told(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAYWORKS_PROVIDERS", str(place.root))
    with pytest.raises(UserError, match=rf"RAYWORKS_PROVIDERS={place.root} has no hashicorp/aws 5"):
        mirror.settings()


def test_each_folder_is_validated_by_both_and_tested_where_it_has_tests(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.write("terraform/modules/one/main.tf")
    place.write("terraform/modules/one/examples/basic/main.tf")
    place.write("terraform/root/main.tf")
    place.write("terraform/root/tests/size.tftest.hcl")
    place.write("terraform/root/tests/helper/main.tf")
    check.main()
    wanted = [
        f"{program} {command} {folder}"
        for program in ("terraform", "tofu")
        for folder in ("one", "basic", "root")
        for command in ("init", "validate")
    ]
    fetching = "terraform init hashicorp-aws-5.0.0"
    assert sorted(place.ran) == sorted([*wanted, "terraform test root", fetching])
    assert "3 folders, 6 validations" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["terraform init", "terraform test", "tofu validate"])
def test_a_failure_is_shown_and_the_rest_goes_on(
    place: Place, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    place.write("terraform/bad/main.tf", f"# fails at {command}\n")
    place.write("terraform/bad/tests/size.tftest.hcl")
    place.write("terraform/good/main.tf")
    with pytest.raises(UserError, match="Terraform: terraform/bad") as caught:
        check.main()
    assert caught.value.hint == "python -m terraform check terraform/bad"
    said = capsys.readouterr().out
    assert "    Error: it is wrong" in said
    assert "✓ terraform/good: tofu init" in said


def test_what_init_has_left_in_the_checkout_does_not_count(place: Place) -> None:
    place.write("terraform/root/main.tf", 'resource "a" "b" {}')
    place.write("terraform/root/.terraform.lock.hcl", "other hashes")
    place.write("terraform/root/.terraform/terraform.tfstate", "a backend")
    place.write("terraform/root/terraform.tfstate", "what was made")
    target = place.root / "copy"
    check.copy(target)
    assert [path.name for path in (target / "terraform/root").iterdir()] == ["main.tf"]
    assert (target / "charts").readlink() == place.root / "charts"


def test_nothing_that_is_ignored_is_in_the_repository() -> None:
    listing = ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"]
    listed = subprocess.run(listing, cwd=paths.ROOT, capture_output=True, text=True, check=True)
    assert listed.stdout == ""


def test_one_folder_alone(place: Place) -> None:
    one = place.write("terraform/modules/one/main.tf").parent
    place.write("terraform/modules/one/examples/basic/main.tf")
    place.write("terraform/modules/two/main.tf")
    assert places.folders([one]) == [one, one / "examples/basic"]
    with pytest.raises(UserError, match="holds no Terraform"):
        places.folders([place.root / "terraform/modules/three"])


def test_a_missing_program_is_told(place: Place) -> None:
    place.write("terraform/root/main.tf")
    mirror.settings()
    (place.root / "bin/tofu").unlink()
    with pytest.raises(UserError, match="bin/tofu is not installed") as caught:
        check.main()
    assert caught.value.hint == "make ready-cloud"


def test_a_readme_out_of_date_is_told(place: Place) -> None:
    place.write("terraform/modules/one/versions.tf")
    place.write("terraform/modules/one/examples/basic/versions.tf")
    program = '#!/bin/sh\ncase "$*" in *--output-check*) echo stale >&2; exit 1;; esac\n'
    place.write("bin/terraform-docs", program).chmod(0o755)
    docs.main(check=False)
    with pytest.raises(UserError, match=r"terraform/modules/one/README\.md: stale") as caught:
        docs.main(check=True)
    assert "examples" not in caught.value.message
    assert caught.value.hint == "python -m terraform docs"


@pytest.mark.cloud
@pytest.mark.parametrize("program", ["terraform", "tofu"])
def test_the_real_mirror(tmp_path: Path, program: str) -> None:
    required = {
        provider.source.split("/")[1]: {"source": provider.source, "version": provider.version}
        for provider in mirror.providers()
    }
    assert {"aws", "azurerm"} <= required.keys()
    text = json.dumps({"terraform": {"required_providers": required}})
    (tmp_path / "main.tf.json").write_text(text)
    # A registry that nobody reaches: all comes from the mirror.
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    env = {**os.environ, **mirror.environment(), **nowhere}

    def run(*words: str) -> str:
        done = subprocess.run(
            [TOOLS_BIN / program, *words], cwd=tmp_path, env=env, capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        return done.stdout

    run("init", "-backend=false")
    said = json.loads(run("version", "-json"))
    assert "-dev" not in said["terraform_version"]
    versions = {name.split("/")[-1]: one for name, one in said["provider_selections"].items()}
    assert versions == {name: one["version"] for name, one in required.items()}
    schemas = json.loads(run("providers", "schema", "-json"))["provider_schemas"]
    kinds = {kind for schema in schemas.values() for kind in schema["resource_schemas"]}
    assert {"aws_eks_cluster", "azurerm_kubernetes_cluster"} <= kinds
