"""helm test: what this release promises is there, and its Prometheus answers.

Environment: OBJECTS, paths of the API server that must exist, with spaces between; DEPLOYMENT, the
path of the pod's own, empty where there is none; PROMETHEUS, its address where it is on the
network, with USERNAME and PASSWORD.
"""
# ruff: noqa: S310 - the addresses are http by construction

import base64
import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
PATIENCE_S = 180.0

host = os.environ["KUBERNETES_SERVICE_HOST"]
server = f"https://{f'[{host}]' if ':' in host else host}:{os.environ['KUBERNETES_SERVICE_PORT']}"
context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
deadline = time.monotonic() + PATIENCE_S


def get(url, authorization, context=None):
    """The JSON behind an address."""
    request = urllib.request.Request(url, headers={"Authorization": authorization})
    with urllib.request.urlopen(request, timeout=30, context=context) as response:
        return json.load(response)


def api(path):
    """An object of the API server."""
    return get(server + path, f"Bearer {(ACCOUNT / 'token').read_text()}", context)


for path in os.environ["OBJECTS"].split():
    try:
        api(path)
    except urllib.error.HTTPError as error:
        sys.exit(f"{path}: {error.code} {error.reason}")
    print(f"there is {path}")

if path := os.environ["DEPLOYMENT"]:
    while not api(path).get("status", {}).get("availableReplicas", 0):
        if time.monotonic() > deadline:
            sys.exit(f"not available: {path}")
        time.sleep(1)
    print(f"available: {path}")

if address := os.environ["PROMETHEUS"]:
    login = f"{os.environ['USERNAME']}:{os.environ['PASSWORD']}".encode()
    basic = f"Basic {base64.b64encode(login).decode()}"
    query = f"{address}/api/v1/query?query=up"
    known = []
    while "prometheus" not in known:
        try:
            known = [one["metric"].get("job") for one in get(query, basic)["data"]["result"]]
        except OSError as error:
            known = [str(error)]
        if time.monotonic() > deadline:
            sys.exit(f"Prometheus has not even asked itself: {known}")
        time.sleep(1)
    try:
        get(query, "")
        sys.exit("Prometheus answers without a password")
    except urllib.error.HTTPError as error:
        if error.code != 401:
            raise
    print(f"Prometheus knows {len(known)} targets, and asks for a password")
