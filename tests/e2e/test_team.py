"""Two teams on a real cluster: each sees what is its own, and nothing of the other."""

from __future__ import annotations

import base64
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import Deployed, eventually, make

from deploy.environments import environment
from deploy.helm import Release
from deploy.kube import Kube, Object, condition
from deploy.platform import NAMESPACE as PLATFORM
from lib.errors import UserError
from lib.paths import tool
from lib.shell import run

pytestmark = pytest.mark.full

RED, BLUE = "red", "blue"

#: Ada may run jobs, a pipeline may install charts; both have accounts in the team's namespace.
VALUES = """
roles:
  runner: {{accounts: [{team}/ada]}}
  deployer: {{accounts: [{team}/pipeline]}}
quota: {{hard: {{requests.cpu: 2}}}}
storage: {{create: true, size: 1Gi}}
"""

#: Heads only, one with a container that KubeRay adds.
CLUSTERS = {
    RED: "autoscaling: {enabled: true}\nworkers: {w: {replicas: 0, maxReplicas: 1}}\n",
    BLUE: "workers: {w: {replicas: 0}}\n",
}

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
        cluster: its Ray cluster, `mine`, installed by its pipeline.
        admin: everything may be done with it.
        ada: who may run jobs.
    """

    name: str
    release: Release
    cluster: Release
    admin: Kube
    ada: Kube

    def head(self) -> Object:
        """The head pod of its cluster."""
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


def neighbour(head: Object) -> Object:
    """A pod beside a head that listens on a port of its own, and says nothing about resources."""
    container = head["spec"]["containers"][0]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "neighbour", "namespace": head["metadata"]["namespace"]},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "securityContext": head["spec"]["securityContext"],
            "containers": [
                {
                    "name": "c",
                    "image": container["image"],
                    "command": ["python", "-m", "http.server", "9000", "--directory", "/proc/self"],
                    "securityContext": container["securityContext"],
                }
            ],
        },
    }


def start(kube: Kube, name: str, folder: Path) -> Team:
    """A team with a cluster, as a platform engineer and then the team's pipeline make them."""
    place = environment("local")
    values = folder / f"{name}.yaml"
    values.write_text(VALUES.format(team=name))
    files = [*place.values(), values]
    release = Release(name, "ray-team", PLATFORM, files, place.kubeconfig)
    release.upgrade()
    ada, pipeline = (somebody(kube, name, who, folder) for who in ("ada", "pipeline"))
    handed, own = folder / f"{name}-handed.yaml", folder / f"{name}-cluster.yaml"
    path = r"jsonpath={.data.values\.yaml}"
    handed.write_text(
        pipeline.run("get", "configmap", "ray-environment", "-o", path, namespace=name)
    )
    own.write_text(CLUSTERS[name])
    cluster = Release("mine", "ray-cluster", name, [handed, own], pipeline.kubeconfig)
    cluster.upgrade()
    return Team(name, release, cluster, kube, ada)


@pytest.fixture(scope="module")
def teams(
    deployed: Deployed, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Team]]:
    """Red and blue, each with a Ray cluster that runs and a pod beside its head."""
    # room for two heads on a small machine
    assert make("remove", "WORKLOAD=fashion-mnist").returncode == 0
    kube, folder = deployed.kube, tmp_path_factory.mktemp("teams")
    found: dict[str, Team] = {}
    try:
        for name in (RED, BLUE):
            found[name] = start(kube, name, folder)

        def ready() -> bool:
            pods = [p for name in found for p in kube.list("pods", name, "ray.io/node-type=head")]
            return [condition(pod, "Ready") for pod in pods] == [True, True]

        eventually(ready, 180, "both heads are ready")
        for team in found.values():
            kube.apply(neighbour(team.head()))
        for name in found:
            wait = ["wait", "--for=condition=Ready", "pod/neighbour", "--timeout=60s"]
            kube.run(*wait, namespace=name, timeout=70)
        yield found
    finally:
        for team in found.values():
            team.cluster.uninstall()
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


def test_the_deployer_s_role_was_enough_to_install(teams: dict[str, Team]) -> None:
    for team in teams.values():
        assert team.cluster.kubeconfig != team.admin.kubeconfig
        assert team.cluster.current()


def test_a_member_sees_the_own_team_and_its_dashboard(teams: dict[str, Team]) -> None:
    red = teams[RED]
    head = red.head()["metadata"]["name"]
    assert head in red.ada.run("get", "pods", namespace=RED)
    assert "mine" in red.ada.run("get", "rayclusters", namespace=RED)
    assert red.ada.run("logs", head, "-c", "ray-head", "--tail=1", namespace=RED)
    with red.ada.forwarded(f"pod/{head}", 8265, RED, 18301) as url:
        assert status(f"{url}/api/jobs/", red.token(red.ada)) == 200


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
def test_a_member_is_refused_everything_of_another_team(
    teams: dict[str, Team], words: tuple[str, ...]
) -> None:
    with pytest.raises(UserError, match="Forbidden"):
        teams[RED].ada.run(*words, namespace=BLUE)


def test_a_member_does_not_get_to_another_team_s_dashboard(teams: dict[str, Team]) -> None:
    red, blue = teams[RED], teams[BLUE]
    head = blue.head()["metadata"]["name"]
    with (
        pytest.raises(UserError, match=r"(?i)forbidden"),
        red.ada.forwarded(f"pod/{head}", 8265, BLUE, 18302),
    ):
        pytest.fail("forwarded")
    for verb in ("create", "get"):
        may = ("auth", "can-i", verb, "pods/portforward")
        assert red.ada.run(*may, namespace=BLUE, check=False).strip() == "no"
        assert red.ada.run(*may, namespace=RED).strip() == "yes"
    # Even through somebody else's port the token is another.
    with red.admin.forwarded(f"pod/{head}", 8265, BLUE, 18303) as url:
        assert status(f"{url}/api/jobs/", red.token(red.ada)) == 403
        assert status(f"{url}/api/jobs/", blue.token(blue.ada)) == 200


def connects(team: Team, target: Object, port: int) -> str:
    """Whether a team's pod gets a connection to another pod."""
    words = ["python", "-c", CONNECT, target["status"]["podIP"], str(port)]
    return team.admin.exec("neighbour", words, team.name).strip()


@pytest.mark.parametrize("port", [6379, 8265, 10001])
def test_pods_reach_the_head_of_their_own_team_alone(teams: dict[str, Team], port: int) -> None:
    red, blue = teams[RED], teams[BLUE]
    # Of a head's own ports the namespace gets dashboard and client; the GCS is the cluster's.
    own = "blocked" if port == 6379 else "connected"
    for team, other in ((red, blue), (blue, red)):
        assert connects(team, team.head(), port) == own
        assert connects(team, other.head(), port) == "blocked"


def test_a_pod_that_nobody_wrote_a_policy_for_is_closed_too(teams: dict[str, Team]) -> None:
    red, blue = teams[RED], teams[BLUE]
    found = blue.admin.find("pod", "neighbour", BLUE)
    assert found
    listens = {**found, "status": {"podIP": "127.0.0.1"}}
    assert connects(blue, listens, 9000) == "connected"
    assert connects(red, found, 9000) == "blocked"


def test_the_claims_are_two(teams: dict[str, Team]) -> None:
    path = "/mnt/rayworks/whose"
    for team in teams.values():
        head = team.head()["metadata"]["name"]
        team.admin.exec(head, ["sh", "-c", f"echo {team.name} > {path}"], team.name)
    for team in teams.values():
        head = team.head()["metadata"]["name"]
        assert team.admin.exec(head, ["cat", path], team.name).strip() == team.name


def test_the_quota_counts_an_autoscaler_and_refuses_what_is_too_much(
    teams: dict[str, Team],
) -> None:
    red = teams[RED]
    head = red.head()
    assert "autoscaler" in [one["name"] for one in head["spec"]["containers"]]
    quota = red.admin.find("resourcequota", RED, RED)
    assert quota
    used = quota["status"]["used"]
    assert int(used["pods"]) == 2
    assert used["requests.cpu"].endswith("m")
    pod: dict[str, Any] = neighbour(head)
    pod["metadata"]["name"] = "large"
    pod["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "2"}}
    with pytest.raises(UserError, match=f"exceeded quota: {RED}"):
        red.admin.apply(pod)


def test_what_says_nothing_about_resources_gets_the_defaults(teams: dict[str, Team]) -> None:
    pod = teams[RED].admin.find("pod", "neighbour", RED)
    assert pod
    assert pod["spec"]["containers"][0]["resources"] == {
        "requests": {"cpu": "100m", "memory": "128Mi"},
        "limits": {"memory": "512Mi"},
    }


@pytest.mark.parametrize("name", [RED, BLUE])
def test_helm_test_passes(teams: dict[str, Team], name: str) -> None:
    kubeconfig = str(teams[name].admin.kubeconfig)
    run([tool("helm"), "test", name, "-n", PLATFORM, "--kubeconfig", kubeconfig], timeout=300)


def test_the_token_outlives_upgrades_and_the_namespace_the_release(teams: dict[str, Team]) -> None:
    blue = teams[BLUE]
    kept = [("secret", "ray-token"), ("pvc", "rayworks-storage"), ("namespace", BLUE)]

    def identities() -> list[str]:
        found = [blue.admin.find(kind, name, BLUE) for kind, name in kept]
        return [str(obj["metadata"]["uid"]) for obj in found if obj]

    before = identities()
    assert len(before) == len(kept)
    blue.release.upgrade()
    assert identities() == before
    blue.release.uninstall()
    assert identities() == before
    assert blue.admin.list("networkpolicies", BLUE, f"app.kubernetes.io/instance={BLUE}") == []
    blue.release.upgrade()
    assert identities() == before
