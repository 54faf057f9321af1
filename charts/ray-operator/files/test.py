"""helm test: the custom resources are served, and the operator is available.

Environment: DEPLOYMENT, the operator's.
"""
# ruff: noqa: S310 - the addresses are http by construction

import json
import os
import ssl
import sys
import time
import urllib.request
from pathlib import Path

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
PATIENCE_S = 120.0

host = os.environ["KUBERNETES_SERVICE_HOST"]
server = f"https://{f'[{host}]' if ':' in host else host}:{os.environ['KUBERNETES_SERVICE_PORT']}"
namespace = (ACCOUNT / "namespace").read_text()
context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))


def get(path):
    """One object of the API server."""
    request = urllib.request.Request(
        server + path, headers={"Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}"}
    )
    with urllib.request.urlopen(request, timeout=30, context=context) as response:
        return json.load(response)


served = {one["kind"] for one in get("/apis/ray.io/v1")["resources"]}
if missing := {"RayCluster", "RayJob", "RayService", "RayCronJob"} - served:
    sys.exit(f"not served: {', '.join(sorted(missing))}; install chart ray-crds")

deadline = time.monotonic() + PATIENCE_S
path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{os.environ['DEPLOYMENT']}"
while not (ready := get(path).get("status", {}).get("availableReplicas", 0)):
    if time.monotonic() > deadline:
        sys.exit("the operator is not available")
    time.sleep(1)
print(f"custom resources are served, {ready} operator available")
