"""Make the Secret with the token of the team's Ray clusters, unless it is there.

The program of the hook after install and upgrade. Environment: SECRET, its name; NAMESPACE, the
team's.
"""
# ruff: noqa: S310 - the addresses are http by construction

import base64
import json
import os
import secrets
import ssl
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
PATIENCE_S = 60.0
KEY = "auth_token"

host = os.environ["KUBERNETES_SERVICE_HOST"]
server = f"https://{f'[{host}]' if ':' in host else host}:{os.environ['KUBERNETES_SERVICE_PORT']}"
context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
namespace = os.environ["NAMESPACE"]
name = os.environ["SECRET"]


def call(path: str, body: dict | None = None) -> dict:
    """One request to the API server about the namespace's Secrets; returns its JSON answer."""
    request = urllib.request.Request(
        f"{server}/api/v1/namespaces/{namespace}/secrets{path}",
        data=json.dumps(body).encode() if body is not None else None,
        headers={
            "Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=30, context=context) as response:
        return json.load(response)


def found() -> dict | None:
    """The Secret, or None; the way to the API server may open a moment after the pod starts."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return call(f"/{name}")
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


if (secret := found()) is None:
    token = base64.b64encode(secrets.token_urlsafe(32).encode()).decode()
    metadata = {"name": name, "labels": {"app.kubernetes.io/part-of": "rayworks"}}
    call("", {"metadata": metadata, "type": "Opaque", "data": {KEY: token}})
    print(f"made Secret {name}")
elif not secret.get("data", {}).get(KEY):
    sys.exit(f"Secret {name} is there, and has no {KEY}: add the token, or delete the Secret")
else:
    print(f"Secret {name} is there already")
