"""Programs that stand for a cloud and for the Kubernetes in it: they keep what they make in a file.

`cloud_world.py` puts them on PATH under the names `terraform`, `az`, `aws`, `docker`, `kind`,
`kubelogin`, `kubectl` and `helm`. Each call is written down, and may be told to fail.
"""

from __future__ import annotations

import fcntl
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

HOME = pathlib.Path(os.environ.get("FAKE_WORLD", "."))


class FakeError(Exception):
    """What a program says on stderr, and its exit code."""

    def __init__(self, said: str, code: int = 1) -> None:
        super().__init__(said)
        self.said = said
        self.code = code


class File:
    """The world as JSON, held by one program at a time."""

    def __enter__(self) -> dict:
        self.lock = (HOME / "lock").open("w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.world = json.loads((HOME / "world.json").read_text())
        return self.world

    def __exit__(self, *_: object) -> None:
        part = HOME / "world.part"
        part.write_text(json.dumps(self.world))
        part.rename(HOME / "world.json")
        self.lock.close()


def main() -> None:
    program = pathlib.Path(sys.argv[0]).name
    words = sys.argv[1:]
    line = " ".join([program, *words])
    with File() as world:
        world["calls"].append(line)
        for text, failure in world["failures"].items():
            if text in line and failure["times"]:
                failure["times"] -= 1
                print(failure["said"], file=sys.stderr)
                sys.exit(failure.get("code", 1))
    try:
        said = PROGRAMS[program](words)
    except FakeError as failing:
        print(failing.said, file=sys.stderr)
        sys.exit(failing.code)
    if said is not None:
        print(said if isinstance(said, str) else json.dumps(said, indent=4))


def option(words: list[str], name: str, default: str = "") -> str:
    for i, word in enumerate(words):
        if word == name and i + 1 < len(words):
            return words[i + 1]
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return default


# --- terraform ---------------------------------------------------------------------------------


def terraform(words: list[str]) -> object:
    with File() as world:
        there = world["terraform"]
        workspace = os.environ.get("TF_WORKSPACE", "default")
        if words[0] == "version":
            return f"Terraform v{there['version']}"
        if words[0] == "init":
            return "initialized"
        if words[:2] == ["workspace", "list"]:
            return "\n".join(f"  {name}" for name in there["states"])
        if words[:2] == ["workspace", "new"]:
            there["states"][words[-1]] = []
            return None
        if words[:2] == ["workspace", "delete"]:
            if there["states"].pop(words[-1]):
                raise FakeError("the workspace is not empty")
            return None
        if words[0] == "workspace":
            return None
        state = there["states"].setdefault(workspace, [])
        made = {one["address"] for one in state}
        if words[0] == "plan":
            if "-destroy" in words:
                targets = {w.partition("=")[2] for w in words if w.startswith("-target=")}
                changes = [one for one in state if not targets or one["address"] in targets]
                action = "delete"
            else:
                changes = [one for one in there["wanted"] if one["address"] not in made]
                action = "create"
            plan = {"workspace": workspace, "action": action, "changes": changes}
            pathlib.Path(option(words, "-out")).write_text(json.dumps(plan))
            return "planned"
        if words[:2] == ["show", "-json"]:
            if len(words) == 3:
                plan = json.loads(pathlib.Path(words[2]).read_text())
                after = state + plan["changes"] if plan["action"] == "create" else []
                return {
                    "variables": {k: {"value": v} for k, v in there["variables"].items()},
                    "planned_values": {
                        "root_module": {"resources": after},
                        "outputs": {k: {"value": v} for k, v in there["outputs"].items()},
                    },
                    "resource_changes": [
                        {
                            **{key: one[key] for key in ("address", "type")},
                            "change": {"actions": [plan["action"]], "after": one["values"]},
                        }
                        for one in plan["changes"]
                    ],
                }
            return {"values": {"root_module": {"resources": state}}} if state else {}
        if words[:2] == ["output", "-json"]:
            outputs = there["outputs"] if state else {}
            return {name: {"value": value} for name, value in outputs.items()}
        slow, fails_at = there["slow"], there["fails_at"]
    if words[0] != "apply":
        raise FakeError(f"terraform {words} is not known to the fake")
    interrupts: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: interrupts.append(number))
    plan = json.loads(pathlib.Path(words[-1]).read_text())
    for one in plan["changes"]:
        address = one["address"]
        print(
            f"{address}: {'Creating' if plan['action'] == 'create' else 'Destroying'}...",
            flush=True,
        )
        time.sleep(slow)
        if address == fails_at:
            print(f"╷\n│ Error: creating {address}: the cloud says no\n│ \n│ ask it again\n╵")
            sys.exit(1)
        with File() as world:
            state = world["terraform"]["states"][plan["workspace"]]
            known = one["values"].get("arn") or one["values"].get("id")
            if plan["action"] == "create":
                state.append(one)
                world["tagged"] += [known] if known else []
            else:
                state[:] = [other for other in state if other["address"] != address]
                world["tagged"] = [other for other in world["tagged"] if other != known]
        done = "Creation" if plan["action"] == "create" else "Destruction"
        print(f"{address}: {done} complete after 0s", flush=True)
        if interrupts:
            with File() as world:
                world["interrupts"] = len(interrupts)
            print("╷\n│ Error: execution halted\n╵")
            sys.exit(1)
    return "Apply complete!"


GROUP = re.compile("/resourceGroups/[^/]+$")

# --- clouds ------------------------------------------------------------------------------------


def az(words: list[str]) -> object:
    with File() as world:
        there = world["azure"]
        match words[:3]:
            case ["version", *_]:
                return {"azure-cli": "2.77.0"}
            case ["account", "show", *_]:
                return there["account"]
            case ["account", "get-access-token", *_]:
                return None
            case ["role", "assignment", "list"]:
                return [{"roleDefinitionName": one} for one in there["roles"]]
            case ["role", "definition", "list"]:
                return [{"permissions": [there["roles"][option(words, "--name")]]}]
            case ["vm", "list-usage", *_]:
                return there["usage"]
            case ["vm", "list-skus", *_]:
                return there["skus"].get(option(words, "--size"), [])
            case [_, "check-name", *_] | [_, _, "check-name"]:
                name = option(words, "--name")
                free = name not in there["taken"]
                return {"nameAvailable": free, "message": None if free else f"{name} is taken"}
            case ["acr", "login", *_]:
                return None
            case ["acr", "repository", "show"]:
                if option(words, "--image") not in world["registry"]:
                    raise FakeError("ERROR: manifest unknown: NAME_UNKNOWN")
                return None
            case ["group", "list", *_]:
                groups = [one for one in world["tagged"] if GROUP.search(one)]
                return [{"name": one.rpartition("/")[2], "id": one} for one in groups]
            case ["resource", "list", *_]:
                return [{"id": one} for one in world["tagged"] if not GROUP.search(one)]
            case ["extension", "add", *_]:
                return None
            case ["grafana", "folder", "list"]:
                return [{"title": one} for one in there["folders"]]
            case ["grafana", "folder", "create"]:
                there["folders"].append(option(words, "--title"))
                return None
            case ["grafana", "dashboard", "create"]:
                assert option(words, "--folder") in there["folders"]
                json.loads(pathlib.Path(option(words, "--definition")).read_text())
                return None
            case ["redis", "list-keys", *_]:
                return "a-password"
            case ["aks", "get-credentials", *_]:
                return credentials(option(words, "--file"))
    raise FakeError(f"az {words} is not known to the fake")


def aws(words: list[str]) -> object:
    with File() as world:
        there = world["aws"]
        match words[:2]:
            case ["--version"]:
                return "aws-cli/2.31.0 Python/3.13.7"
            case ["configure", "get"]:
                raise FakeError("")
            case ["sts", "get-caller-identity"]:
                return there["identity"]
            case ["iam", "get-role"]:
                name = option(words, "--role-name")
                return {"Role": {"Arn": f"arn:aws:iam::111122223333:role/{name}"}}
            case ["iam", "simulate-principal-policy"]:
                actions = [word for word in words if ":" in word and "arn" not in word]
                return {
                    "EvaluationResults": [
                        {
                            "EvalActionName": one,
                            "EvalDecision": "implicitDeny" if one in there["denied"] else "allowed",
                        }
                        for one in actions
                    ]
                }
            case ["ec2", "describe-instance-type-offerings"]:
                wanted = option(words, "--filters").partition("Values=")[2].split(",")
                offered = [one for one in wanted if one in there["cores"]]
                return {"InstanceTypeOfferings": [{"InstanceType": one} for one in offered]}
            case ["ec2", "describe-instance-types"]:
                return {
                    "InstanceTypes": [
                        {"InstanceType": one, "VCpuInfo": {"DefaultVCpus": cores}}
                        for one, cores in there["cores"].items()
                        if one in words
                    ]
                }
            case ["ec2", "describe-instances"]:
                return {"Reservations": [{"Instances": there["instances"]}]}
            case ["ec2", "describe-vpcs" | "describe-addresses" | "describe-volumes"]:
                return there[words[1].removeprefix("describe-")]
            case ["service-quotas", "get-service-quota"]:
                code = option(words, "--quota-code")
                if code not in there["quotas"]:
                    raise FakeError("An error occurred (NoSuchResourceException)", 254)
                return {"Quota": {"Value": there["quotas"][code]}}
            case ["service-quotas", "get-aws-default-service-quota"]:
                return {"Quota": {"Value": 5.0}}
            case ["s3api", "head-bucket"]:
                bucket = option(words, "--bucket")
                if bucket in there["foreign"]:
                    raise FakeError(
                        "An error occurred (403) when calling HeadBucket: Forbidden", 254
                    )
                raise FakeError("An error occurred (404) when calling HeadBucket: Not Found", 254)
            case ["eks", "describe-cluster"]:
                raise FakeError("An error occurred (ResourceNotFoundException)", 254)
            case ["eks", "update-kubeconfig"]:
                return credentials(option(words, "--kubeconfig"))
            case ["ecr", "get-login-password"]:
                return "secret"
            case ["ecr", "describe-images"]:
                tag = option(words, "--image-ids").partition("=")[2]
                if f"{option(words, '--repository-name')}:{tag}" not in world["registry"]:
                    raise FakeError("An error occurred (ImageNotFoundException)", 254)
                return {}
            case ["secretsmanager", "get-secret-value"]:
                assert option(words, "--secret-id") == "redis-1"
                return "a-password"
            case ["resourcegroupstaggingapi", "get-resources"]:
                return {"ResourceTagMappingList": [{"ResourceARN": one} for one in world["tagged"]]}
            case ["pricing", "get-products"] | ["ec2", "describe-spot-price-history"]:
                raise FakeError("AccessDenied", 254)
    raise FakeError(f"aws {words} is not known to the fake")


def credentials(path: str) -> None:
    """Those of the cluster that stands for the cloud's; a fake kubectl wants none that work."""
    source = os.environ.get("FAKE_KUBECONFIG")
    content = pathlib.Path(source).read_text() if source else "kind: Config\n"
    pathlib.Path(path).write_text(content)


def docker(words: list[str]) -> object:
    with File() as world:
        there = world["docker"]
        match words[:2]:
            case ["buildx", "version"]:
                return "github.com/docker/buildx v0.23.0"
            case ["--version"]:
                return "Docker version 28.2.2, build e6534b4"
            case ["info", *_]:
                return "28.2.2"
            case ["version", *_]:
                return "linux/arm64"
            case ["buildx", "bake"]:
                prefix = os.environ["REGISTRY"].partition("/")[2]
                targets = words[words.index("*.output=type=registry") + 1 :]
                print("#1 [internal] load build definition")
                for one in targets:
                    world["registry"].append(f"{prefix}/{one}:{os.environ['VERSION']}")
                    if command := os.environ.get("FAKE_PUSH"):
                        image = f"{os.environ['REGISTRY']}/{one}:{os.environ['VERSION']}"
                        subprocess.run([command, one, image], check=True)
                return None
            case ["login", *_]:
                assert sys.stdin.read().strip() == "secret"
                return "Login Succeeded"
            case ["inspect", "--format"]:
                if words[-1] not in there["containers"]:
                    raise FakeError(f"Error: No such object: {words[-1]}")
                networks = {"bridge": {}, **({"kind": {}} if there["joined"] else {})}
                return "true" if "Running" in words[2] else json.dumps(networks)
            case ["inspect", name]:
                if name not in there["containers"]:
                    raise FakeError(f"Error: No such object: {name}")
                return []
            case ["run", *_]:
                there["containers"].append(option(words, "--name"))
                return "0123456789ab"
            case ["rm", *_]:
                there["containers"] = [one for one in there["containers"] if one not in words]
                return None
            case ["exec", *_]:
                if "cp" in words:
                    there["files"].append(sys.stdin.read())
                return None
            case ["network", "connect"]:
                there["joined"] = True
                return None
    raise FakeError(f"docker {words} is not known to the fake")


def kind(words: list[str]) -> object:
    with File() as world:
        there = world["docker"]
        match words[:2]:
            case ["version", *_]:
                return f"kind v{there['kind']} go1.24.2 linux/amd64"
            case ["get", "clusters"]:
                return "\n".join(there["clusters"])
            case ["get", "nodes"]:
                return "\n".join(there["nodes"])
            case ["create", "cluster"]:
                there["clusters"].append(option(words, "--name"))
                there["config"] = pathlib.Path(option(words, "--config")).read_text()
                return credentials(option(words, "--kubeconfig"))
            case ["export", "kubeconfig"]:
                return credentials(option(words, "--kubeconfig"))
            case ["delete", "cluster"]:
                name = option(words, "--name")
                there["clusters"] = [one for one in there["clusters"] if one != name]
                return None
    raise FakeError(f"kind {words} is not known to the fake")


def kubelogin(words: list[str]) -> object:
    return "kubelogin version\ngit hash: v0.2.10/abc"


# --- Kubernetes --------------------------------------------------------------------------------

#: Kinds by the ways in which they are asked for.
KINDS = {
    "crd": "CustomResourceDefinition",
    "pv": "PersistentVolume",
    "pvc": "PersistentVolumeClaim",
    "ingresses": "Ingress",
}
PLAIN = (
    *("APIService", "ConfigMap", "DaemonSet", "Deployment", "Namespace", "Node", "Pod"),
    *("RayCluster", "RayCronJob", "RayJob", "RayService", "Secret", "Service", "StatefulSet"),
    *(
        "Gateway",
        "Ingress",
        "ServiceAccount",
        "NodeClaim",
        "PersistentVolume",
        "PersistentVolumeClaim",
    ),
)
#: Kinds without a namespace.
WIDE = {"CustomResourceDefinition", "Namespace", "Node", "PersistentVolume", "APIService"}


def kind_of(word: str) -> str:
    for one in PLAIN:
        if word.partition(".")[0] in {one.lower(), f"{one.lower()}s"}:
            return one
    return KINDS.get(word, word)


def key(kind: str, namespace: str, name: str) -> str:
    return f"{kind}/{'' if kind in WIDE else namespace}/{name}"


def selected(obj: dict, selector: str) -> bool:
    labels = obj["metadata"].get("labels", {})
    for part in filter(None, selector.split(",")):
        name, _, value = part.partition("=")
        if labels.get(name) != value:
            return False
    return True


def put(world: dict, obj: dict, namespace: str) -> None:
    """Store an object as if its controller had done its work at once."""
    meta = obj["metadata"]
    meta.setdefault("generation", 1)
    meta.setdefault("creationTimestamp", "2026-01-01T00:00:00Z")
    meta.setdefault("namespace", namespace)
    status = obj.setdefault("status", {})
    status["observedGeneration"] = meta["generation"]
    if obj["kind"] == "Deployment":
        obj.setdefault("spec", {}).setdefault("replicas", 1)
        status["updatedReplicas"] = obj["spec"]["replicas"]
        ready = str(meta["name"] not in world["stuck"])
        status["conditions"] = [{"type": "Available", "status": ready}]
    if obj["kind"] == "RayJob":
        status.update(jobStatus="SUCCEEDED", jobDeploymentStatus="Complete")
    world["objects"][key(obj["kind"], meta["namespace"], meta["name"])] = obj


def kubectl(words: list[str]) -> object:
    words = list(words)
    config = option(words, "--kubeconfig")
    if not pathlib.Path(config).exists():
        raise FakeError(f"stat {config}: no such file")
    for word in ("--kubeconfig", "--cache-dir"):
        del words[words.index(word) : words.index(word) + 2]
    namespace = option(words, "--namespace")
    if namespace:
        del words[words.index("--namespace") : words.index("--namespace") + 2]
    with File() as world:
        objects = world["objects"]
        match words:
            case ["get", "--raw", *_]:
                return "ok"
            case ["version", *_]:
                return {"serverVersion": {"gitVersion": world["kubernetes"]}}
            case ["config", "view", *_]:
                return world["kubeconfig"]
            case ["api-resources", *_]:
                definitions = [
                    one["metadata"]["name"]
                    for one in objects.values()
                    if one["kind"] == "CustomResourceDefinition"
                ]
                return "\n".join(definitions)
            case ["create", "-f", *_]:
                reviews = json.load(sys.stdin)["items"]
                for one in reviews:
                    asked = one["spec"]["resourceAttributes"]
                    one["status"] = {"allowed": asked["resource"] not in world["denied"]}
                return "\n".join(json.dumps(one, indent=4) for one in reviews)
            case ["apply", *_]:
                content = json.load(sys.stdin)
                for one in content["items"] if content["kind"] == "List" else [content]:
                    put(world, one, namespace)
                return "applied"
            case ["get", "secrets", *_] if "owner=helm" in words:
                lines = [
                    f"{place} {name} deployed {digest or '<none>'}"
                    for place, name, digest in world["releases"]
                ]
                return "\n".join(lines) or None
            case ["get", "events", *_]:
                return ""
            case ["get", kinds, "-o", "json", *_]:
                names = {kind_of(one) for one in kinds.split(",")}
                chosen = option(words, "-l")
                items = [
                    one
                    for one in objects.values()
                    if one["kind"] in names
                    and (not namespace or one["metadata"]["namespace"] == namespace)
                    and selected(one, chosen)
                ]
                return {"items": items}
            case ["get", word, name, *_]:
                found = objects.get(key(kind_of(word), namespace, name))
                return found if found is not None else ""
            case ["delete", "secrets", "--selector", _]:
                return None
            case ["delete", word, *_] if "--all" in words or "-l" in words:
                kinds = {kind_of(one) for one in word.split(",")}
                chosen = option(words, "-l")
                for path, one in list(objects.items()):
                    inside = not namespace or one["metadata"]["namespace"] == namespace
                    if one["kind"] in kinds and inside and selected(one, chosen):
                        del objects[path]
                return None
            case ["delete", word, name, *_]:
                gone(world, kind_of(word), namespace, name)
                return None
            case ["patch", word, name, *_]:
                found = objects[key(kind_of(word), namespace, name)]
                found["data"].update(json.loads(option(words, "-p"))["data"])
                return None
            case ["rollout", *_]:
                return None
    raise FakeError(f"kubectl {words} is not known to the fake")


def gone(world: dict, kind: str, namespace: str, name: str) -> None:
    objects = world["objects"]
    objects.pop(key(kind, namespace, name), None)
    if kind == "PersistentVolumeClaim":
        for one, obj in list(objects.items()):
            claim = obj.get("spec", {}).get("claimRef", {})
            if obj["kind"] == "PersistentVolume" and claim.get("name") == name:
                del objects[one]
    if kind == "Namespace":
        for one, obj in list(objects.items()):
            if obj["metadata"].get("namespace") == name and obj["kind"] not in WIDE:
                del objects[one]
        world["releases"] = [one for one in world["releases"] if one[0] != name]


def helm(words: list[str]) -> object:
    namespace = option(words, "--namespace")
    with File() as world:
        releases = world["releases"]
        match words[0]:
            case "list":
                wanted = option(words, "--filter").strip("^$")
                digest = option(words, "--selector").partition("=")[2]
                found = [
                    {"name": name}
                    for place, name, made in releases
                    if place == namespace
                    and wanted in ("", name)
                    and (not digest or made == digest)
                ]
                return found or "[]"
            case "template":
                return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"
            case "upgrade":
                name, chart = words[1], words[2].rpartition("/")[2]
                digest = option(words, "--labels").partition("=")[2]
                releases[:] = [one for one in releases if one[:2] != [namespace, name]]
                releases.append([namespace, name, digest])
                marks = {
                    "meta.helm.sh/release-name": name,
                    "meta.helm.sh/release-namespace": namespace,
                }
                labels = {"app.kubernetes.io/instance": name}
                kinds = {"ray-job": "RayJob", "ray-crds": "CustomResourceDefinition"}
                meta = {"name": name, "annotations": marks, "labels": labels}
                if chart == "ray-crds":
                    for one in ("rayjobs", "rayclusters", "rayservices"):
                        crd = {**meta, "name": f"{one}.ray.io"}
                        put(world, {"kind": kinds[chart], "metadata": crd}, namespace)
                else:
                    made = kinds.get(chart, "Deployment")
                    put(
                        world,
                        {"apiVersion": "v1", "kind": made, "metadata": meta},
                        namespace,
                    )
                return "installed"
            case "uninstall":
                name = words[1]
                world["objects"] = {
                    path: obj
                    for path, obj in world["objects"].items()
                    if (obj["metadata"].get("annotations") or {}).get("meta.helm.sh/release-name")
                    != name
                }
                world["releases"] = [one for one in releases if one[:2] != [namespace, name]]
                return None
    raise FakeError(f"helm {words} is not known to the fake")


PROGRAMS = {
    "terraform": terraform,
    "az": az,
    "aws": aws,
    "docker": docker,
    "kind": kind,
    "kubelogin": kubelogin,
    "kubectl": kubectl,
    "helm": helm,
}
