"""An OCI registry that charts and images go to, and the signatures beside them.

helm pushes charts, crane looks at what is there, cosign signs: with a key, or in a pipeline as the
pipeline itself (OIDC), without one.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from lib.errors import UserError
from lib.paths import tool
from lib.shell import run

#: Who the pipelines sign as, and who says so.
IDENTITY = r"^https://github\.com/rayworks/rayworks/\.github/workflows/[a-z]+\.yml@refs/"
ISSUER = "https://token.actions.githubusercontent.com"


@dataclass(frozen=True)
class Registry:
    """A place in a registry.

    Attributes:
        address: host and path, without scheme.
        plain: whether it speaks HTTP: one on this machine.
        key: a private key of cosign's beside its public one (`.pub`); without, keyless.
    """

    address: str
    plain: bool = False
    key: Path | None = None

    def _crane(self, *words: str) -> list[str]:
        return [tool("crane"), *(["--insecure"] if self.plain else []), *words]

    def digest(self, name: str) -> str | None:
        """Digest of what has a name (`charts/ray-job:0.1.0`); None when nothing has.

        Raises:
            UserError: the registry does not answer, or lets nobody look.
        """
        done = run(self._crane("digest", f"{self.address}/{name}"), check=False)
        if done.returncode == 0:
            return done.stdout.strip()
        if re.search(r"MANIFEST_UNKNOWN|NAME_UNKNOWN|status code 404", done.stderr):
            return None
        raise UserError(f"{self.address}/{name} cannot be looked up: {done.stderr.strip()}")

    def manifest(self, name: str) -> str:
        """The manifest of what has a name, as the registry has it."""
        return run(self._crane("manifest", f"{self.address}/{name}")).stdout

    def push_chart(self, package: Path) -> str:
        """Push a chart's package under `charts/`.

        Returns:
            its digest.
        """
        plain = ["--plain-http"] if self.plain else []
        done = run([tool("helm"), "push", package, f"oci://{self.address}/charts", *plain])
        found = re.search(r"sha256:[0-9a-f]{64}", done.stdout + done.stderr)
        if not found:
            raise UserError(f"helm pushed {package.name} and named no digest: {done.stdout}")
        return found[0]

    def _cosign(self, *words: str | Path) -> str:
        plain = ["--allow-insecure-registry", "--allow-http-registry"] if self.plain else []
        # A key on this machine has no password: it lives as long as the registry beside it.
        return run([tool("cosign"), *words, *plain], env={"COSIGN_PASSWORD": ""}).stdout

    def _secret(self) -> list[str | Path]:
        """How it is signed: with a key, nothing goes to a public log, which is elsewhere."""
        if self.key is None:
            return ["--yes"]
        return ["--yes", "--key", self.key, "--tlog-upload=false", "--use-signing-config=false"]

    def sign(self, repository: str, digest: str) -> None:
        """Sign what has a digest, and the images of both architectures below it."""
        self._cosign(
            "sign", "--recursive", *self._secret(), f"{self.address}/{repository}@{digest}"
        )

    def attest(self, repository: str, digest: str, sbom: Path) -> None:
        """Sign the list of what is in an image (SPDX), and lay it beside the image."""
        self._cosign(
            "attest", "--type", "spdxjson", "--predicate", sbom, *self._secret(),
            f"{self.address}/{repository}@{digest}",
        )  # fmt: skip

    def verify(self, repository: str, digest: str) -> None:
        """Refuse what was not signed by us.

        Raises:
            UserError: there is no signature, or not of this content, or not by us.
        """
        if self.key is None:
            who: list[str | Path] = [
                "--certificate-identity-regexp", IDENTITY,
                "--certificate-oidc-issuer", ISSUER,
            ]  # fmt: skip
        else:
            who = ["--key", self.key.with_suffix(".pub"), "--insecure-ignore-tlog=true"]
        try:
            self._cosign("verify", *who, f"{self.address}/{repository}@{digest}")
        except UserError as error:
            raise UserError(
                f"{self.address}/{repository}@{digest} is not signed by us: {error.message}"
            ) from error


def make_key(folder: Path) -> Path:
    """A new pair of keys of cosign's in a folder; the private one."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("cosign.key", "cosign.pub"):
        (folder / name).unlink(missing_ok=True)
    run([tool("cosign"), "generate-key-pair"], cwd=folder, env={"COSIGN_PASSWORD": ""})
    return folder / "cosign.key"


def here() -> Registry:
    """The registry that the environment variable REGISTRY names.

    Raises:
        UserError: it names none.
    """
    address = os.environ.get("REGISTRY", "")
    if not address:
        raise UserError("REGISTRY is not set", "make … REGISTRY=ghcr.io/OWNER/NAME")
    return Registry(address)
