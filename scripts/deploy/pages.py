"""Web pages beside Ray's own: Grafana, Prometheus, MLflow, wherever they run."""

from __future__ import annotations

import base64
import re

from deploy.access import check_port
from deploy.environments import Environment, command
from lib.errors import UserError
from lib.kube import Kube, Object, condition

#: Port of each, as its container calls it where it does.
PORTS = {"grafana": 3000, "prometheus": 9090, "mlflow": 5000}

_USER = re.compile(r"ADMIN_USER(NAME)?$")
_PASSWORD = re.compile(r"ADMIN_PASSWORD$")


def show(place: Environment, name: str, port: int | None) -> None:
    """Say where a page is and how to log in; forward its port until Ctrl-C where it is inside.

    Args:
        place: where to look.
        name: key of PORTS.
        port: on this machine; None: the page's own.

    Raises:
        UserError: there is no such page.
    """
    kube = Kube(place.kubeconfig)
    pod = _pod(kube, name)
    url = place.dashboards().get(name)
    if url and (pod is None or name == "grafana"):
        print(f"{name}: {url}\nit asks for your login to the cloud")
        if name == "prometheus":
            print("it answers queries, and has no page: make ui UI=grafana shows what it knows")
        return
    if pod is None:
        raise UserError(
            f"no {name} runs in this cluster, and the place has none of its own",
            {
                "grafana": "an add-on or chart ray-monitoring with grafana.enabled makes one",
                "prometheus": f"{command(place, 'deploy')} makes one",
                "mlflow": "chart mlflow makes one: charts/mlflow/README.md",
            }[name],
        )
    local = port or PORTS[name]
    check_port(local, f"ui UI={name}")
    meta = pod["metadata"]
    target = f"pod/{meta['name']}"
    with kube.forwarded(target, PORTS[name], meta["namespace"], local) as forwarded:
        print(f"{name}: {forwarded.url}")
        user, password = login(kube, pod)
        if password:
            print(f"user {user}, password {password}")
        print("Ctrl-C ends", flush=True)
        forwarded.hold()


def _pod(kube: Kube, name: str) -> Object | None:
    """A ready pod with a container of this name: all who ship one call it so."""
    for pod in kube.list("pods"):
        containers = {one["name"] for one in pod["spec"]["containers"]}
        if name in containers and condition(pod, "Ready"):
            return pod
    return None


def login(kube: Kube, pod: Object) -> tuple[str, str]:
    """The administrator's name and password, from the Secrets that the pod's variables refer to."""
    found = {"user": "admin", "password": ""}
    spec = pod["spec"]
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        for variable in container.get("env", []):
            reference = variable.get("valueFrom", {}).get("secretKeyRef")
            for key, pattern in (("user", _USER), ("password", _PASSWORD)):
                if reference and pattern.search(variable["name"]):
                    space = pod["metadata"]["namespace"]
                    secret = kube.find("secret", reference["name"], space)
                    if secret and reference["key"] in secret["data"]:
                        text = base64.b64decode(secret["data"][reference["key"]])
                        found[key] = text.decode()
    return found["user"], found["password"]
