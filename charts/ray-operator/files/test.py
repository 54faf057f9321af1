"""helm test: the custom resources are served, and an operator works.

Environment: DEPLOYMENT, the operator's; LEASE, that of the operator that was elected, absent
without an election.
"""
# ruff: noqa: S310 - the addresses are http by construction

import datetime
import json
import os
import ssl
import sys
import time
import urllib.error
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


def leads():
    """Whether an operator holds the lease, and has said so lately."""
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{os.environ['LEASE']}"
    try:
        lease = get(path)["spec"]
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return False
        raise
    if not lease.get("holderIdentity"):
        return False
    renewed = datetime.datetime.fromisoformat(lease["renewTime"])
    age = datetime.datetime.now(datetime.UTC) - renewed
    return age.total_seconds() < lease["leaseDurationSeconds"]


served = {one["kind"] for one in get("/apis/ray.io/v1")["resources"]}
if missing := {"RayCluster", "RayJob", "RayService", "RayCronJob"} - served:
    sys.exit(f"not served: {', '.join(sorted(missing))}; install chart ray-crds")

deadline = time.monotonic() + PATIENCE_S
path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{os.environ['DEPLOYMENT']}"
while True:
    ready = get(path).get("status", {}).get("availableReplicas", 0)
    if ready and ("LEASE" not in os.environ or leads()):
        break
    if time.monotonic() > deadline:
        sys.exit("no operator was elected" if ready else "the operator is not available")
    time.sleep(1)
print(f"custom resources are served, operators available: {ready}")
