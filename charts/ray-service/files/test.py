"""helm test: the endpoint is healthy, and has a route for each application.

Environment: ADDRESS of the endpoint, ROUTES that it must have, with spaces between.
"""
# ruff: noqa: S310 - the addresses are http by construction

import json
import os
import sys
import time
import urllib.request

PATIENCE_S = 300.0

address = os.environ["ADDRESS"]
wanted = set(os.environ["ROUTES"].split())
deadline = time.monotonic() + PATIENCE_S

while True:
    try:
        with urllib.request.urlopen(address + "/-/healthz", timeout=10) as answer:
            said = answer.read().decode()
        with urllib.request.urlopen(address + "/-/routes", timeout=10) as answer:
            routes = json.load(answer)
        if missing := wanted - set(routes):
            said = f"no route {', '.join(sorted(missing))}"
        elif said == "success":
            break
    except (OSError, ValueError) as error:
        said = str(error)
    if time.monotonic() > deadline:
        sys.exit(f"the endpoint is not ready: {said}")
    time.sleep(1)
print(f"the endpoint serves {', '.join(sorted(wanted))}")
