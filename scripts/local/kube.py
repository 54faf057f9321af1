"""Asking the API server: just enough HTTP for health checks that run twenty times a second."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any

from local import layout, pki


class UnreachableError(Exception):
    """No answer, or not the one asked for; the text says what came instead."""


def get(url: str, timeout: float = 2) -> str:
    """Fetch a URL of the node, as the cluster's administrator where it is https.

    Raises:
        UnreachableError: no connection, or a status other than 200.
    """
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    connection: http.client.HTTPConnection
    try:
        if scheme == "https":
            connection = http.client.HTTPSConnection(authority, timeout=timeout, context=_context())
        else:
            connection = http.client.HTTPConnection(authority, timeout=timeout)
        try:
            connection.request("GET", slash + path)
            response = connection.getresponse()
            body = response.read().decode(errors="replace")
        finally:
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        raise UnreachableError(str(error) or type(error).__name__) from error
    if response.status != 200:
        raise UnreachableError(f"status {response.status}: {body.strip()[-300:]}")
    return body


def _context() -> ssl.SSLContext:
    # The controller manager and the scheduler serve their health with certificates that they
    # made themselves, so the chain is not checked: only who we are is proved, to the API server,
    # over a wire that ends in our own box.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(pki.certificate("admin"), pki.key("admin"))
    return context


def get_object(address: str, path: str) -> dict[str, Any]:
    """Read an object of the API by its path.

    Raises:
        UnreachableError: it does not exist, or the API server does not answer.
    """
    found: dict[str, Any] = json.loads(get(f"https://{address}:{layout.API_PORT}{path}"))
    return found
