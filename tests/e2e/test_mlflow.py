"""The MLflow server on a real cluster: runs come from elsewhere, and outlive all that happens."""

from __future__ import annotations

import base64
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from support import (
    TMP,
    Deployed,
    ended,
    eventually,
    make,
    pods,
    reached,
    restricted_pod,
    result,
    secret,
    shared_claim,
)

from deploy.environments import environment
from deploy.helm import Release
from deploy.workloads import Job
from lib.kube import Kube, namespace_object
from lib.paths import ROOT, tool
from lib.shell import run
from local import images

pytestmark = pytest.mark.full

NAMESPACE = "mlflow"
OLD_DATABASE = ROOT / "tests" / "charts" / "data" / "mlflow-3.6.0.sql"
OLD_RUN = "e6886dd902b946ad8471bbbd6322f892"
NEVER = "0 0 1 1 *"
#: Of PostgreSQL; nothing may take it for a part of an address.
PASSWORD = "p%w@rd:/?#"
RAY = {"ray.io/is-ray-node": "yes"}
Values = dict[str, Any]

VALUES: Values = {
    "backup": {"schedule": NEVER},
    "gc": {"enabled": True, "schedule": NEVER, "olderThan": "1s"},
    "persistence": {"size": "1Gi"},
    "resources": {"requests": {"cpu": "50m", "memory": "512Mi"}},
}

#: Logs a run with an artifact, as a training does; prints its id.
LOG = """
import mlflow
mlflow.set_experiment("training")
with mlflow.start_run() as run:
    mlflow.log_param("lr", 0.1)
    mlflow.log_text("kept", "note.txt")
found = mlflow.get_run(run.info.run_id)
assert mlflow.artifacts.load_text(found.info.artifact_uri + "/note.txt") == "kept"
print("RUN" + run.info.run_id)
"""

#: Prints what is answered to somebody without a password, by path.
KNOCK = """
import json, os, urllib.error, urllib.request
said = {}
for path in ("/health", "/", "/metrics", "/api/2.0/mlflow-artifacts/artifacts"):
    try:
        with urllib.request.urlopen(os.environ["MLFLOW_TRACKING_URI"] + path, timeout=10) as answer:
            said[path] = answer.status
    except urllib.error.HTTPError as error:
        said[path] = error.code
    except OSError as error:
        said[path] = "no way"
print("SAID" + json.dumps(said))
"""


#: Asks five times a second, each time on a connection of its own, and says what came back so far.
LOAD = """
import json, os, time, urllib.request
answers, failures = 0, []
while True:
    try:
        with urllib.request.urlopen(os.environ["MLFLOW_TRACKING_URI"] + "/health", timeout=10):
            answers += 1
    except Exception as error:
        failures.append(repr(error))
    print(json.dumps({"answers": answers, "failures": failures}), flush=True)
    time.sleep(0.2)
"""


@dataclass
class Server:
    """The release, and what is asked of it."""

    kube: Kube
    folder: Path
    namespace: str = NAMESPACE
    values: Values = field(default_factory=lambda: dict(VALUES))

    @property
    def clients(self) -> str:
        """Namespace of the clients."""
        return f"{self.namespace}-clients"

    def upgrade(self) -> None:
        """Install or upgrade, and wait until it is up."""
        own = self.folder / "mlflow.yaml"
        own.write_text(json.dumps(self.values))
        place = environment("local")
        files = [*place.values(), own]
        release = Release("mlflow", "mlflow", self.namespace, files, place.kubeconfig)
        place.provide(release.template(), print)
        release.upgrade()
        self.wait()

    def wait(self) -> None:
        """Wait until the server is up."""
        words = ("rollout", "status", "deployment/mlflow", "--timeout=400s")
        self.kube.run(*words, namespace=self.namespace, timeout=420)

    def secret(self) -> dict[str, str]:
        """The administrator's Secret, decoded."""
        found = self.kube.find("secret", "mlflow-admin", self.namespace)
        assert found
        return {key: base64.b64decode(value).decode() for key, value in found["data"].items()}

    def ask(self, path: str, body: Any = None) -> tuple[int, bytes]:
        """What is answered to the administrator."""
        secret = self.secret()
        login = base64.b64encode(f"{secret['username']}:{secret['password']}".encode()).decode()
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
        with self.kube.forwarded("service/mlflow", 5000, self.namespace, 15000) as forwarded:
            request = urllib.request.Request(forwarded.url + path, data=data, headers=headers)  # noqa: S310
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                    return answer.status, answer.read()
            except urllib.error.HTTPError as error:
                return error.code, error.read()

    def pods(self) -> list[str]:
        """Names of the server's pods."""
        found = self.kube.list("pods", self.namespace, "app.kubernetes.io/component=mlflow")
        return [str(one["metadata"]["name"]) for one in found]

    def status_of(self, run_id: str) -> int:
        """Status of the answer about a run."""
        return self.ask(f"/api/2.0/mlflow/runs/get?run_id={run_id}")[0]

    def artifact_of(self, run_id: str) -> bytes:
        """The note of a run."""
        return self.ask(f"/get-artifact?path=note.txt&run_uuid={run_id}")[1]

    def runs(self, experiment: str) -> list[dict[str, Any]]:
        """All runs of an experiment."""
        _, body = self.ask(f"/api/2.0/mlflow/experiments/get-by-name?experiment_name={experiment}")
        number = json.loads(body)["experiment"]["experiment_id"]
        _, body = self.ask("/api/2.0/mlflow/runs/search", {"experiment_ids": [number]})
        found: list[dict[str, Any]] = json.loads(body).get("runs", [])
        return found

    def metric(self, run_id: str, name: str) -> dict[int, float]:
        """A metric's values by their steps."""
        query = f"run_id={run_id}&metric_key={name}"
        _, body = self.ask(f"/api/2.0/mlflow/metrics/get-history?{query}")
        return {int(one["step"]): one["value"] for one in json.loads(body)["metrics"]}

    def job(self, cron_job: str, name: str) -> str:
        """Run a scheduled job now; its log."""
        kube = self.kube
        kube.run(
            "create", "job", name, f"--from=cronjob/mlflow-{cron_job}", namespace=self.namespace
        )
        words = ("wait", "--for=condition=Complete", f"job/{name}", "--timeout=200s")
        kube.run(*words, namespace=self.namespace, timeout=210)
        return kube.run("logs", f"job/{name}", namespace=self.namespace)

    def copies(self) -> list[str]:
        """Names of the copies of the database, the oldest first."""
        listed = self.kube.exec("deployment/mlflow", ["ls", "/data/backups"], self.namespace)
        return sorted(listed.split())

    def start(self, name: str, script: str, labels: dict[str, str]) -> None:
        """Start a client in another namespace."""
        secret = self.secret()
        env = {
            "HOME": TMP,
            "MLFLOW_TRACKING_URI": f"http://mlflow.{self.namespace}.svc:5000",
            "MLFLOW_TRACKING_USERNAME": secret["username"],
            "MLFLOW_TRACKING_PASSWORD": secret["password"],
        }
        container = {
            "image": str(images.reference("mlflow")),
            "command": ["python", "-c", script],
            "env": [{"name": key, "value": value} for key, value in env.items()],
        }
        self.kube.apply(restricted_pod(name, self.clients, container, labels))

    def client(self, name: str, script: str, labels: dict[str, str]) -> str:
        """What a client in another namespace prints."""
        self.start(name, script, labels)

        phase = ended(self.kube, name, self.clients)
        said = self.kube.run("logs", name, namespace=self.clients)
        assert phase == "Succeeded", said
        return said


@contextmanager
def namespaces(server: Server) -> Iterator[Server]:
    """The namespaces of a server and of its clients, and nothing left of them."""
    names = (server.clients, server.namespace)
    server.kube.apply(*map(namespace_object, names))
    try:
        yield server
    finally:
        for name in names:
            server.kube.run("delete", "namespace", name, "--ignore-not-found", timeout=180)


@pytest.fixture(scope="module")
def server(deployed: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The release with all its defaults but the schedules, in a restricted namespace."""
    folder = tmp_path_factory.mktemp("mlflow")
    with namespaces(Server(deployed.kube, folder)) as found:
        found.upgrade()
        yield found


@pytest.fixture(scope="module")
def logged(server: Server) -> str:
    """A run, logged by a pod that is labelled as Ray's are."""
    said = server.client("training", LOG, RAY)
    return said.partition("RUN")[2].split()[0]


def test_a_run_is_logged_from_another_namespace(server: Server, logged: str) -> None:
    assert server.status_of(logged) == 200
    assert server.artifact_of(logged) == b"kept"


def test_nobody_gets_in_without_a_password(server: Server) -> None:
    said = server.client("knocks", KNOCK, RAY).partition("SAID")[2]
    answers = json.loads(said)
    assert answers.pop("/health") == 200
    assert set(answers.values()) == {401}


def test_the_policy_lets_in_ray_only(server: Server) -> None:
    said = server.client("stranger", KNOCK, {}).partition("SAID")[2]
    assert set(json.loads(said).values()) == {"no way"}


def test_helm_test_passes(server: Server) -> None:
    command = [tool("helm"), "test", "mlflow", "--namespace", NAMESPACE]
    run(command, env={"KUBECONFIG": str(server.kube.kubeconfig)}, timeout=300)


def test_a_run_outlives_the_server(server: Server, logged: str) -> None:
    (name,) = server.pods()
    server.kube.run("delete", "pod", name, "--grace-period=0", "--force", namespace=NAMESPACE)
    server.wait()
    assert server.status_of(logged) == 200
    assert server.artifact_of(logged) == b"kept"


def test_a_training_that_loses_a_worker_and_then_its_server_is_one_whole_run(
    deployed: Deployed, server: Server, tmp_path: Path
) -> None:
    # room for a cluster on a small machine
    assert make("remove", "WORKLOAD=fashion-mnist").returncode == 0
    epochs, namespace, login = 250, "tracked", "mlflow-login"
    tracking = {"trackingUri": f"http://mlflow.{NAMESPACE}.svc:5000", "credentialsSecret": login}
    values = {"env": {"EPOCHS": str(epochs)}, "global": {"ray": {"mlflow": tracking}}}
    file = tmp_path / "values.yaml"
    file.write_text(json.dumps(values))
    job = deployed.fashion_mnist(namespace, file)
    words = ("WORKLOAD=fashion-mnist", f"NAMESPACE={namespace}")
    force = ("--grace-period=0", "--force")
    server.kube.apply(namespace_object(namespace), secret(login, namespace, server.secret()))
    run = threading.Thread(target=make, args=("run", *words, f"VALUES={file}"))
    run.start()
    try:
        eventually(lambda: reached(job, 20), 300, "20 epochs")
        lost = pods(server.kube, namespace, "worker")[-1]
        server.kube.run("delete", "pod", lost, *force, "--wait=false", namespace=namespace)
        eventually(lambda: told(job, "resumed"), 200, "the training to go on")
        (lost,) = server.pods()
        server.kube.run("delete", "pod", lost, *force, "--wait=false", namespace=NAMESPACE)
        run.join()
        assert (job.object() or {})["status"]["jobStatus"] == "SUCCEEDED"
        states = [event["state"] for event in told(job, "mlflow")]
        assert "cannot be reached; training goes on" in states[0]
        assert states[-1] == "is back, and has all epochs"
        history = result(job)["history"]
    finally:
        run.join()
        make("remove", *words)
        server.wait()
    assert isinstance(history, list)
    assert [epoch["epoch"] for epoch in history] == list(range(1, epochs + 1))

    (logged,) = server.runs("fashion-mnist")
    assert logged["info"]["status"] == "FINISHED"
    assert {"key": "epochs", "value": str(epochs)} in logged["data"]["params"]
    losses = server.metric(logged["info"]["run_id"], "loss")
    assert losses == {epoch["epoch"]: pytest.approx(epoch["loss"], abs=1e-5) for epoch in history}


def told(job: Job, name: str) -> list[dict[str, Any]]:
    """The events of a name that a job has told up to now."""
    lines = [json.loads(line) for line in job.driver_log() if line.startswith("{")]
    return [event for event in lines if event["event"] == name]


def test_runs_outlive_an_upgrade_a_migration_and_a_restore(server: Server, logged: str) -> None:
    secret = server.secret()
    server.job("backup", "by-hand")
    (good,) = server.copies()
    put = (
        "import sqlite3, sys; "
        "sqlite3.connect('/data/backups/old.db').executescript(sys.stdin.read())"
    )
    server.kube.run(
        "exec", "-i", "deployment/mlflow", "-c", "mlflow", "--", "python", "-c", put,
        namespace=NAMESPACE, input_text=OLD_DATABASE.read_text(),
    )  # fmt: skip

    # the database of an older server takes the place of ours, and is migrated
    server.values["backup"] = {"schedule": NEVER, "restore": "old.db"}
    server.upgrade()
    assert server.status_of(OLD_RUN) == 200
    assert server.status_of(logged) == 404
    reasons = {name.partition("-before-")[2] for name in server.copies()} - {""}
    assert reasons == {"restore.db", "3.17.2.db"}

    # and ours comes back
    server.values["backup"] = {"schedule": NEVER, "restore": good}
    server.upgrade()
    assert server.status_of(logged) == 200
    assert server.artifact_of(logged) == b"kept"
    assert server.secret() == secret


def test_what_is_deleted_is_cleared_away(server: Server, logged: str) -> None:
    said = server.client("another", LOG, RAY)
    run_id = said.partition("RUN")[2].split()[0]
    assert server.ask("/api/2.0/mlflow/runs/delete", {"run_id": run_id})[0] == 200
    assert run_id in server.job("gc", "by-hand-gc")
    assert server.status_of(run_id) == 404
    find = ["find", "/data/artifacts", "-name", "note.txt"]
    left = server.kube.exec("deployment/mlflow", find, NAMESPACE)
    assert logged in left
    assert run_id not in left


def test_only_the_claim_and_the_secret_stay(server: Server) -> None:
    environment_ = {"KUBECONFIG": str(server.kube.kubeconfig)}
    words = ["uninstall", "mlflow", "--namespace", NAMESPACE, "--wait"]
    run([tool("helm"), *words], env=environment_, timeout=200)
    kinds = "all,ingress,networkpolicy,configmap,secret,serviceaccount,role,rolebinding,pvc,pdb"

    def left() -> set[str]:
        names = server.kube.run("get", kinds, "-o", "name", namespace=NAMESPACE).split()
        ours = {"configmap/kube-root-ca.crt", "serviceaccount/default"}
        return {name for name in names if name not in ours}

    def only_those() -> bool:
        return left() == {"persistentvolumeclaim/mlflow", "secret/mlflow-admin"}

    eventually(only_those, 60, "nothing but the claim and the Secret")


@contextmanager
def on_postgres(kube: Kube, folder: Path, namespace: str, **values: Any) -> Iterator[Server]:
    """A release on a PostgreSQL of its own, which runs; the release is not installed yet."""
    images.build(["postgres"], print)
    login = {"username": "mlflow", "password": PASSWORD}
    start = """
        initdb --username=mlflow --pwfile=<(printf %s "$PASSWORD") --auth=scram-sha-256
        echo host all all all scram-sha-256 >> "$PGDATA/pg_hba.conf"
        exec postgres -c listen_addresses='*' -c unix_socket_directories=/tmp
    """
    database = {
        "image": str(images.reference("postgres")),
        "command": ["bash", "-ec", start],
        "env": [
            {"name": "PGDATA", "value": f"{TMP}/data"},
            {"name": "PASSWORD", "value": PASSWORD},
        ],
        "readinessProbe": {"tcpSocket": {"port": 5432}, "periodSeconds": 1},
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "database", "namespace": namespace},
        "spec": {"selector": {"app": "database"}, "ports": [{"port": 5432}]},
    }
    common: Values = {
        "database": {
            "host": f"database.{namespace}.svc", "name": "postgres", "existingSecret": "database",
            "sslMode": "disable",
        },
        "resources": VALUES["resources"],
    }  # fmt: skip
    with namespaces(Server(kube, folder, namespace, {**common, **values})) as found:
        running = restricted_pod("database", namespace, database, {"app": "database"})
        kube.apply(running, service, secret("database", namespace, login))
        kube.run(
            "wait", "pod/database", "--for=condition=Ready", "--timeout=60s",
            namespace=namespace, timeout=90,
        )  # fmt: skip
        yield found


@pytest.fixture
def available(deployed: Deployed, tmp_path: Path) -> Iterator[Server]:
    """Two replicas on PostgreSQL; of one node, so that any volume is shared."""
    namespace = "mlflow-available"
    claim = shared_claim(namespace)
    values: Values = {
        "replicas": 2,
        "persistence": {
            "existingClaim": claim["metadata"]["name"], "accessMode": "ReadWriteMany",
        },
    }  # fmt: skip
    with on_postgres(deployed.kube, tmp_path, namespace, **values) as found:
        found.kube.apply(claim)
        found.upgrade()
        yield found


def test_two_replicas_are_replaced_without_a_failed_request(available: Server) -> None:
    before = set(available.pods())
    assert len(before) == 2

    def allowed() -> int:
        found = available.kube.find("poddisruptionbudget", "mlflow", available.namespace)
        return int((found or {}).get("status", {}).get("disruptionsAllowed", 0))

    eventually(lambda: allowed() == 1, 60, "one pod may go")
    said = available.client("training", LOG, RAY)
    run_id = said.partition("RUN")[2].split()[0]
    available.start("load", LOAD, RAY)

    def heard() -> dict[str, Any]:
        words = ("logs", "load", "--tail=1")
        lines = available.kube.run(*words, namespace=available.clients, check=False).splitlines()
        found: dict[str, Any] = {"answers": 0, "failures": []}
        return json.loads(lines[-1]) if lines and lines[-1].startswith("{") else found

    eventually(lambda: heard()["answers"] > 10, 60, "answers")
    available.values["workers"] = 2
    available.upgrade()
    eventually(lambda: not before & set(available.pods()), 120, "the end of the first pods")
    seen = heard()["answers"]
    eventually(lambda: heard()["answers"] > seen + 10, 60, "further answers")
    assert heard()["failures"] == []
    assert available.status_of(run_id) == 200
    assert available.artifact_of(run_id) == b"kept"


#: Makes a database of PostgreSQL as an older MLflow left it: its tables by MLflow's own migrations
#: up to its revisions, then its rows; prints how many.
AS_IT_WAS = """
import os, sqlite3
import sqlalchemy
from alembic import command
from mlflow.server.auth.db import utils as auth
from mlflow.store.db import utils as runs
from mlflow.store.tracking.dbmodels.initial_models import Base

old = sqlite3.connect(":memory:")
old.executescript(os.environ["DUMP"])
uri = os.environ["URI"]
engine = sqlalchemy.create_engine(uri)
Base.metadata.create_all(engine)
for utils, table in ((runs, "alembic_version"), (auth, "alembic_version_auth")):
    (revision,) = old.execute(f"SELECT version_num FROM {table}").fetchone()
    command.upgrade(utils._get_alembic_config(uri), revision)
known = sqlalchemy.MetaData()
known.reflect(engine)
count = 0
with engine.begin() as connection:
    # rows in any order, whatever they refer to
    connection.execute(sqlalchemy.text("SET session_replication_role = replica"))
    for name, table in known.tables.items():
        found = old.execute(f'SELECT * FROM "{name}"')
        columns = [one[0] for one in found.description]
        yes = {one.name for one in table.columns if isinstance(one.type, sqlalchemy.Boolean)}
        rows = [
            {key: bool(value) if key in yes else value for key, value in zip(columns, row)}
            for row in found
        ]
        connection.execute(table.delete())
        if rows:
            connection.execute(table.insert(), rows)
        count += len(rows)
        for column in table.primary_key:
            names = {"table": name, "column": column.name}
            ask = sqlalchemy.text("SELECT pg_get_serial_sequence(:table, :column)")
            if sequence := connection.scalar(ask, names):
                most = connection.scalar(sqlalchemy.select(sqlalchemy.func.max(column)))
                advance = sqlalchemy.text("SELECT setval(:sequence, :most)")
                connection.execute(advance, {"sequence": sequence, "most": (most or 0) + 1})
print("ROWS", count)
"""


def test_a_database_of_an_older_version_is_migrated(deployed: Deployed, tmp_path: Path) -> None:
    with on_postgres(deployed.kube, tmp_path, "mlflow-older", persistence={"size": "1Gi"}) as old:
        address = f"postgresql+psycopg2://database.{old.namespace}.svc/postgres"
        variables = {
            "HOME": TMP,
            "PGUSER": "mlflow",
            "PGPASSWORD": PASSWORD,
            "URI": address,
            "DUMP": OLD_DATABASE.read_text(),
        }
        container = {
            "image": str(images.build(["mlflow"], print)["mlflow"]),
            "command": ["python", "-c", AS_IT_WAS],
            "env": [{"name": name, "value": value} for name, value in variables.items()],
        }
        old.kube.apply(restricted_pod("before", old.namespace, container))
        phase = ended(old.kube, "before", old.namespace)
        said = old.kube.run("logs", "before", namespace=old.namespace)
        assert phase == "Succeeded", said
        assert int(said.split()[-1]) > 0
        old.upgrade()
        assert old.status_of(OLD_RUN) == 200
        found = json.loads(old.ask(f"/api/2.0/mlflow/runs/get?run_id={OLD_RUN}")[1])["run"]
        assert found["data"]["params"]
        assert old.ask("/api/2.0/mlflow/users/get?username=red")[0] == 200
        # and it goes on
        new = old.client("training", LOG, RAY).partition("RUN")[2].split()[0]
        assert old.status_of(new) == 200
