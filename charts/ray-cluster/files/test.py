"""helm test: run a Ray task on the cluster through its job API.

Environment: ADDRESS of the dashboard, RAY_AUTH_TOKEN with token authentication.
"""
# ruff: noqa: S310 - the addresses are http by construction

import json
import os
import sys
import time
import urllib.error
import urllib.request

PATIENCE_S = 240.0
TASK = "import ray; ray.init(); print(ray.get(ray.remote(num_cpus=0)(lambda: 6 * 7).remote()))"

address = os.environ["ADDRESS"]
token = os.environ.get("RAY_AUTH_TOKEN", "")
deadline = time.monotonic() + PATIENCE_S


def call(path, body=None, authorised=True):
    """One request to the job API; returns its JSON answer."""
    headers = {"Content-Type": "application/json"}
    if token and authorised:
        headers["x-ray-authorization"] = f"Bearer {token}"
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(address + path, data=data, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


while True:
    try:
        job = call("/api/jobs/", {"entrypoint": f'python -c "{TASK}"'})["submission_id"]
        break
    except OSError as error:
        code = getattr(error, "code", 500)
        if code < 500 or time.monotonic() > deadline:
            sys.exit(f"the cluster took no job: {error}")
    time.sleep(1)

while (state := call(f"/api/jobs/{job}")["status"]) not in {"SUCCEEDED", "FAILED", "STOPPED"}:
    if time.monotonic() > deadline:
        sys.exit(f"the job is still {state}")
    time.sleep(1)
log = call(f"/api/jobs/{job}/logs")["logs"]
print(log)
if state != "SUCCEEDED" or "42" not in log:
    sys.exit(f"the job is {state}")

if token:
    try:
        call("/api/jobs/", authorised=False)
    except urllib.error.HTTPError as error:
        if error.code != 401:
            raise
    else:
        sys.exit("the job API answers without a token")
print("a task ran, and only with the token" if token else "a task ran")
