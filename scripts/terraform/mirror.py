"""Providers without a registry: a filesystem mirror for `terraform init` and `tofu init`.

In it are the providers that `make ready-cloud` builds, and those of fetched.tf: from the folder
that RAYWORKS_PROVIDERS names, or else from the registry, once, into the cache. The checks know no
other source, so each runs on exactly these versions, and without a network.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from lib.errors import UserError
from lib.paths import CACHE, ROOT, tool
from lib.shell import run
from tools.build import ready
from tools.catalogue import Tool, pick
from tools.files import link, locked, remove

#: The default registries of Terraform and of OpenTofu; both serve the same releases.
HOSTS = ("registry.terraform.io", "registry.opentofu.org")

FETCHED = Path(__file__).with_name("fetched.tf")

SETTINGS = "settings.tfrc"

#: The mirror, with the settings that name it, as the checkout knows it.
LINK = ROOT / ".tools" / "terraform"

_TARGET = f"linux_{ {'x86_64': 'amd64', 'aarch64': 'arm64'}.get(platform.machine(), 'unknown') }"

_SETTINGS = """\
# Generated: providers from here, and from nowhere else.
provider_installation {{
  filesystem_mirror {{
    path = "{path}"
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider at a version, as its source address names it (`hashicorp/aws`)."""

    source: str
    version: str

    @property
    def place(self) -> Path:
        """Its folder below a registry's in a mirror of unpacked providers."""
        return Path(self.source) / self.version / _TARGET


def settings() -> Path:
    """The file for TF_CLI_CONFIG_FILE; it and the mirror that it names are made if need be.

    Raises:
        UserError: a provider is not built, or can be had from nowhere.
    """
    found = providers()
    digest = hashlib.sha256(repr(sorted(map(str, found.items()))).encode())
    entry = CACHE / "terraform" / f"mirror-{digest.hexdigest()[:12]}"
    with locked(entry):
        if not entry.is_dir():
            staging = entry.with_suffix(".part")
            remove(staging)
            for provider, folder in found.items():
                for host in HOSTS:
                    # Links: a provider is hundreds of megabytes, and is only read.
                    place = staging / host / provider.place
                    shutil.copytree(folder, place, copy_function=os.symlink)
            (staging / SETTINGS).write_text(_SETTINGS.format(path=entry))
            staging.rename(entry)
    link(LINK, entry)
    return LINK / SETTINGS


def environment() -> dict[str, str]:
    """What Terraform and OpenTofu are told by their environment in checks.

    Raises:
        UserError: as of `settings`.
    """
    return {
        "TF_CLI_CONFIG_FILE": str(settings()),
        # A user's own would be searched first, and written to.
        "TF_PLUGIN_CACHE_DIR": "",
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "CHECKPOINT_DISABLE": "1",
    }


def providers() -> dict[Provider, Path]:
    """The providers of the checks, and the folder of each.

    Raises:
        UserError: as of `settings`.
    """
    return {**_built(), **_fetched()}


def built() -> list[Tool]:
    """The providers among the pinned tools."""
    return [one for one in pick(["cloud"]) if one.name.startswith("terraform-provider-")]


def _built() -> dict[Provider, Path]:
    found = {}
    for one in built():
        if not ready(one):
            raise UserError(f"{one.name} {one.version} is not built", "make ready-cloud")
        source = f"hashicorp/{one.name.removeprefix('terraform-provider-')}"
        found[Provider(source, one.version)] = one.entry / "bin"
    return found


def _fetched() -> dict[Provider, Path]:
    text = FETCHED.read_text()
    found = {}
    for source, version in re.findall(r'source\s*= "(.+)"\s*version\s*= "(.+)"', text):
        provider = Provider(source, version)
        found[provider] = _given(provider) or _from_registry(provider)
    return found


def _given(provider: Provider) -> Path | None:
    """Its folder in the mirror that the user names, if they name one.

    Raises:
        UserError: it is not there.
    """
    if not (name := os.environ.get("RAYWORKS_PROVIDERS")):
        return None
    folder = Path(name).expanduser().resolve() / HOSTS[0] / provider.place
    if not folder.is_dir():
        raise UserError(
            f"RAYWORKS_PROVIDERS={name} has no {provider.source} {provider.version}: "
            f"{folder} is not there",
            "unset it to have the registry asked, or name a mirror of unpacked providers",
        )
    return folder


def _from_registry(provider: Provider) -> Path:
    """Its folder in the cache, fetched by Terraform itself, which checks the signature."""
    entry = CACHE / "terraform" / f"{provider.source.replace('/', '-')}-{provider.version}"
    folder = entry / ".terraform/providers" / HOSTS[0] / provider.place
    with locked(entry):
        if not folder.is_dir():
            remove(entry)
            entry.mkdir()
            shutil.copy(FETCHED, entry)
            run(
                [tool("terraform"), "init", "-backend=false", "-input=false", "-no-color"],
                cwd=entry,
                env={
                    "TF_CLI_CONFIG_FILE": os.devnull,
                    "TF_PLUGIN_CACHE_DIR": "",
                    "TF_DATA_DIR": "",
                },
                hint="RAYWORKS_PROVIDERS=FOLDER, with a mirror of unpacked providers that has "
                f"{provider.source} {provider.version}, where the registry is out of reach",
            )
    return folder
