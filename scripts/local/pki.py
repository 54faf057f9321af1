"""The cluster's certificates: one authority, a key pair for each part, kept until near expiry."""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from local.layout import API_SERVICE, DOMAIN, NAME, PKI

#: Renew what has less than this left. A certificate lives a year, the authority ten.
RENEW_BEFORE = dt.timedelta(days=30)
LIFETIME = dt.timedelta(days=365)
AUTHORITY_LIFETIME = dt.timedelta(days=3650)


@dataclass(frozen=True)
class Identity:
    """Who a certificate is for.

    Attributes:
        name: file name of the pair, without its ending.
        user: common name, which Kubernetes reads as the user.
        group: organisation, which Kubernetes reads as the group.
        hosts: names and addresses it may serve under; empty for a mere client.
    """

    name: str
    user: str
    group: str = ""
    hosts: tuple[str, ...] = ()


def identities(address: str) -> list[Identity]:
    """Every pair that the cluster needs, for a node at this address."""
    api_hosts = ("kubernetes", "kubernetes.default", "kubernetes.default.svc")
    return [
        Identity(
            "apiserver",
            "kube-apiserver",
            hosts=(
                *api_hosts,
                f"kubernetes.default.svc.{DOMAIN}",
                "localhost",
                "127.0.0.1",
                API_SERVICE,
                address,
            ),
        ),
        Identity("etcd", "etcd", hosts=("localhost", "127.0.0.1")),
        Identity("apiserver-etcd", "kube-apiserver"),
        Identity("apiserver-kubelet", "kube-apiserver-kubelet", "system:masters"),
        Identity("front-proxy", "front-proxy"),
        Identity("admin", "rayworks-admin", "system:masters"),
        Identity("controller-manager", "system:kube-controller-manager"),
        Identity("scheduler", "system:kube-scheduler"),
        Identity("kube-proxy", "system:kube-proxy"),
        Identity("kubelet", f"system:node:{NAME}", "system:nodes"),
        Identity("kubelet-serving", f"system:node:{NAME}", hosts=(NAME, address)),
        Identity("calico", "calico"),
        Identity("calico-cni", "calico-cni"),
    ]


def certificate(name: str) -> Path:
    """File of a certificate."""
    return PKI / f"{name}.crt"


def key(name: str) -> Path:
    """File of a private key, readable by its owner only."""
    return PKI / f"{name}.key"


def fingerprint() -> str:
    """A digest of every certificate: who reads one is restarted when any is renewed."""
    digest = hashlib.sha256()
    for path in sorted(PKI.glob("*.crt")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def ensure(address: str, now: dt.datetime | None = None) -> None:
    """Make what is missing, near its end, or for another address; keep the rest.

    Args:
        address: the node's address.
        now: the time to judge expiry by; the clock's when None.
    """
    now = now or dt.datetime.now(dt.UTC)
    PKI.mkdir(parents=True, exist_ok=True, mode=0o700)
    if _lasts("ca", now):
        ca = x509.load_pem_x509_certificate(certificate("ca").read_bytes())
        ca_key = _load_key("ca")
    else:
        ca_key = ec.generate_private_key(ec.SECP256R1())
        subject = _subject("rayworks-ca", "")
        ca = _sign(subject, subject, ca_key, ca_key, now, AUTHORITY_LIFETIME, None)
        _write("ca", ca, ca_key)
    for identity in identities(address):
        if _is_good(identity, ca, now):
            continue
        private = ec.generate_private_key(ec.SECP256R1())
        subject = _subject(identity.user, identity.group)
        signed = _sign(ca.subject, subject, private, ca_key, now, LIFETIME, identity.hosts)
        _write(identity.name, signed, private)
    # Service account tokens are signed with a bare key: nothing about it expires.
    if not key("service-account").exists():
        _write_private(key("service-account"), _pem(ec.generate_private_key(ec.SECP256R1())))


def _is_good(identity: Identity, ca: x509.Certificate, now: dt.datetime) -> bool:
    if not _lasts(identity.name, now):
        return False
    found = x509.load_pem_x509_certificate(certificate(identity.name).read_bytes())
    try:
        found.verify_directly_issued_by(ca)
    except Exception:  # whatever is wrong with it, a new one mends it
        return False
    hosts: set[str] = set()
    for extension in found.extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            hosts = {str(name.value) for name in extension.value}
    return hosts == set(identity.hosts) and found.subject == _subject(identity.user, identity.group)


def _lasts(name: str, now: dt.datetime) -> bool:
    if not (certificate(name).exists() and key(name).exists()):
        return False
    found = x509.load_pem_x509_certificate(certificate(name).read_bytes())
    return found.not_valid_before_utc <= now < found.not_valid_after_utc - RENEW_BEFORE


def _subject(user: str, group: str) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group)] if group else []
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, user)])


def _sign(
    issuer: x509.Name,
    subject: x509.Name,
    private: ec.EllipticCurvePrivateKey,
    ca_key: ec.EllipticCurvePrivateKey,
    now: dt.datetime,
    lifetime: dt.timedelta,
    hosts: tuple[str, ...] | None,
) -> x509.Certificate:
    """Sign a certificate; hosts is None for the authority itself."""
    is_ca = hosts is None
    builder = (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        # A little earlier than now: the clock of a resumed machine may step back.
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + lifetime)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=is_ca,
                crl_sign=is_ca,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if hosts is not None:
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
        if hosts:
            usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
            names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    return builder.sign(ca_key, hashes.SHA256())


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(private: ec.EllipticCurvePrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM,
        # The API server reads the public half of its signing key from no other form.
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def _load_key(name: str) -> ec.EllipticCurvePrivateKey:
    loaded = serialization.load_pem_private_key(key(name).read_bytes(), password=None)
    assert isinstance(loaded, ec.EllipticCurvePrivateKey)  # noqa: S101 - we wrote it
    return loaded


def _write(name: str, signed: x509.Certificate, private: ec.EllipticCurvePrivateKey) -> None:
    _write_private(key(name), _pem(private))
    certificate(name).write_bytes(signed.public_bytes(serialization.Encoding.PEM))


def _write_private(path: Path, content: bytes) -> None:
    """Write a file that nobody else could read at any moment, even one that is replaced."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
