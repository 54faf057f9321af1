"""helm test: the namespace lets in what it should, keeps out what it should not, and has a token.

Pods are sent as dry runs: all of admission sees them, and nothing is made. Environment: SECRET with
the token; LEVEL of Pod Security that the namespace enforces, empty where it is not this release's;
TOO_MUCH, resources beyond the quota, as JSON, or empty; HOST, a name that DNS must know.
"""
# ruff: noqa: S310 - the addresses are http by construction

import json
import os
import socket
import ssl
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
PATIENCE_S = 60.0
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "seccompProfile": {"type": "RuntimeDefault"},
}

host = os.environ["KUBERNETES_SERVICE_HOST"]
server = f"https://{f'[{host}]' if ':' in host else host}:{os.environ['KUBERNETES_SERVICE_PORT']}"
namespace = (ACCOUNT / "namespace").read_text()
context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))


def call(path, body=None):
    """Status and JSON answer of a request about the namespace."""
    request = urllib.request.Request(
        f"{server}/api/v1/namespaces/{namespace}/{path}",
        data=json.dumps(body).encode() if body is not None else None,
        headers={
            "Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}",
            "Content-Type": "application/json",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=30, context=context) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def pod(security, resources):
    """Send a pod of one container; status and what the API server said or made of it."""
    container = {"name": "c", "image": "none", "resources": resources, "securityContext": security}
    body = {"metadata": {"generateName": "dry-"}, "spec": {"containers": [container]}}
    code, said = call("pods?dryRun=All", body)
    return code, said.get("message", "") if code >= 400 else said["spec"]["containers"][0]


deadline = time.monotonic() + PATIENCE_S
while True:
    try:
        code, said = call(f"secrets/{os.environ['SECRET']}")
        break
    except OSError as error:  # its policy may be in force a moment after it starts
        if time.monotonic() > deadline:
            sys.exit(f"the API server does not answer: {error}")
    time.sleep(1)
if code != 200 or not said.get("data", {}).get("auth_token"):
    sys.exit(f"no token in Secret {os.environ['SECRET']}: {said.get('message', 'no auth_token')}")

while (answer := pod(RESTRICTED, {}))[0] != 201:
    # A quota that has just been made has not been counted yet.
    if "status unknown for quota" not in answer[1] or time.monotonic() > deadline:
        sys.exit(f"a pod that says nothing about its resources is refused: {answer[1]}")
    time.sleep(1)
print(f"a pod that says nothing gets {json.dumps(answer[1]['resources'])}")

if os.environ["LEVEL"] in {"restricted", "baseline"}:
    code, said = pod({"privileged": True}, {})
    if code != 403 or "PodSecurity" not in said:
        sys.exit(f"a privileged pod is not refused by Pod Security: {code} {said}")
    print("a privileged pod is refused")

if os.environ["TOO_MUCH"]:
    code, said = pod(RESTRICTED, json.loads(os.environ["TOO_MUCH"]))
    if code != 403 or "exceeded quota" not in said:
        sys.exit(f"a pod beyond the quota is not refused: {code} {said}")
    print("a pod beyond the quota is refused")

socket.getaddrinfo(os.environ["HOST"], 443)
print("names are resolved")
