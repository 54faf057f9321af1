import datetime as dt
import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509

from local import pki

NOW = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(pki, "PKI", tmp_path / "pki")
    return tmp_path / "pki"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def changed(before: dict[str, bytes], after: dict[str, bytes]) -> set[str]:
    return {name for name in after if before.get(name) != after[name]}


def test_every_pair_is_signed_by_the_authority_and_private(folder: Path) -> None:
    pki.ensure("10.0.0.2", NOW)
    ca = x509.load_pem_x509_certificate(pki.certificate("ca").read_bytes())
    for identity in pki.identities("10.0.0.2"):
        found = x509.load_pem_x509_certificate(pki.certificate(identity.name).read_bytes())
        found.verify_directly_issued_by(ca)
        # raises when the key is not the certificate's
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(
            pki.certificate(identity.name), pki.key(identity.name)
        )
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.glob("*.key")} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_users_and_groups_are_what_kubernetes_authorizes() -> None:
    pki.ensure("10.0.0.2", NOW)
    subjects = {
        name: x509.load_pem_x509_certificate(
            pki.certificate(name).read_bytes()
        ).subject.rfc4514_string()
        for name in ("kubelet", "admin", "kube-proxy")
    }
    assert subjects == {
        "kubelet": "CN=system:node:rayworks,O=system:nodes",
        "admin": "CN=rayworks-admin,O=system:masters",
        "kube-proxy": "CN=system:kube-proxy",
    }


def test_only_servers_may_serve() -> None:
    pki.ensure("10.0.0.2", NOW)
    for identity in pki.identities("10.0.0.2"):
        found = x509.load_pem_x509_certificate(pki.certificate(identity.name).read_bytes())
        usages = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert (x509.ExtendedKeyUsageOID.SERVER_AUTH in usages) == bool(identity.hosts)


def test_a_second_time_changes_nothing(folder: Path) -> None:
    pki.ensure("10.0.0.2", NOW)
    before = contents(folder)
    pki.ensure("10.0.0.2", NOW + dt.timedelta(days=100))
    assert changed(before, contents(folder)) == set()


def test_another_address_renews_only_who_serves_at_it(folder: Path) -> None:
    pki.ensure("10.0.0.2", NOW)
    before = contents(folder)
    pki.ensure("10.0.0.6", NOW)
    assert changed(before, contents(folder)) == {
        "apiserver.crt",
        "apiserver.key",
        "kubelet-serving.crt",
        "kubelet-serving.key",
    }


def test_near_expiry_all_but_the_authority_and_tokens_are_renewed(folder: Path) -> None:
    pki.ensure("10.0.0.2", NOW)
    before, print_before = contents(folder), pki.fingerprint()
    pki.ensure("10.0.0.2", NOW + dt.timedelta(days=340))
    kept = set(before) - changed(before, contents(folder))
    assert kept == {"ca.crt", "ca.key", "service-account.key"}
    assert pki.fingerprint() != print_before


def test_a_lost_authority_renews_everything_signed_by_it(folder: Path) -> None:
    pki.ensure("10.0.0.2", NOW)
    before = contents(folder)
    pki.key("ca").unlink()
    pki.ensure("10.0.0.2", NOW)
    assert set(before) - changed(before, contents(folder)) == {"service-account.key"}
