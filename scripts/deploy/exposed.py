"""The public address of an endpoint: with TLS and somebody who asks who comes, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lib.errors import UserError
from lib.kube import Kube

#: Annotations by which a cloud's own load balancer ends TLS, with a certificate of the cloud's.
CERTIFICATES = (
    "alb.ingress.kubernetes.io/certificate-arn",
    "kubernetes.azure.com/tls-cert-keyvault-uri",
)

#: What `ingress.authentication` says where somebody asks for credentials.
ASKING = {
    "ingress-controller": "the entrance asks for credentials",
    "application": "the application asks for credentials",
}


@dataclass(frozen=True, slots=True)
class Exposed:
    """What values say of an endpoint that is shown to the outside.

    Args:
        host: its name.
        path: under which it is.
        authentication: who asks for credentials.
        encrypted: an Ingress ends TLS.
        gateway: the Gateway that takes requests, in place of an Ingress: namespace, name, listener.
    """

    host: str
    path: str
    authentication: str
    encrypted: bool
    gateway: tuple[str, str, str] | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any], release: str) -> Exposed | None:
        """What merged values say; None where the endpoint is not shown."""
        own = values.get("ingress") or {}
        if not own.get("enabled"):
            return None
        place = values.get("global", {}).get("ray", {}).get("ingress") or {}
        annotations = {**(place.get("annotations") or {}), **(own.get("annotations") or {})}
        gateway = place.get("gateway") or {}
        domain = place.get("domain", "")
        return cls(
            host=own.get("host") or f"{release}.{domain}",
            path=own.get("path", "/"),
            authentication=own.get("authentication", ""),
            encrypted=bool(place.get("tlsSecret")) or any(annotations.get(c) for c in CERTIFICATES),
            gateway=(
                (gateway.get("namespace", ""), gateway["name"], gateway.get("sectionName", ""))
                if gateway.get("name")
                else None
            ),
        )

    def check(self, kube: Kube) -> None:
        """Refuse what would be open to the world.

        Raises:
            UserError: nobody asks for credentials, or they would travel in the clear.
        """
        if self.authentication not in ASKING:
            raise UserError(
                f"https://{self.host}{self.path} would be open to the whole world: "
                f"ingress.authentication is {self.authentication or 'empty'}",
                f"say who asks for credentials: {' or '.join(ASKING)}; or leave ingress.enabled "
                "off, and reach it by kubectl port-forward",
            )
        if not self._encrypted(kube):
            where = (
                f"Gateway {self.gateway[1]} takes requests without TLS"
                if self.gateway
                else "global.ray.ingress names no certificate"
            )
            raise UserError(
                f"credentials for {self.host}{self.path} would travel in the clear: {where}",
                "global.ray.ingress.tlsSecret, an annotation of the cloud's "
                f"({', '.join(CERTIFICATES)}), or a Gateway whose listeners are all HTTPS",
            )

    def _encrypted(self, kube: Kube) -> bool:
        if self.gateway is None:
            return self.encrypted
        namespace, name, listener = self.gateway
        kind = "gateway.gateway.networking.k8s.io"
        found = kube.find(kind, name, namespace or None)
        if found is None:
            raise UserError(
                f"there is no Gateway {name} in namespace {namespace or 'default'}",
                "the add-on that makes it, or another global.ray.ingress.gateway",
            )
        taken = [
            one for one in found["spec"]["listeners"] if not listener or one["name"] == listener
        ]
        return bool(taken) and all(one["protocol"] in {"HTTPS", "TLS"} for one in taken)

    def __str__(self) -> str:
        return f"https://{self.host}{self.path} ({ASKING.get(self.authentication, '')})"
