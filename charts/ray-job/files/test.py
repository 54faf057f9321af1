"""helm test: the job is what its values promise.

A job that runs must end SUCCEEDED (this waits for it), a suspended one must be Suspended, a
queued one must be held by its queue or run, a schedule must go on, or be paused. Environment: KIND
and NAME of the object, EXPECT: succeeded, suspended, queued, waiting, scheduled or paused.
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
GROUPS = {"rayjobs": "ray.io/v1", "raycronjobs": "ray.io/v1", "cronjobs": "batch/v1"}

kind, name, expect = os.environ["KIND"], os.environ["NAME"], os.environ["EXPECT"]
host = os.environ["KUBERNETES_SERVICE_HOST"]
server = f"https://{f'[{host}]' if ':' in host else host}:{os.environ['KUBERNETES_SERVICE_PORT']}"
namespace = (ACCOUNT / "namespace").read_text()
context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))


def find():
    """The object as it is now."""
    request = urllib.request.Request(
        f"{server}/apis/{GROUPS[kind]}/namespaces/{namespace}/{kind}/{name}",
        headers={"Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}"},
    )
    with urllib.request.urlopen(request, timeout=30, context=context) as response:
        return json.load(response)


if expect in {"scheduled", "paused"}:
    schedule = find()["spec"]
    if schedule.get("suspend", False) != (expect == "paused"):
        sys.exit(f"{name} is {'' if schedule.get('suspend') else 'not '}suspended")
    print(f"{kind} {name}: {schedule['schedule']}, {expect}")
    sys.exit()

while True:
    found = find()
    status = found.get("status", {})
    job, deployment = status.get("jobStatus", ""), status.get("jobDeploymentStatus", "")
    if job == "SUCCEEDED" and deployment == "Complete":
        break
    if deployment in {"Failed", "ValidationFailed"} or job in {"FAILED", "STOPPED"}:
        sys.exit(f"{name} is {deployment} {job}: {status.get('message', '')}")
    if expect == "suspended" and deployment == "Suspended":
        break
    # Whoever holds it says so in its spec, and the operator has taken note.
    held = found["spec"].get("suspend") and deployment == "Suspended"
    if expect == "queued" and (held or deployment == "Running"):
        break
    if expect == "waiting" and deployment == "Waiting":
        break
    time.sleep(1)
print(f"{name}: {deployment} {job}")
