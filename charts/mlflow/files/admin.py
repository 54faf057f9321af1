"""The program of the hook: make the administrator's Secret, unless it is there.

Environment: SECRET, its name.
"""
# ruff: noqa: S310 - the addresses are http by construction

import json
import os
import secrets
import ssl
import urllib.error
import urllib.request
from pathlib import Path

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")

host = os.environ["KUBERNETES_SERVICE_HOST"]
server = f"https://{f'[{host}]' if ':' in host else host}:{os.environ['KUBERNETES_SERVICE_PORT']}"
namespace = (ACCOUNT / "namespace").read_text()
name = os.environ["SECRET"]

secret = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": name, "labels": {"app.kubernetes.io/part-of": "rayworks"}},
    "stringData": {
        "username": "admin",
        "password": secrets.token_urlsafe(24),
        "secretKey": secrets.token_urlsafe(32),
    },
}
request = urllib.request.Request(
    f"{server}/api/v1/namespaces/{namespace}/secrets",
    data=json.dumps(secret).encode(),
    headers={
        "Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}",
        "Content-Type": "application/json",
    },
    method="POST",
)
context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
try:
    with urllib.request.urlopen(request, timeout=30, context=context):
        print(f"made Secret {name}")
except urllib.error.HTTPError as error:
    if error.code != 409:
        raise
    print(f"Secret {name} is there, and stays as it is")
