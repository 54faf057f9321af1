"""helm test: a run with an artifact is logged and read back, and nobody gets in without signing in.

Environment: ADDRESS of the server; USERNAME and PASSWORD, if users must sign in.
"""
# ruff: noqa: S310 - the addresses are http by construction

import base64
import json
import os
import sys
import time
import urllib.error
import urllib.request

PATIENCE_S = 300.0
API = "/api/2.0/mlflow"
EXPERIMENT = "helm-test"
CONTENT = b"artifact of a helm test"

address = os.environ["ADDRESS"]
login = {}
if username := os.environ.get("USERNAME"):
    token = base64.b64encode(f"{username}:{os.environ['PASSWORD']}".encode()).decode()
    login = {"Authorization": f"Basic {token}"}


def ask(path, body=None, method=None, headers=login):
    """What is answered: status and content."""
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    headers = {**headers, "Content-Type": "application/json"}
    request = urllib.request.Request(address + path, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def call(path, body=None):
    """What a method of the API answers."""
    status, said = ask(API + path, body)
    if status != 200:
        sys.exit(f"{path}: {status} {said.decode(errors='replace')}")
    return json.loads(said)


deadline = time.monotonic() + PATIENCE_S
while True:
    try:
        if ask("/health")[0] == 200:
            break
    except OSError as error:
        print(error)
    if time.monotonic() > deadline:
        sys.exit("the server is not up")
    time.sleep(1)

if login:
    for path in (
        "/",
        "/metrics",
        API + "/experiments/search",
        "/api/2.0/mlflow-artifacts/artifacts",
    ):
        status, _ = ask(path, headers={})
        if status != 401:
            sys.exit(f"{path} answers {status} to somebody who has not signed in")

status, said = ask(f"{API}/experiments/get-by-name?experiment_name={EXPERIMENT}")
if status == 200:
    experiment = json.loads(said)["experiment"]["experiment_id"]
else:
    experiment = call("/experiments/create", {"name": EXPERIMENT})["experiment_id"]
run = call("/runs/create", {"experiment_id": experiment})["run"]["info"]
call("/runs/log-parameter", {"run_id": run["run_id"], "key": "answer", "value": "42"})
folder = run["artifact_uri"].removeprefix("mlflow-artifacts:/").lstrip("/")
artifact = f"/api/2.0/mlflow-artifacts/artifacts/{folder}/test.txt"
status, said = ask(artifact, CONTENT, "PUT")
if status not in (200, 204):
    sys.exit(f"{artifact}: {status} {said.decode(errors='replace')}")
if ask(artifact) != (200, CONTENT):
    sys.exit(f"{artifact} came back changed")
found = call(f"/runs/get?run_id={run['run_id']}")["run"]["data"]["params"]
if found != [{"key": "answer", "value": "42"}]:
    sys.exit(f"the run came back as {found}")
call("/runs/delete", {"run_id": run["run_id"]})
print(f"run {run['run_id']} was logged with an artifact, read back, and deleted")
