{{/*
TLS between the nodes of a cluster: each pod has a certificate of its own, since Ray's processes find each other by
pod IPs, which nobody knows before. An init container signs it; only that container sees the authority's key.
*/}}

{{/* ray.tlsScript: writes tls.crt, tls.key and ca.crt. The certificate is good for as long as the authority's. */}}
{{- define "ray.tlsScript" -}}
import datetime, ipaddress, os, pathlib
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

source = pathlib.Path(os.environ.get("AUTHORITY", "/authority"))
target = pathlib.Path(os.environ.get("TARGET", "/etc/ray/tls"))
authority = x509.load_pem_x509_certificate((source / "tls.crt").read_bytes())
signing = serialization.load_pem_private_key((source / "tls.key").read_bytes(), None)
head = os.environ["CLUSTER"] + "-head-svc"
place = f"{os.environ['NAMESPACE']}.svc"
domain = os.environ.get("CLUSTER_DOMAIN", "cluster.local")
names = ["localhost", head, f"{head}.{place}", f"{head}.{place}.{domain}"]
addresses = ["127.0.0.1", os.environ["POD_IP"]]
key = ec.generate_private_key(ec.SECP256R1())
usage = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
now = datetime.datetime.now(datetime.timezone.utc)
certificate = (
    x509.CertificateBuilder()
    .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ray")]))
    .issuer_name(authority.subject)
    .public_key(key.public_key())
    .serial_number(x509.random_serial_number())
    .not_valid_before(now - datetime.timedelta(minutes=5))
    .not_valid_after(authority.not_valid_after_utc)
    .add_extension(x509.SubjectAlternativeName(
        [x509.DNSName(name) for name in names]
        + [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]), False)
    .add_extension(x509.ExtendedKeyUsage(usage), False)
    .sign(signing, hashes.SHA256())
)
pem = serialization.Encoding.PEM
(target / "tls.crt").write_bytes(certificate.public_bytes(pem))
(target / "ca.crt").write_bytes(authority.public_bytes(pem))
(target / "tls.key").write_bytes(key.private_bytes(
    pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
{{- end -}}

{{/* ray.authority ROOT: cert-manager's request for an authority, where an issuer is named. */}}
{{- define "ray.authority" -}}
{{- $tls := .Values.tls -}}
{{- if and $tls.enabled $tls.issuer.name }}
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: {{ .Release.Name }}-authority
  labels:
    {{- include "ray.labels" . | nindent 4 }}
spec:
  commonName: {{ .Release.Name }}-authority
  # Renewed certificates of the authority would part new pods from those that run.
  duration: 87600h
  isCA: true
  issuerRef:
    group: cert-manager.io
    kind: {{ $tls.issuer.kind }}
    name: {{ $tls.issuer.name | quote }}
  privateKey:
    algorithm: ECDSA
    size: 256
  secretName: {{ .Release.Name }}-authority
{{- end }}
{{- end -}}
