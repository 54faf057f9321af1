"""The program of the pre-delete hook: refuse to uninstall while custom resources are left.

RayJobs and RayServices carry finalizers that only the operator removes; without it they, and
their namespace, stay Terminating for ever. Environment: NAMESPACES, those that the operator looks
after, comma separated, empty means all; KEEP, the command that puts Helm's release in order again
(until then it counts as being uninstalled, and cannot be upgraded).
"""
# ruff: noqa: S310 - the addresses are http by construction

import json
import os
import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")

host = os.environ["KUBERNETES_SERVICE_HOST"]
server = f"https://{f'[{host}]' if ':' in host else host}:{os.environ['KUBERNETES_SERVICE_PORT']}"
context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
places = [f"/namespaces/{name}" for name in os.environ["NAMESPACES"].split(",") if name] or [""]

left = []
for place in places:
    for kind in ("rayclusters", "rayjobs", "rayservices", "raycronjobs"):
        request = urllib.request.Request(
            f"{server}/apis/ray.io/v1{place}/{kind}?limit=500",
            headers={"Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30, context=context) as response:
                items = json.load(response)["items"]
        except urllib.error.HTTPError as error:
            if error.code == 404:  # the CRD is gone, and its objects with it
                continue
            raise
        left += [
            f"{kind}/{one['metadata']['namespace']}/{one['metadata']['name']}" for one in items
        ]

if left:
    print("These need the operator to go:")
    print("\n".join(f"  {one}" for one in left))
    print(f"Delete them and uninstall again, or keep the operator: {os.environ['KEEP']}")
    sys.exit(1)
print("no Ray clusters, jobs or services are left")
