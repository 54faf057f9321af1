"""Two teams on a real cluster: each sees what is its own, and nothing of the other."""

from __future__ import annotations

import base64
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from support import Deployed, eventually

from deploy.environments import environment
from deploy.helm import Release
from deploy.platform import NAMESPACE as PLATFORM
from lib.errors import UserError
from lib.kube import Kube, Object, condition
from lib.paths import tool
from lib.shell import run

pytestmark = pytest.mark.full

RED, BLUE = "team-red", "team-blue"

#: Blue's: a head, with a container that KubeRay adds.
CLUSTER = "autoscaling: {enabled: true}\nworkers: {w: {replicas: 0, maxReplicas: 1}}\n"

#: Ada may run jobs, a pipeline may install charts; both have accounts in the team's namespace.
VALUES = """
roles:
  runner: {{accounts: [{team}/ada]}}
  deployer: {{accounts: [{team}/pipeline]}}
quota: {{hard: {{requests.cpu: 2}}}}
storage: {{create: true, size: 1Gi}}
"""

#: Says whether a connection comes to be; a blocked one gets no answer at all.
CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=4).close()
    print("connected")
except TimeoutError:
    print("blocked")
"""


@dataclass(frozen=True)
class Team:
    """A team, and those who work in it.

    Args:
        name: of release and namespace.
        release: what gives it its place.
        admin: everything may be done with it.
        ada: who may run jobs.
        pipeline: who may install charts.
    """

    name: str
    release: Release
    admin: Kube
    ada: Kube
    pipeline: Kube

    def head(self) -> Object:
        """Its only head pod."""
        (pod,) = self.admin.list("pods", self.name, "ray.io/node-type=head")
        return pod

    def token(self, kube: Kube) -> str:
        """The token of its dashboards, as somebody reads it."""
        path = "jsonpath={.data.auth_token}"
        text = kube.run("get", "secret", "ray-token", "-o", path, namespace=self.name)
        return base64.b64decode(text).decode()


def somebody(kube: Kube, team: str, account: str, folder: Path) -> Kube:
    """The cluster as an account of a team sees it."""
    name = {"name": account, "namespace": team}
    kube.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": name})
    token = kube.run("create", "token", account, namespace=team).strip()
    config = yaml.safe_load(kube.kubeconfig.read_text())
    config["users"] = [{"name": user["name"], "user": {"token": token}} for user in config["users"]]
    path = folder / f"{team}-{account}"
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(config))
    return Kube(path)


def neighbour(team: str, head: Object) -> Object:
    """A pod of a team, made as a head is, that says nothing about resources, and listens."""
    container = head["spec"]["containers"][0]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "neighbour", "namespace": team},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "securityContext": head["spec"]["securityContext"],
            "containers": [
                {
                    "name": "c",
                    "image": container["image"],
                    "command": ["python", "-m", "http.server", "9000", "--directory", "/data"],
                    "securityContext": container["securityContext"],
                    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                }
            ],
            "volumes": [
                {"name": "data", "persistentVolumeClaim": {"claimName": "rayworks-storage"}}
            ],
        },
    }


def start(kube: Kube, name: str, folder: Path) -> Team:
    """A team, as a platform engineer makes it."""
    place = environment("local")
    values = folder / f"{name}.yaml"
    values.write_text(VALUES.format(team=name))
    release = Release(name, "ray-team", PLATFORM, [*place.values(), values], place.kubeconfig)
    release.upgrade()
    ada, pipeline = (somebody(kube, name, who, folder) for who in ("ada", "pipeline"))
    return Team(name, release, kube, ada, pipeline)


def install(team: Team, folder: Path) -> Release:
    """A Ray cluster, as the team's pipeline installs it with what the team hands on."""
    handed, own = folder / "handed.yaml", folder / "cluster.yaml"
    words = ("get", "configmap", "ray-environment", "-o", r"jsonpath={.data.values\.yaml}")
    handed.write_text(team.pipeline.run(*words, namespace=team.name))
    own.write_text(CLUSTER)
    cluster = Release("mine", "ray-cluster", team.name, [handed, own], team.pipeline.kubeconfig)
    cluster.upgrade()
    return cluster


@pytest.fixture(scope="module")
def teams(
    deployed: Deployed, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Team, Team]]:
    """Red, and blue with a Ray cluster that runs; a pod beside it, and one in red."""
    kube, folder = deployed.kube, tmp_path_factory.mktemp("teams")
    try:
        red, blue = start(kube, RED, folder), start(kube, BLUE, folder)
        assert install(blue, folder).current()

        def ready() -> bool:
            pods = kube.list("pods", BLUE, "ray.io/node-type=head")
            return [condition(pod, "Ready") for pod in pods] == [True]

        eventually(ready, 180, "the head is ready")
        for name in (RED, BLUE):
            kube.apply(neighbour(name, blue.head()))
        for name in (RED, BLUE):
            wait = ["wait", "--for=condition=Ready", "pod/neighbour", "--timeout=60s"]
            kube.run(*wait, namespace=name, timeout=70)
        yield red, blue
    finally:
        Release("mine", "ray-cluster", BLUE, [], kube.kubeconfig).uninstall()
        for name in (RED, BLUE):
            Release(name, "ray-team", PLATFORM, [], kube.kubeconfig).uninstall()
        kube.run("delete", "namespace", RED, BLUE, "--ignore-not-found", timeout=180)


def status(url: str, token: str) -> int:
    """HTTP status of a request with a token."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_member_sees_the_own_team_and_its_dashboard(teams: tuple[Team, Team]) -> None:
    _, blue = teams
    head = blue.head()["metadata"]["name"]
    assert head in blue.ada.run("get", "pods", namespace=BLUE)
    assert "mine" in blue.ada.run("get", "rayclusters", namespace=BLUE)
    assert blue.ada.run("logs", head, "-c", "ray-head", "--tail=1", namespace=BLUE)
    with blue.ada.forwarded(f"pod/{head}", 8265, BLUE, 18301) as forwarded:
        assert status(f"{forwarded.url}/api/jobs/", blue.token(blue.ada)) == 200


@pytest.mark.parametrize(
    "words",
    [
        ("get", "secret", "ray-token"),
        ("get", "secrets"),
        ("get", "configmap", "ray-environment"),
        ("get", "pods"),
        ("get", "services"),
        ("get", "events"),
        ("get", "persistentvolumeclaims"),
        ("get", "rayclusters"),
        ("delete", "raycluster", "mine"),
        ("create", "token", "ray"),
    ],
    ids=" ".join,
)
def test_a_member_of_another_team_is_refused_everything(
    teams: tuple[Team, Team], words: tuple[str, ...]
) -> None:
    red, _ = teams
    with pytest.raises(UserError, match=r"(?i)forbidden"):
        red.ada.run(*words, namespace=BLUE)


def test_a_member_of_another_team_does_not_get_to_the_dashboard(teams: tuple[Team, Team]) -> None:
    red, blue = teams
    head = blue.head()["metadata"]["name"]
    with (
        pytest.raises(UserError, match=r"(?i)forbidden"),
        red.ada.forwarded(f"pod/{head}", 8265, BLUE, 18302),
    ):
        pytest.fail("forwarded")
    for verb in ("create", "get"):
        may = ("auth", "can-i", verb, "pods", "--subresource=portforward")
        assert red.ada.run(*may, namespace=BLUE, check=False).strip() == "no"
        assert red.ada.run(*may, namespace=RED).strip() == "yes"
    # Even through somebody else's port the token is another.
    with red.admin.forwarded(f"pod/{head}", 8265, BLUE, 18303) as forwarded:
        assert status(f"{forwarded.url}/api/jobs/", red.token(red.ada)) == 403
        assert status(f"{forwarded.url}/api/jobs/", blue.token(blue.ada)) == 200


def connects(team: Team, address: str, port: int) -> str:
    """Whether a team's pod gets a connection."""
    words = ["python", "-c", CONNECT, address, str(port)]
    return team.admin.exec("neighbour", words, team.name).strip()


@pytest.mark.parametrize(
    ("port", "inside"), [(8265, "connected"), (10001, "connected"), (6379, "blocked")]
)
def test_a_pod_reaches_the_head_of_its_own_team_alone(
    teams: tuple[Team, Team], port: int, inside: str
) -> None:
    # The namespace gets dashboard and client; the GCS is the Ray cluster's own.
    red, blue = teams
    address = blue.head()["status"]["podIP"]
    assert connects(blue, address, port) == inside
    assert connects(red, address, port) == "blocked"


def test_a_pod_without_a_policy_of_its_own_is_closed_too(teams: tuple[Team, Team]) -> None:
    red, blue = teams
    found = blue.admin.find("pod", "neighbour", BLUE)
    assert found
    assert connects(blue, "127.0.0.1", 9000) == "connected"
    assert connects(red, found["status"]["podIP"], 9000) == "blocked"


def test_what_one_team_stores_another_does_not_see(teams: tuple[Team, Team]) -> None:
    red, blue = teams
    head = blue.head()["metadata"]["name"]
    blue.admin.exec(head, ["touch", "/mnt/rayworks/secret"], BLUE)
    assert "secret" in blue.admin.exec("neighbour", ["ls", "/data"], BLUE)
    assert "secret" not in red.admin.exec("neighbour", ["ls", "/data"], RED)


def test_the_quota_counts_an_autoscaler_and_refuses_what_is_too_much(
    teams: tuple[Team, Team],
) -> None:
    _, blue = teams
    head = blue.head()
    assert "autoscaler" in [one["name"] for one in head["spec"]["containers"]]
    quota = blue.admin.find("resourcequota", BLUE, BLUE)
    assert quota
    assert quota["status"]["used"]["pods"] == "2"
    large = neighbour(BLUE, head)
    large["metadata"]["name"] = "large"
    large["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "2"}}
    with pytest.raises(UserError, match=f"exceeded quota: {BLUE}"):
        blue.admin.apply(large)


def test_what_says_nothing_about_resources_gets_the_defaults(teams: tuple[Team, Team]) -> None:
    _, blue = teams
    pod = blue.admin.find("pod", "neighbour", BLUE)
    assert pod
    assert pod["spec"]["containers"][0]["resources"] == {
        "requests": {"cpu": "100m", "memory": "128Mi"},
        "limits": {"memory": "512Mi"},
    }


def test_helm_test_passes(teams: tuple[Team, Team]) -> None:
    for team in teams:
        kubeconfig = str(team.admin.kubeconfig)
        run([tool("helm"), "test", team.name, "-n", PLATFORM, "--kubeconfig", kubeconfig])


def test_token_claim_and_namespace_outlive_upgrades_and_the_release(
    teams: tuple[Team, Team],
) -> None:
    red, _ = teams
    kept = [("secret", "ray-token"), ("pvc", "rayworks-storage"), ("namespace", RED)]

    def identities() -> list[str]:
        found = [red.admin.find(kind, name, RED) for kind, name in kept]
        return [str(obj["metadata"]["uid"]) for obj in found if obj]

    before = identities()
    assert len(before) == len(kept)
    red.release.upgrade()
    assert identities() == before
    red.release.uninstall()
    assert identities() == before
    assert red.admin.list("networkpolicies", RED, f"app.kubernetes.io/instance={RED}") == []
    red.release.upgrade()
    assert identities() == before
