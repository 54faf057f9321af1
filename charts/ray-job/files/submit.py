"""Submit a Ray job and follow its log: the program of the submitter pod.

It uses the job API directly. `ray job submit` imports all of Ray, three times over, before it
sends one request: several seconds of CPU on a small node, at the moment when the cluster needs
them.

Environment: RAY_DASHBOARD_ADDRESS and RAY_JOB_SUBMISSION_ID (from the operator), RAY_AUTH_TOKEN
with token authentication, RAYWORKS_SUBMISSION: the request as JSON. Exit code 0 when the job is
known to the cluster and has ended, however it ended: the operator reads the job's own status, and
a retry of this pod would not repeat the job. The same when a new head knows nothing of the job:
whether it is to be run again is `job.backoffLimit`, and the operator's to decide.
"""
# ruff: noqa: S310 - the addresses are http by construction

import asyncio
import json
import os
import sys
import time
import urllib.error
import urllib.request

TERMINAL = {"SUCCEEDED", "FAILED", "STOPPED"}
PATIENCE_S = 300.0

address = os.environ["RAY_DASHBOARD_ADDRESS"]
if "://" not in address:
    address = f"http://{address}"
job_id = os.environ["RAY_JOB_SUBMISSION_ID"]
token = os.environ.get("RAY_AUTH_TOKEN", "")
headers = {"x-ray-authorization": f"Bearer {token}"} if token else {}


def call(method: str, path: str, body: dict | None = None) -> dict:
    """One request to the job API; returns its JSON answer."""
    request = urllib.request.Request(
        address + path,
        method=method,
        data=json.dumps(body).encode() if body is not None else None,
        headers={**headers, "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


def submit() -> None:
    """Submit once, or find that an earlier pod did."""
    request = {**json.loads(os.environ["RAYWORKS_SUBMISSION"]), "submission_id": job_id}
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            call("POST", "/api/jobs/", request)
            print(f"submitted {job_id}", flush=True)
            return
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")
            if "use a different submission_id" in said:
                print(f"{job_id} is submitted already", flush=True)
                return
            # 5xx: the dashboard is up before the agent that starts jobs.
            if error.code < 500 or time.monotonic() > deadline:
                sys.exit(f"the cluster refused the job: {error.code} {said}")
        except OSError as error:
            if time.monotonic() > deadline:
                sys.exit(f"no answer from {address}: {error}")
        time.sleep(0.3)


def status() -> str:
    """State of the job."""
    return str(call("GET", f"/api/jobs/{job_id}")["status"])


async def follow() -> None:
    """Print the log until the job ends."""
    import aiohttp  # after the submission, which does not wait for this import

    url = f"{address}/api/jobs/{job_id}/logs/tail"
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.ws_connect(url, heartbeat=30, max_msg_size=0) as log,
    ):
        async for message in log:
            if message.type == aiohttp.WSMsgType.TEXT:
                sys.stdout.write(message.data)
                sys.stdout.flush()


submit()
followed = False
alive_at = time.monotonic()
while True:
    try:
        if (state := status()) in TERMINAL:
            break
        alive_at = time.monotonic()
        followed = True
        asyncio.run(follow())
    except Exception as error:
        if getattr(error, "code", None) == 404:
            print(f"{job_id} is lost: the head that ran it is gone", flush=True)
            sys.exit()
        # The head restarts or the connection broke: the log is followed from its beginning again.
        if time.monotonic() - alive_at > PATIENCE_S:
            sys.exit(f"lost the cluster: {error}")
        time.sleep(1)
if not followed:
    print(call("GET", f"/api/jobs/{job_id}/logs")["logs"])
print(f"job {job_id}: {state}", flush=True)
