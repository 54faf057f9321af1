"""Deployments to Azure and AWS in a world of fakes: whole, failing, interrupted, destroyed."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from cloud_world import AKS, EKS, SUBSCRIPTION, World, resource
from support import eventually

# Each command of the fake world is a process of its own.
pytestmark = pytest.mark.slow

Make = Callable[[str], World]

HELLO = ("--workload", "hello")


def stages(text: str, mark: str) -> list[str]:
    """Names of stages with a mark: ✓ done now, = done before, ✗ failed (or a class of these)."""
    return re.findall(rf"^{mark} (\S+)", text, re.MULTILINE)


def rayjob(world: World) -> str:
    """Status of the only job."""
    (job,) = (one for one in world.read()["objects"].values() if one["kind"] == "RayJob")
    return str(job["status"]["jobStatus"])


BEFORE = ["preflight", "cluster", "credentials", "images", "add-ons", "dashboards"]
ALL = [*BEFORE, "platform", "workload", "monitoring"]


@pytest.mark.parametrize("cloud", ["aks", "eks"])
def test_from_an_account_to_a_finished_job_and_back_to_nothing(world: Make, cloud: str) -> None:
    there = world(cloud)
    first = there.deploy()
    assert first.returncode == 0, first.stderr
    assert stages(first.stdout, "[✓=]") == ALL
    # neither EKS' Prometheus nor its dashboards are made by a stage
    there_before = ["monitoring"] if cloud == "aks" else ["dashboards", "monitoring"]
    assert stages(first.stdout, "=") == there_before
    assert rayjob(there) == "SUCCEEDED"
    secret = there.read()["objects"]["Secret/hello/ray-redis"]
    assert secret["stringData"] == {"password": "a-password"}
    kept = {"azurerm_resource_group.main", "azurerm_storage_account.data"}
    kept |= {"azurerm_storage_container.data"}
    if cloud == "eks":
        kept = {"aws_kms_key.data", "aws_s3_bucket.data", "aws_s3_bucket_versioning.data"}
    assert there.made() == [one["address"] for one in (AKS if cloud == "aks" else EKS)]
    # who pays, where, and how much is named before anything is made
    account = "Research" if cloud == "aks" else "111122223333"
    before = first.stdout[: first.stdout.index("cluster    ")]
    for word in (account, "ada", "region", "USD an hour", "quota", "create"):
        assert word in before

    there.calls()
    again = there.deploy()
    assert again.returncode == 0, again.stderr
    assert stages(again.stdout, "=") == ALL
    programs = {line.split()[0] for line in there.calls()}
    assert programs == {"kubectl", "helm"}

    gone = there.run("destroy", "--yes")
    assert gone.returncode == 0, gone.stderr
    assert set(there.made()) == kept
    assert "nothing is left" in gone.stdout
    assert all(name in gone.stdout for name in sorted(kept) if "data" in name and "kms" not in name)
    assert not (there.project / ".kube" / f"{cloud}.yaml").exists()

    end = there.run("destroy", "--yes", "--data", "delete")
    assert end.returncode == 0, end.stderr
    assert there.read()["terraform"]["states"] == {"default": []}
    assert not (there.project / ".kube" / cloud).exists()


def test_what_a_deployment_leaves_on_this_machine(deployed: World) -> None:
    kube = deployed.project / ".kube"
    assert stat.S_IMODE((kube / "aks.yaml").stat().st_mode) == 0o600
    values = yaml.safe_load((kube / "aks" / "values.yaml").read_text())
    assert values["global"]["ray"]["storage"] == {"claim": "rayworks-storage"}
    images = yaml.safe_load((kube / "aks" / "images.yaml").read_text())["global"]["ray"]["images"]
    pushed = deployed.read()["registry"]
    assert f"{images['ray']['repository']}:{images['ray']['tag']}".endswith(pushed[1])
    assert images["registry"] == ""
    assert yaml.safe_load((kube / "aks" / "addons" / "metrics.yaml").read_text()) == {
        "cluster": "rayworks"
    }
    # a plan holds the values of variables
    assert not (kube / "aks" / "plan").exists()


def test_what_a_namespace_gets_of_the_cloud(deployed: World) -> None:
    objects = deployed.read()["objects"]
    claim = objects["PersistentVolumeClaim/hello/rayworks-storage"]
    assert claim["spec"]["storageClassName"] == "shared"
    account = objects["ServiceAccount/hello/ray"]["metadata"]
    assert account["annotations"] == {"client": "1234"}


def test_rays_dashboards_go_into_the_clouds_grafana(world: Make) -> None:
    there = world("aks")
    assert there.deploy().returncode == 0
    made = [line for line in there.calls("az grafana") if "dashboard create" in line]
    assert len(made) == 9
    assert all("--name amg-1 --resource-group rayworks --folder Ray" in line for line in made)
    assert there.read()["azure"]["folders"] == ["Ray"]


def test_another_checkout_with_the_same_state_reaches_the_cluster(deployed: World) -> None:
    shutil.rmtree(deployed.project / ".kube")
    done = deployed.run("logs", "--workload", "hello")
    assert "hello has no running Ray cluster in namespace hello" in done.stderr
    assert (deployed.project / ".kube" / "aks.yaml").exists()
    assert deployed.calls("az aks get-credentials")


def test_status_and_logs_say_how_to_mean_this_cloud(deployed: World) -> None:
    told = deployed.run("status")
    assert told.returncode == 0
    assert "stage add-ons" in told.stdout
    assert "SUCCEEDED" in told.stdout
    done = deployed.run("diff", "--workload", "hello-service")
    assert "make run WORKLOAD=hello-service CLOUD=aks" in done.stderr


def test_what_kubernetes_made_goes_before_terraform(deployed: World) -> None:
    content = deployed.read()

    def obj(kind: str, name: str, **more: object) -> dict[str, object]:
        return {
            "apiVersion": "v1",
            "kind": kind,
            "metadata": {"name": name, "namespace": "n"},
        } | more

    made = [
        obj("Service", "entrance", spec={"type": "LoadBalancer"}),
        obj("Service", "inside", spec={"type": "ClusterIP"}),
        obj("PersistentVolumeClaim", "data"),
        obj("RayService", "web"),
    ]
    for one in made:
        content["objects"][f"{one['kind']}/n/{one['metadata']['name']}"] = one  # type: ignore[index]
    volume = obj(
        "PersistentVolume", "pv-1",
        spec={"persistentVolumeReclaimPolicy": "Delete", "claimRef": {"name": "data"}},
    )  # fmt: skip
    volume["metadata"]["annotations"] = {"pv.kubernetes.io/provisioned-by": "disk"}  # type: ignore[index]
    content["objects"]["PersistentVolume//pv-1"] = volume
    deployed.write(content)
    gone = deployed.run("destroy", "--yes")
    assert gone.returncode == 0, gone.stderr
    left = {key.rpartition("/")[2] for key in deployed.read()["objects"]}
    assert left.isdisjoint({"entrance", "data", "pv-1", "web"})
    assert "inside" in left
    calls = deployed.calls()
    ends = [i for i, line in enumerate(calls) if line.startswith("terraform apply")]
    deletions = [
        i for i, line in enumerate(calls) if line.startswith("kubectl") and " delete " in line
    ]
    assert max(deletions) < min(ends)
    assert "1 load balancers, 1 volumes" in gone.stdout


def test_what_is_left_is_listed_with_how_to_remove_it(deployed: World) -> None:
    content = deployed.read()
    orphan = f"/subscriptions/{SUBSCRIPTION}/disks/orphan"
    content["tagged"].append(orphan)
    deployed.write(content)
    gone = deployed.run("destroy", "--yes", "--data", "delete")
    assert gone.returncode == 1
    assert f"az resource delete --ids {orphan}\n" in gone.stderr
    assert "resourceGroups" not in gone.stderr


def test_destroy_asks_and_wants_the_name_typed(deployed: World) -> None:
    done = deployed.run("destroy")
    assert done.returncode == 1
    assert "make destroy CLOUD=aks YES=1" in done.stderr
    assert len(deployed.made()) == len(AKS)


def test_a_cluster_that_does_not_answer_is_destroyed_by_force_alone(deployed: World) -> None:
    deployed.fail("get --raw", "dial tcp: i/o timeout", times=1000)
    deployed.fail("az aks get-credentials", "ERROR: cluster not found", times=1000)
    done = deployed.run("destroy", "--yes")
    assert done.returncode == 1
    assert "FORCE=1" in done.stderr
    assert len(deployed.made()) == len(AKS)
    done = deployed.run("destroy", "--yes", "--force")
    assert done.returncode == 0, done.stderr


def refused(there: World, *words: str) -> str:
    """What a deployment says that is refused before anything was made."""
    done = there.deploy(*words)
    assert done.returncode == 1, done.stdout
    assert stages(done.stdout, "✗") == ["preflight"]
    assert "Traceback" not in done.stderr
    assert there.made() == []
    return done.stderr


@pytest.mark.parametrize(
    ("cloud", "command", "said", "way_out"),
    [
        ("aks", "az account show", "ERROR: Please run 'az login' to setup account.", "az login"),
        (
            "aks", "az account get-access-token",
            "ERROR: AADSTS700082: The refresh token has expired due to inactivity.", "az login",
        ),
        (
            "eks", "aws sts", "Unable to locate credentials. You can configure credentials",
            "aws sso login",
        ),
    ],
)  # fmt: skip
def test_nobody_is_logged_in(
    world: Make, cloud: str, command: str, said: str, way_out: str
) -> None:
    there = world(cloud)
    there.fail(command, said)
    told = refused(there)
    assert "is not logged in" in told
    assert f"try:   {way_out}" in told


def test_programs_that_are_missing_or_too_old_are_all_named(world: Make) -> None:
    there = world("aks")
    (there.home / "bin" / "kubelogin").unlink()
    content = there.read()
    content["terraform"]["version"] = "1.5.7"
    there.write(content)
    told = refused(there)
    assert "kubelogin is not installed: az aks install-cli" in told
    assert "terraform 1.5.7 is too old: 1.9 or later is needed" in told


def test_a_quota_that_is_too_small_stops_it_before_anything_is_made(world: Make) -> None:
    there = world("aks")
    content = there.read()
    content["azure"]["usage"][2]["limit"] = 12
    there.write(content)
    told = refused(there)
    assert "NCADS_A100_v4 Family vCPUs: 24 vCPUs are needed at least, and 12 of 12 are free" in told
    there = World(there.home.parent / "other", "eks", there.project)
    there.make()
    content = there.read()
    content["aws"]["quotas"]["L-1216C47A"] = 20
    running = {"CoreCount": 2, "ThreadsPerCore": 4}
    content["aws"]["instances"] = [{"InstanceType": "m5.2xlarge", "CpuOptions": running}]
    there.write(content)
    told = refused(there)
    assert "on-demand Standard" in told
    assert "16 vCPUs are needed at least, and 12 of 20 are free in us-west-2" in told
    assert "/servicequotas/home/services/ec2/quotas/L-1216C47A" in told


def test_all_else_that_would_fail_half_way_is_told_at_once(world: Make) -> None:
    there = world("aks")
    content = there.read()
    content["azure"]["taken"] = ["rayworksdata"]
    content["azure"]["roles"] = {
        "Contributor": {"actions": ["*"], "notActions": ["Microsoft.Storage/*/write"]}
    }
    content["azure"]["skus"]["Standard_NC24ads_A100_v4"][0]["restrictions"] = [
        {"type": "Location", "reasonCode": "NotAvailableForSubscription"}
    ]
    there.write(content)
    told = refused(there)
    assert "name rayworksdata: rayworksdata is taken" in told
    assert "ada@example.com may not do Microsoft.Storage/storageAccounts/write" in told
    assert "Standard_NC24ads_A100_v4 is not for this subscription in westus3" in told
    there = World(there.home.parent / "other", "eks", there.project)
    there.make()
    content = there.read()
    content["aws"] |= {"foreign": ["rayworks-data"], "denied": ["eks:CreateCluster"], "cores": {}}
    there.write(content)
    told = refused(there)
    assert "bucket rayworks-data is somebody else's" in told
    assert "may not do eks:CreateCluster" in told
    assert "m5.2xlarge is not to be had in us-west-2" in told


def test_a_plan_that_fails_says_what_terraform_says(world: Make) -> None:
    there = world("eks")
    error = "╷\n│ Error: Invalid value for variable\n│ \n│ max must not be less than min.\n╵"
    there.fail("terraform plan", error)
    told = refused(there)
    assert "Error: Invalid value for variable" in told
    assert "max must not be less than min." in told


def test_nothing_is_made_unless_somebody_agrees(world: Make) -> None:
    there = world("aks")
    done = there.run("up", *HELLO)
    assert done.returncode == 1
    assert "make deploy CLOUD=aks YES=1" in done.stderr
    assert there.made() == []


def test_an_apply_that_fails_half_way_goes_on_from_there(world: Make) -> None:
    there = world("aks")
    content = there.read()
    content["terraform"]["fails_at"] = "azurerm_storage_account.data"
    there.write(content)
    done = there.deploy()
    assert done.returncode == 1
    assert stages(done.stdout, "✗") == ["cluster"]
    assert "Error: creating azurerm_storage_account.data: the cloud says no" in done.stderr
    assert "make deploy CLOUD=aks goes on from here" in done.stderr
    assert "make destroy CLOUD=aks takes all away" in done.stderr
    half = there.made()
    assert half == [one["address"] for one in AKS[:3]]
    content = there.read()
    content["terraform"]["fails_at"] = None
    there.write(content)
    done = there.deploy()
    assert done.returncode == 0, done.stderr
    assert "to create 3" in done.stdout
    assert rayjob(there) == "SUCCEEDED"


def test_an_apply_that_fails_half_way_can_be_taken_away(world: Make) -> None:
    there = world("eks")
    content = there.read()
    content["terraform"]["fails_at"] = "aws_eks_node_group.cpu"
    there.write(content)
    assert there.deploy().returncode == 1
    gone = there.run("destroy", "--yes", "--data", "delete", "--force")
    assert gone.returncode == 0, gone.stderr
    assert there.read()["terraform"]["states"] == {"default": []}
    assert there.read()["tagged"] == []


def test_credentials_that_expire_on_the_way_are_told_as_such(world: Make) -> None:
    there = world("eks")
    said = "ExpiredToken: The security token included in the request is expired"
    there.fail("helm upgrade ray-operator", said)
    done = there.deploy()
    assert done.returncode == 1
    assert stages(done.stdout, "✗") == ["platform"]
    assert "try:   aws sso login" in done.stderr
    assert "the same command then goes on from here" in done.stderr
    done = there.deploy()
    assert done.returncode == 0, done.stderr
    assert stages(done.stdout, "✓") == ["platform", "workload"]


def test_a_push_that_is_refused_says_how_to_go_on(world: Make) -> None:
    there = world("eks")
    said = "ERROR: failed to push: denied: requested access to the resource is denied"
    there.fail("docker buildx bake", said)
    done = there.deploy()
    assert done.returncode == 1
    assert stages(done.stdout, "✗") == ["images"]
    assert "requested access to the resource is denied" in done.stderr
    assert "make deploy CLOUD=eks goes on from here" in done.stderr
    done = there.deploy()
    assert done.returncode == 0, done.stderr
    assert len(there.read()["registry"]) == 3


def test_images_that_somebody_has_pushed_need_no_engine(world: Make) -> None:
    there = world("aks")
    (there.home / "bin" / "docker").unlink()
    done = there.deploy("--images", "ghcr.io/example/rayworks:1.2.3")
    assert done.returncode == 0, done.stderr
    images = yaml.safe_load((there.project / ".kube" / "aks" / "images.yaml").read_text())
    assert images["global"]["ray"]["images"]["operator"] == {
        "repository": "ghcr.io/example/rayworks/operator",
        "tag": "1.2.3",
        "digest": "",
    }
    # remembered
    assert stages(there.deploy().stdout, "=") == ALL


def test_ctrl_c_reaches_terraform_once_and_the_next_run_goes_on(world: Make) -> None:
    there = world("aks")
    content = there.read()
    content["terraform"]["slow"] = 0.7
    there.write(content)
    with there.start("up", "--yes", *HELLO) as process:
        eventually(lambda: len(there.made()) >= 1, 300, "a first resource")
        # as a terminal does: to the whole group
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "the same command goes on from here" in err
    assert "terraform ends what it has begun" in out
    assert there.read()["interrupts"] == 1
    half = there.made()
    assert 0 < len(half) < len(AKS)
    content = there.read()
    content["terraform"]["slow"] = 0
    there.write(content)
    done = there.deploy()
    assert done.returncode == 0, done.stderr
    assert len(there.made()) == len(AKS)


def test_a_state_of_another_account_is_named_and_left_alone(deployed: World) -> None:
    content = deployed.read()
    content["azure"]["account"] |= {"id": "99999999-1111-2222-3333-444444444444", "name": "Other"}
    deployed.write(content)
    done = deployed.run("destroy", "--yes")
    assert done.returncode == 1
    assert f"is of subscription {SUBSCRIPTION}" in done.stderr
    assert "you are logged in to 99999999" in done.stderr
    assert not [line for line in deployed.calls("terraform") if " plan " in line]
    assert len(deployed.made()) == len(AKS)


@pytest.mark.parametrize("words", [("destroy", "--yes"), ("up", "--yes", *HELLO)])
def test_a_deployment_that_this_state_does_not_know_is_named(
    world: Make, words: tuple[str, ...]
) -> None:
    there = world("eks")
    content = there.read()
    content["tagged"] = ["arn:aws:ec2:us-west-2:111122223333:vpc/vpc-9"]
    there.write(content)
    done = there.run(*words)
    assert done.returncode == 1
    assert "account 111122223333 has a deployment rayworks" in done.stderr
    assert "vpc/vpc-9" in done.stderr
    assert "the checkout that made it" in done.stderr


def test_two_deployments_to_one_cloud_have_states_and_files_of_their_own(deployed: World) -> None:
    mine = deployed.project / "team-a.tfvars"
    mine.write_text('region = "westus3"\n')
    content = deployed.read()
    content["tagged"] = []
    deployed.write(content)
    done = deployed.deploy("--name", "team-a", "--vars", str(mine))
    assert done.returncode == 0, done.stderr
    plans = [line for line in deployed.calls("terraform") if " plan " in line]
    assert f"-var-file={mine}" in plans[0]
    assert "-var name=team-a" in plans[0]
    states = deployed.read()["terraform"]["states"]
    assert len(states["rayworks"]) == len(states["team-a"]) == len(AKS)
    assert (deployed.project / ".kube" / "aks-team-a.yaml").exists()


def test_a_change_of_the_variables_is_planned_anew(deployed: World) -> None:
    (deployed.project / "terraform" / "aks" / "rayworks.tfvars").write_text('region = "x"\n')
    content = deployed.read()
    content["terraform"]["wanted"].append(
        resource("azurerm_user_assigned_identity.ray", id=f"/subscriptions/{SUBSCRIPTION}/i")
    )
    deployed.write(content)
    done = deployed.deploy()
    assert done.returncode == 0, done.stderr
    assert stages(done.stdout, "✓")[:2] == ["preflight", "cluster"]
    assert "azurerm_user_assigned_identity.ray" in deployed.made()


def test_options_that_mean_nothing_to_a_place_are_refused(world: Make, tmp_path: Path) -> None:
    there = world("kind")
    done = there.deploy("--name", "x")
    assert done.returncode == 1
    assert "NAME= means nothing to CLOUD=kind" in done.stderr
    there = World(tmp_path / "aks", "aks", tmp_path / "p")
    there.make()
    done = there.deploy("--name", "Team_A")
    assert "NAME=Team_A is no name" in done.stderr
    done = there.deploy("--images", "no-tag")
    assert "IMAGES=no-tag is not registry/path:tag" in done.stderr
    assert json.loads((there.home / "world.json").read_text())["registry"] == []
