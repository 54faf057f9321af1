"""The deployment's own logic: stages, values, capacity, packing, errors. No cluster."""

from __future__ import annotations

import io
import json
import os
import re
import socket
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from deploy import access, explain, workloads
from deploy.capacity import Needs, needed, quantity
from deploy.environments import environment
from deploy.helm import Release
from deploy.stages import Progress, Report, run_stages, undo_stages
from deploy.workloads import Description, Job, Service, StandingCluster, descriptions, merged
from lib.errors import UserError
from lib.kube import Kube, available, condition
from lib.paths import ROOT


class Recorded:
    """A stage that writes down what was asked of it."""

    def __init__(self, name: str, calls: list[str], *, done: bool = False, fails: bool = False):
        self.name, self.calls, self.done, self.fails = name, calls, done, fails

    def check(self) -> str | None:
        self.calls.append(f"check {self.name}")
        return "there" if self.done else None

    def action(self, report: Report) -> str:
        self.calls.append(f"do {self.name}")
        report("working")
        if self.fails:
            raise UserError("broken", "mend it")
        self.done = True
        return "made"

    def undo(self, report: Report) -> str:
        self.calls.append(f"undo {self.name}")
        self.done = False
        return "removed"


def progress() -> Progress:
    return Progress(Console(file=io.StringIO(), width=200))


def test_a_long_detail_is_cut_and_not_what_stands_before_it() -> None:
    screen = Console(force_terminal=True, width=60, file=io.StringIO())
    with Progress(screen).stage("workload") as report:
        report("epoch " * 30)
        time.sleep(0.3)  # longer than between two drawings
    drawn = screen.file.getvalue()  # type: ignore[attr-defined]
    assert re.search(r"workload +\d\.\d s epoch (epoch )+e?p?o?c?h?…", drawn)


def test_stages_run_in_order_and_only_what_is_not_done() -> None:
    calls: list[str] = []
    shown = progress()
    run_stages([Recorded("a", calls, done=True), Recorded("b", calls)], shown)
    assert calls == ["check a", "check b", "do b"]
    assert [(o.stage, o.done_before) for o in shown.outcomes] == [("a", True), ("b", False)]


def test_a_failing_stage_stops_the_rest_and_a_second_run_goes_on_from_it() -> None:
    calls: list[str] = []
    stages = [Recorded("a", calls), Recorded("b", calls, fails=True), Recorded("c", calls)]
    with pytest.raises(UserError, match="broken"):
        run_stages(stages, progress())
    assert "do c" not in calls
    stages[1].fails = False
    calls.clear()
    run_stages(stages, progress())
    assert [c for c in calls if c.startswith("do")] == ["do b", "do c"]


def test_undo_goes_backwards() -> None:
    calls: list[str] = []
    undo_stages([Recorded("a", calls), Recorded("b", calls)], progress())
    assert calls == ["undo b", "undo a"]


def test_plain_output_has_a_line_an_event_and_no_control_characters() -> None:
    shown = progress()
    run_stages([Recorded("a", [])], shown)
    text = shown.console.file.getvalue()  # type: ignore[attr-defined]
    assert [line.split()[-1] for line in text.splitlines()] == ["working", "made"]
    assert "\x1b" not in text


@pytest.mark.parametrize(
    ("text", "value"),
    [("250m", 0.25), ("2", 2), (1, 1), ("1Gi", 2**30), ("1.5Gi", 1.5 * 2**30), ("2G", 2e9)],
)
def test_quantity(text: str, value: float) -> None:
    assert quantity(text) == value


def test_needed_sums_head_and_replicas_and_hosts() -> None:
    def template(cpu: str, memory: str, **more: int) -> dict[str, object]:
        requests = {"cpu": cpu, "memory": memory, **more}
        return {"spec": {"containers": [{"resources": {"requests": requests}}]}}

    group = {
        "replicas": 2,
        "numOfHosts": 3,
        "template": template("500m", "1Gi", **{"nvidia.com/gpu": 1}),
    }
    cluster = {"headGroupSpec": {"template": template("1", "2Gi")}, "workerGroupSpecs": [group]}
    job = {"apiVersion": "ray.io/v1", "kind": "RayJob", "spec": {"rayClusterSpec": cluster}}
    other = {"apiVersion": "v1", "kind": "ConfigMap"}
    found = needed(yaml.safe_dump_all([other, job]))
    assert found == Needs(cpu=4.0, memory=8 * 2**30, gpus=6)


def test_needed_is_nothing_for_a_job_on_a_standing_cluster() -> None:
    job = {"apiVersion": "ray.io/v1", "spec": {"clusterSelector": {"ray.io/cluster": "x"}}}
    assert needed(yaml.safe_dump(job)) == Needs()


def test_values_merge_as_helm_merges(tmp_path: Path) -> None:
    first, second = tmp_path / "1.yaml", tmp_path / "2.yaml"
    first.write_text("a: {x: 1, y: 2, l: [1, 2]}\nb: 1\n")
    second.write_text("a: {y: null, l: [3], z: 4}\n")
    assert merged([first, second]) == {"a": {"x": 1, "l": [3], "z": 4}, "b": 1}


def test_a_release_digest_changes_with_values_settings_and_chart(tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text("a: 1\n")
    release = Release("r", "ray-job", "n", [values], tmp_path)
    first = release.digest()
    assert release.digest() == first
    values.write_text("a: 2\n")
    assert release.digest() != first
    changed = Release("r", "ray-job", "n", [values], tmp_path, (("a", 3),))
    assert len({first, release.digest(), changed.digest()}) == 3


def test_unknown_cloud_and_workload_name_the_value_and_what_there_is() -> None:
    with pytest.raises(UserError, match=r"CLOUD=gke .* local"):
        environment("gke")
    with pytest.raises(UserError, match=r"WORKLOAD=nope .* fashion-mnist"):
        workloads.workload(environment("local"), "nope")


def test_every_description_names_a_chart_that_exists_and_has_values() -> None:
    found = descriptions()
    assert {"fashion-mnist", "cluster"} <= set(found)
    for what in found.values():
        assert (ROOT / "charts" / what.chart / "Chart.yaml").exists()
        assert what.values("local")


def job(tmp_path: Path) -> Job:
    what = Description("j", "ray-job", tmp_path)
    return Job(environment("local"), what)


@pytest.mark.parametrize(
    ("status", "reached"),
    [
        ({}, None),
        ({"jobStatus": "RUNNING", "jobDeploymentStatus": "Running"}, None),
        ({"jobStatus": "SUCCEEDED", "jobDeploymentStatus": "Running"}, "SUCCEEDED"),
        ({"jobStatus": "SUCCEEDED", "jobDeploymentStatus": "Complete"}, "SUCCEEDED"),
        ({"jobStatus": "FAILED", "jobDeploymentStatus": "Failed"}, None),
    ],
)
def test_a_job_is_done_when_ray_says_that_it_has_succeeded(
    tmp_path: Path, status: dict[str, str], reached: str | None
) -> None:
    assert job(tmp_path).state({"status": status}) == reached


@pytest.mark.parametrize(
    "status",
    [
        {"jobStatus": "FAILED", "jobDeploymentStatus": "Failed", "message": "exit code 3"},
        {"jobDeploymentStatus": "ValidationFailed", "message": "exit code 3"},
        {"jobStatus": "STOPPED", "jobDeploymentStatus": "Complete", "message": "exit code 3"},
        {"jobStatus": "RUNNING", "jobDeploymentStatus": "Failed", "message": "exit code 3"},
    ],
)
def test_a_failed_job_says_why(
    tmp_path: Path, status: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Job, "driver_log", lambda self: ["ValueError: 0 epochs"])
    monkeypatch.setattr(explain, "namespace", lambda kube, name: "events: none")
    with pytest.raises(UserError, match=r"(?s)exit code 3.*0 epochs") as caught:
        job(tmp_path).refuse({"metadata": {"name": "j-1"}, "status": status})
    assert caught.value.hint is not None
    assert "make logs WORKLOAD=j" in caught.value.hint


def test_a_job_that_is_tried_again_has_not_failed() -> None:
    assert not Job.has_failed(
        {"status": {"jobStatus": "FAILED", "jobDeploymentStatus": "Retrying"}}
    )


def test_a_cluster_is_ready_only_for_the_generation_that_was_asked_for(tmp_path: Path) -> None:
    stage = StandingCluster(environment("local"), Description("c", "ray-cluster", tmp_path))
    status = {"state": "ready", "observedGeneration": 1, "readyWorkerReplicas": 2}
    assert stage.state({"metadata": {"generation": 2}, "status": status}) is None
    ready = stage.state({"metadata": {"generation": 1}, "status": status})
    assert ready == "ready: a head and 2 workers"


def test_a_service_is_ready_by_its_condition(tmp_path: Path) -> None:
    stage = Service(environment("local"), Description("s", "ray-service", tmp_path))
    meta = {"metadata": {"generation": 1}}
    waiting = {"type": "Ready", "status": "False", "reason": "Initializing"}
    status = {"observedGeneration": 1, "numServeEndpoints": 2, "conditions": [waiting]}
    assert stage.state({**meta, "status": status}) is None
    assert stage.phase({**meta, "status": status}) == "Initializing"
    status["conditions"] = [{"type": "Ready", "status": "True"}]
    assert stage.state({**meta, "status": status}) == "ready: 2 endpoints"


def test_a_service_that_cannot_be_deployed_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Service(environment("local"), Description("s", "ray-service", tmp_path))
    failed = {"status": "DEPLOY_FAILED", "message": "Traceback\n\nModuleNotFoundError: no x\n"}
    running = {"applicationStatuses": {"b": {"status": "RUNNING"}}}
    stage.refuse({"status": {"pendingServiceStatus": {}, "activeServiceStatus": running}})
    status = {"pendingServiceStatus": {"applicationStatuses": {"a": failed}}}
    stage.refuse({"status": status})  # it may be what was asked for before
    monkeypatch.setattr(workloads, "STALE", 0.0)
    with pytest.raises(UserError, match=r"application a cannot .*\n.*\n.* no x$"):
        stage.refuse({"status": {**status, "activeServiceStatus": running}})


def test_the_best_trials_service_reads_the_run_that_a_search_leaves() -> None:
    folder = descriptions()["tune-fashion-mnist"].folder
    files = [*descriptions()["mnist-service"].values("local"), folder / "serve.yaml"]
    (application,) = merged(files)["serveConfig"]["applications"].values()
    (deployment,) = application["deployments"].values()
    assert deployment["user_config"] == {"run_name": "tune-fashion-mnist-best"}
    assert deployment["num_replicas"] == 2


@pytest.mark.parametrize(
    ("others", "owner", "said", "deleted"),
    [
        ([], "rayworks", "removed, with its storage", ["namespace n"]),
        (["b", "a"], "rayworks", "removed; its storage stays for a, b", []),
        (
            [],
            "Helm",
            "removed, with its storage; namespace n was there before",
            ["pvc,serviceaccounts,secrets -l"],
        ),
    ],
)
def test_a_namespace_stays_for_the_releases_that_are_left_in_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    others: list[str],
    owner: str,
    said: str,
    deleted: list[str],
) -> None:
    gone: list[str] = []
    space = {"metadata": {"labels": {"app.kubernetes.io/managed-by": owner}}}
    listed = json.dumps([{"name": name} for name in ["j", *others]])
    monkeypatch.setattr(Release, "_helm", lambda self, *words, **_: listed)
    monkeypatch.setattr(Kube, "alive", lambda self: True)
    monkeypatch.setattr(Kube, "find", lambda self, kind, name: space)

    def run(self: Kube, *words: str, **_: object) -> str:
        assert words[0] == "delete"
        gone.append(" ".join(words[1:3]))
        return ""

    monkeypatch.setattr(Kube, "run", run)
    stage = Job(environment("local"), Description("j", "ray-job", tmp_path), "n")
    assert stage.undo(lambda detail: None) == said
    assert gone == deleted


def test_the_head_is_that_of_the_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pods(self: Kube, kind: str, namespace: str, selector: str) -> list[dict[str, object]]:
        wanted = dict(part.split("=") for part in selector.split(","))
        assert wanted.pop("ray.io/node-type") == "head"
        assert wanted == {"app.kubernetes.io/instance": "j"}
        times = {"old": "1", "new": "2", "going": "3"}
        found = [{"metadata": {"name": n, "creationTimestamp": t}} for n, t in times.items()]
        found[-1]["metadata"]["deletionTimestamp"] = "4"
        return found  # type: ignore[return-value]

    monkeypatch.setattr(Kube, "list", pods)
    assert job(tmp_path).head() == "new"


def pod(**status: object) -> dict[str, object]:
    return {"metadata": {"name": "p", "namespace": "n"}, "status": status}


def test_explain_names_an_unschedulable_pod_and_a_container_that_exits(tmp_path: Path) -> None:
    kube = Kube(tmp_path / "none")
    message = "0/1 nodes are available: 1 Insufficient cpu."
    unscheduled = pod(conditions=[{"type": "PodScheduled", "status": "False", "message": message}])
    assert explain.pod(kube, unscheduled) == [f"p is not scheduled: {message}"]
    pulling = {"name": "c", "state": {"waiting": {"reason": "ErrImagePull", "message": "no such"}}}
    assert explain.pod(kube, pod(containerStatuses=[pulling])) == ["p/c: ErrImagePull no such"]
    fine = {"name": "c", "state": {"running": {}}}
    assert explain.pod(kube, pod(containerStatuses=[fine])) == []


def test_condition() -> None:
    obj = {"status": {"conditions": [{"type": "Available", "status": "False"}]}}
    assert not condition(obj, "Available")
    obj["status"]["conditions"][0]["status"] = "True"
    assert condition(obj, "Available")


@pytest.mark.parametrize(("replicas", "updated", "seen", "up"), [
    (1, 1, 2, True), (2, 1, 2, False), (1, 1, 1, False), (0, 0, 2, False),
])  # fmt: skip
def test_a_deployment_is_available_as_it_was_asked_for(
    replicas: int, updated: int, seen: int, up: bool
) -> None:
    deployment = {
        "metadata": {"generation": 2},
        "spec": {"replicas": replicas},
        "status": {
            "observedGeneration": seen,
            "updatedReplicas": updated,
            # Kubernetes says so also of a Deployment without replicas.
            "conditions": [{"type": "Available", "status": "True"}],
        },
    }
    assert available(deployment) == up


def test_packed_takes_what_git_would_take(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("print(1)")
    (tmp_path / "big.bin").write_text("ignored")
    (tmp_path / ".gitignore").write_text("*.bin\n")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    with tarfile.open(fileobj=io.BytesIO(access.packed(tmp_path))) as archive:
        assert sorted(archive.getnames()) == [".gitignore", "x.py"]


def test_packed_refuses_a_missing_and_a_large_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="is not a folder"):
        access.packed(tmp_path / "none")
    (tmp_path / "x").write_bytes(b"0" * 100)
    monkeypatch.setattr(access, "MOST_BYTES", 10)
    with pytest.raises(UserError, match=r"DIR=.* holds"):
        access.packed(tmp_path)


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} is in use") as caught:
            access.check_port(port)
    assert caught.value.hint == f"make dashboard PORT={port + 1}"


def deploy(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploy", *words], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": "scripts"}, check=False,
    )  # fmt: skip


def test_the_command_line_shows_an_error_and_a_way_out_and_exits_with_1() -> None:
    done = deploy("up", "--cloud", "gke")
    assert done.returncode == 1
    assert done.stderr.startswith("error: CLOUD=gke is not known")
    assert "try:   make deploy CLOUD=local" in done.stderr
    assert "Traceback" not in done.stderr


def test_kube_watch_splits_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = [{"a": {"b": 1}}, {"a": {"b": 2}}]
    text = "".join(json.dumps(o, indent=4) + "\n" for o in objects)
    (tmp_path / "text").write_text(text)
    monkeypatch.setattr(Kube, "command", lambda *a, **k: ["cat", str(tmp_path / "text")])
    assert list(Kube(tmp_path).watch("pods", "p", "n", 5)) == objects


@pytest.mark.parametrize(
    ("script", "says"), [("exit 0", ""), ("echo '+ a: b'; exit 1", "+ a: b\n")]
)
def test_kube_diff_tells_differences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, says: str
) -> None:
    monkeypatch.setattr(Kube, "command", lambda *a, **k: ["bash", "-c", script])
    assert Kube(tmp_path).diff("", "n") == says


def test_kube_diff_tells_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ["bash", "-c", "echo no such kind >&2; exit 2"]
    monkeypatch.setattr(Kube, "command", lambda *a, **k: command)
    with pytest.raises(UserError, match="no such kind"):
        Kube(tmp_path).diff("", "n")


def test_a_teams_values_are_those_of_its_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    teams = {"red": {"data": {"values.yaml": "auth: {}\n"}}}
    monkeypatch.setattr(Kube, "find", lambda self, kind, name, namespace: teams.get(namespace))
    place = environment("local")
    assert workloads.environment_values(place, "red") == "auth: {}\n"
    with pytest.raises(UserError, match="namespace blue has no ConfigMap ray-environment"):
        workloads.environment_values(place, "blue")


def test_what_would_be_upgraded_is_marked_as_helm_marks_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = "kind: A\nmetadata: {name: a}\n---\n---\nkind: B\nmetadata: {annotations: {c: d}}\n"
    monkeypatch.setattr(Release, "template", lambda self, *options: rendered)
    release = Release("one", "ray-job", "team", [], tmp_path)
    marks = {"meta.helm.sh/release-name": "one", "meta.helm.sh/release-namespace": "team"}
    found = [one["metadata"]["annotations"] for one in yaml.safe_load_all(release.upgraded())]
    assert found == [marks, {"c": "d", **marks}]


def test_a_script_that_is_submitted_is_no_target_of_make() -> None:
    """Else make would say of the file that it is up to date."""
    said = subprocess.run(
        ["make", "--dry-run", "submit", "--", "python", "README.md"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "-- python README.md" in said.stdout
    assert "up to date" not in said.stdout
