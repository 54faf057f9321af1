"""Create the next RayJob of a schedule: the program of the CronJob's pod.

A CronJob's own concurrency policy and history limits see this pod only, which ends at once; here
they are applied to the RayJobs. Files: /manifest/rayjob.json. Environment: SCHEDULE (value of the
label that its runs carry), POLICY (Forbid, Allow or Replace), HISTORY (ended runs to keep), RUN
(name of this pod's Job, unique for a scheduled time).
"""
# ruff: noqa: S310 - the addresses are http by construction

import json
import os
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
ENDED = {"Complete", "Failed", "ValidationFailed"}
LABEL = "rayworks.io/schedule"
#: Of YuniKorn: what has an application's name belongs together.
APPLICATION = "yunikorn.apache.org/app-id"

namespace = (ACCOUNT / "namespace").read_text()
host = os.environ["KUBERNETES_SERVICE_HOST"]
port = os.environ["KUBERNETES_SERVICE_PORT"]
server = f"https://{f'[{host}]' if ':' in host else host}:{port}"
RAYJOBS = f"/apis/ray.io/v1/namespaces/{namespace}/rayjobs"
context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))


def call(method: str, path: str, body: dict | None = None) -> dict:
    """One request to the API server; returns its JSON answer."""
    request = urllib.request.Request(
        server + path,
        method=method,
        data=json.dumps(body).encode() if body is not None else None,
        headers={
            "Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=30, context=context) as response:
        return json.load(response)


def delete(job: dict) -> None:
    """Delete a run, and say so; one that is gone already is as good."""
    name = job["metadata"]["name"]
    try:
        call("DELETE", f"{RAYJOBS}/{name}")
        print(f"deleted {name}")
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise


schedule = os.environ["SCHEDULE"]
selector = urllib.parse.quote(f"{LABEL}={schedule}")
runs = call("GET", f"{RAYJOBS}?labelSelector={selector}")["items"]
active = [job for job in runs if job.get("status", {}).get("jobDeploymentStatus") not in ENDED]
ended = [job for job in runs if job not in active]

policy = os.environ["POLICY"]
if active and policy == "Forbid":
    names = ", ".join(job["metadata"]["name"] for job in active)
    print(f"skipped: {names} still runs, and concurrencyPolicy is Forbid")
    sys.exit()
if policy == "Replace":
    for job in active:
        delete(job)

manifest = json.loads(Path("/manifest/rayjob.json").read_text())
# Owned by the CronJob: its runs go with it.
cronjob = call("GET", f"/apis/batch/v1/namespaces/{namespace}/cronjobs/{schedule}")
manifest["metadata"]["ownerReferences"] = [
    {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "name": schedule,
        "uid": cronjob["metadata"]["uid"],
    }
]
# The Job's name ends in the scheduled minute: a second pod of it finds the run of the first. The
# run is not called as the Job is: its submitter will be a Job too, with the run's name.
name = f"{manifest['metadata']['name']}-run-{os.environ['RUN'].rsplit('-', 1)[-1]}"
manifest["metadata"]["name"] = name
if APPLICATION in manifest["metadata"]["labels"]:
    manifest["metadata"]["labels"][APPLICATION] = name
try:
    call("POST", RAYJOBS, manifest)
    print(f"created {name}")
except urllib.error.HTTPError as error:
    if error.code != 409:
        sys.exit(f"the API server refused {name}: {error.read().decode(errors='replace')}")
    print(f"{name} is there already")

ended.sort(key=lambda job: job["metadata"]["creationTimestamp"], reverse=True)
for job in ended[int(os.environ["HISTORY"]) :]:
    delete(job)
