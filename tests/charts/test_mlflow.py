"""The chart mlflow as its pods run it: its containers, with the very commands and variables that it
renders, as processes of this machine, on folders in place of volumes.

MLflow comes from the lock of its image, in an environment of its own.
"""

from __future__ import annotations

import base64
import json
import re
import signal
import socket
import sqlite3
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from s3_server import BUCKET, KEYS, s3
from support import eventually

from lib.paths import ROOT, tool
from lib.shell import run

pytestmark = pytest.mark.full

CHART = ROOT / "charts" / "mlflow"
DATA = Path(__file__).with_name("data")
OLD_RUN = "e6886dd902b946ad8471bbbd6322f892"

LOGIN = {"username": "admin", "password": "right-password", "secretKey": "random"}
ADMIN = ("admin", "right-password")
Values = dict[str, Any]
Answer = tuple[int, bytes]

#: Logs a run with everything that a training would, and reads it back; prints its id.
CLIENT = """
import sys, mlflow
mlflow.set_experiment(sys.argv[1])
with mlflow.start_run() as run:
    mlflow.log_param("lr", 0.1)
    mlflow.log_metrics({"loss": 0.5}, step=1)
    mlflow.log_text("weights" * 100_000, "model/weights.bin")
found = mlflow.get_run(run.info.run_id)
assert found.data.params == {"lr": "0.1"} and found.data.metrics == {"loss": 0.5}
text = mlflow.artifacts.load_text(found.info.artifact_uri + "/model/weights.bin")
assert text == "weights" * 100_000
print(run.info.run_id)
"""

#: Prints every route of the application, as [path, method] pairs.
ROUTES = """
import json, sys
from mlflow.server import app as flask
from mlflow.server.auth import create_app
pairs = {(str(r), m) for r in flask.url_map.iter_rules() for m in r.methods}
for route in create_app().routes:
    pairs |= {(route.path, m) for m in getattr(route, "methods", None) or ()}
pairs |= {(str(r), m) for r in flask.url_map.iter_rules() for m in r.methods}
print(json.dumps(sorted(pairs)))
"""


@dataclass
class Release:
    """A release of the chart on this machine.

    Attributes:
        folder: what its volumes are folders in.
        python: interpreter of the image's environment.
        values: of the chart.
        login: the administrator's Secret.
        store: the Secret of the object store.
    """

    folder: Path
    python: Path
    values: Values = field(default_factory=dict)
    login: dict[str, str] = field(default_factory=lambda: dict(LOGIN))
    store: dict[str, str] = field(default_factory=dict)
    port: int = 0

    def __post_init__(self) -> None:
        for name in ("data", "tmp", "auth", "backups"):
            (self.folder / name).mkdir()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    @property
    def database(self) -> Path:
        return self.folder / "data" / "mlflow.db"

    @property
    def backups(self) -> Path:
        return self.folder / "data" / "backups"

    def copies(self) -> list[str]:
        """Names of the copies of the database, the oldest first."""
        return sorted(path.name for path in self.backups.glob("*.db"))

    def rendered(self) -> list[Any]:
        """The objects, with paths and addresses of this machine."""
        text = run(
            [tool("helm"), "template", "mlflow", CHART, "-n", "ray-system", "--values", "-"],
            input_text=json.dumps(self.values),
        ).stdout
        text = re.sub(
            r"(?<![\w.])/(data|backups|tmp|auth)(?=[/\s\"]|$)", rf"{self.folder}/\1", text
        )
        text = text.replace("//mlflow.ray-system.svc:5000", f"//127.0.0.1:{self.port}")
        text = text.replace("--host=0.0.0.0", "--host=127.0.0.1")
        text = text.replace("--port=5000", f"--port={self.port}")
        return [one for one in yaml.safe_load_all(text) if one]

    def container(self, name: str) -> dict[str, Any]:
        """A container of this name, wherever it is."""

        def found(node: Any) -> Iterator[dict[str, Any]]:
            if isinstance(node, dict):
                if node.get("name") == name and "image" in node:
                    yield node
                for inner in node.values():
                    yield from found(inner)
            elif isinstance(node, list):
                for inner in node:
                    yield from found(inner)

        (one,) = found(self.rendered())
        return one

    def process(self, name: str) -> tuple[list[str], dict[str, str]]:
        """Command line and environment of a container."""
        container = self.container(name)
        env = {"PATH": f"{self.python.parent}:/usr/bin:/bin", "PYTHONUNBUFFERED": "1"}
        for one in container["env"]:
            source = one.get("valueFrom", {})
            if secret := source.get("secretKeyRef"):
                env[one["name"]] = self.login[secret["key"]]
            else:
                env[one["name"]] = "127.0.0.1" if source else one.get("value", "")
        if container.get("envFrom"):
            env |= self.store
        words = [*container["command"], *container.get("args", [])]
        return [re.sub(r"\$\((\w+)\)", lambda m: env[m[1]], word) for word in words], env

    def run(self, name: str) -> subprocess.CompletedProcess[str]:
        """Run a container to its end."""
        command, env = self.process(name)
        done = subprocess.run(
            command, env=env, cwd=self.folder, capture_output=True, text=True, timeout=300,
            check=False,
        )  # fmt: skip
        print(f"{name} → {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    @contextmanager
    def serving(self) -> Iterator[Release]:
        """The pod of the server: prepared, up, and ended as the kubelet ends it."""
        for one in self.rendered():
            if one["kind"] == "ConfigMap":
                for name, text in one["data"].items():
                    (self.folder / "auth" / name).write_text(text)
        assert self.run("prepare").returncode == 0
        command, env = self.process("mlflow")
        with (self.folder / "log").open("a") as log:
            server = subprocess.Popen(
                command, env=env, cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )
        try:
            eventually(lambda: server.poll() is not None or self.up(), 300, "the server is up")
            assert server.poll() is None, (self.folder / "log").read_text()
            yield self
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)

    def up(self) -> bool:
        """Whether the probe would succeed."""
        try:
            return self.ask("/health", user=None)[0] == 200
        except OSError:
            return False

    def ask(
        self,
        path: str,
        body: Any = None,
        *,
        user: tuple[str, str] | None = ADMIN,
        method: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Status and content of an answer; `body` is sent as JSON."""
        data = None if body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **(headers or {})}
        if user:
            sent["Authorization"] = "Basic " + base64.b64encode(":".join(user).encode()).decode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data=data, headers=sent, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - http
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def call(self, path: str, body: Any = None, user: tuple[str, str] = ADMIN) -> Any:
        """What a method of the API answers."""
        status, said = self.ask(f"/api/2.0/mlflow{path}", body, user=user)
        assert status == 200, said
        return json.loads(said)

    def client(
        self, experiment: str, user: tuple[str, str] = ADMIN
    ) -> subprocess.CompletedProcess[str]:
        """A run, logged by MLflow's own client."""
        return subprocess.run(
            [self.python, "-c", CLIENT, experiment],
            env={
                "PATH": "/usr/bin:/bin",
                "HOME": str(self.folder / "tmp"),
                "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{self.port}",
                "MLFLOW_TRACKING_USERNAME": user[0],
                "MLFLOW_TRACKING_PASSWORD": user[1],
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
            },
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip

    def log_run(self, experiment: str, user: tuple[str, str] = ADMIN) -> str:
        """Id of a run that the client has logged."""
        done = self.client(experiment, user)
        assert done.returncode == 0, done.stderr
        # The client says more than the script.
        return str(re.findall(r"^[0-9a-f]{32}$", done.stdout, flags=re.MULTILINE)[-1])

    def get_run(self, run_id: str) -> int:
        """Status of the answer about a run."""
        return self.ask(f"/api/2.0/mlflow/runs/get?run_id={run_id}")[0]


def rows(database: Path, query: str) -> list[Any]:
    """What a query finds in a database."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


def dump(database: Path) -> list[str]:
    """All of a database."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return list(connection.iterdump())


def load_old(release: Release) -> None:
    """The database and the artifact of MLflow 3.6.0."""
    with closing(sqlite3.connect(release.database)) as connection:
        connection.executescript((DATA / "mlflow-3.6.0.sql").read_text())
    artifacts = release.folder / "data" / "artifacts" / "1" / OLD_RUN / "artifacts"
    artifacts.mkdir(parents=True)
    (artifacts / "note.txt").write_text("kept")


@pytest.fixture(scope="module")
def served(mlflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """A release with metrics and an Ingress, on an empty volume."""
    values: Values = {
        "monitoring": {"enabled": True},
        "global": {"ray": {"monitoring": {"apiGroup": "monitoring.coreos.com"}}},
        "ingress": {"enabled": True, "host": "mlflow.example.com"},
    }
    release = Release(tmp_path_factory.mktemp("served"), mlflow_python, values)
    with release.serving():
        yield release


@pytest.fixture
def release(mlflow_python: Path, tmp_path: Path) -> Release:
    """A release that does not run yet, with what it clears away older than a second."""
    return Release(tmp_path, mlflow_python, {"gc": {"enabled": True, "olderThan": "1s"}})


def test_a_run_is_logged_with_its_artifacts(served: Release) -> None:
    run_id = served.log_run("training")
    (uri,) = rows(served.database, f"SELECT artifact_uri FROM runs WHERE run_uuid = '{run_id}'")[0]  # noqa: S608
    assert uri.startswith("mlflow-artifacts:/")  # no client needs the storage itself
    found = list((served.folder / "data" / "artifacts").glob(f"*/{run_id}/artifacts/model/*"))
    assert [path.name for path in found] == ["weights.bin"]


def test_helm_test_passes(served: Release) -> None:
    done = served.run("test")
    assert done.returncode == 0, done.stdout + done.stderr
    assert served.run("test").returncode == 0  # again


def test_helm_test_fails_with_a_wrong_password(served: Release) -> None:
    right = served.login["password"]
    served.login["password"] = "wrong-password"
    try:
        done = served.run("test")
    finally:
        served.login["password"] = right
    assert done.returncode == 1
    assert "401" in done.stderr


def test_nobody_gets_in_without_a_password(served: Release) -> None:
    _, env = served.process("mlflow")
    env |= {"_MLFLOW_SGI_NAME": "uvicorn", "prometheus_multiproc_dir": str(served.folder / "m")}
    said = run([served.python, "-c", ROUTES], env=env, timeout=300).stdout
    routes = json.loads(said.splitlines()[-1])
    assert len(routes) > 300
    open_to_all = set()
    for rule, method in routes:
        if method != "OPTIONS":  # a browser's question what is allowed; it carries no password
            path = re.sub(r"<[^>]+>|{[^}]+}", "1", rule)
            status, _ = served.ask(path, user=None, method=method)
            if status != 401:
                open_to_all.add((rule, status))
    assert open_to_all == {
        ("/health", 200),
        ("/static-files/<path:path>", 404),
        ("/api/3.0/mlflow/server-info", 200),
        ("/ajax-api/3.0/mlflow/server-info", 200),
    }


@pytest.mark.parametrize(
    "user", [("admin", "wrong-password"), ("admin", ""), ("nobody", "right-password"), ("", "")]
)
@pytest.mark.parametrize("path", ["/", "/metrics", "/api/2.0/mlflow-artifacts/artifacts/1"])
def test_nobody_gets_in_with_a_wrong_one(served: Release, user: tuple[str, str], path: str) -> None:
    assert served.ask(path, user=user)[0] == 401


def test_what_is_open_to_all_tells_nothing_about_runs(served: Release) -> None:
    status, said = served.ask("/api/3.0/mlflow/server-info", user=None)
    assert status == 200
    known = json.loads(said)
    features = known.pop("features_enabled")
    assert features == {"gateway": False}
    assert known.pop("store_type") == "SqlStore"
    assert {type(value) for value in known.values()} == {bool}


def test_metrics_are_there_for_the_administrator(served: Release) -> None:
    served.call("/experiments/get?experiment_id=0")
    status, said = served.ask("/metrics")
    assert status == 200
    assert b'mlflow_http_request_total{method="GET"' in said
    monitor = next(one for one in served.rendered() if one["kind"] == "ServiceMonitor")
    login = monitor["spec"]["endpoints"][0]["basicAuth"]
    assert {served.login[login[key]["key"]] for key in login} == set(ADMIN)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("mlflow:5000", 200),
        ("mlflow.ray-system.svc:5000", 200),
        ("mlflow.ray-system.svc.cluster.local:5000", 200),
        ("mlflow.example.com", 200),
        ("localhost:12345", 200),
        ("evil.example.com", 403),
        ("mlflow.ray-system.svc.evil.example.com:5000", 403),
    ],
)
def test_only_known_names_are_answered(served: Release, host: str, status: int) -> None:
    path = "/api/2.0/mlflow/experiments/get?experiment_id=0"
    assert served.ask(path, headers={"Host": host})[0] == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [("https://mlflow.example.com", 200), ("https://evil.example.com", 403)],
)
def test_only_its_own_pages_change_something(served: Release, origin: str, status: int) -> None:
    tag = {"experiment_id": "0", "key": "from", "value": origin}
    path = "/api/2.0/mlflow/experiments/set-experiment-tag"
    assert served.ask(path, tag, headers={"Origin": origin})[0] == status


def test_a_user_sees_their_own_runs_only(served: Release) -> None:
    red, blue = ("red", "password-of-red"), ("blue", "password-of-blue")
    for name, password in (red, blue):
        served.call("/users/create", {"username": name, "password": password})
    run_id = served.log_run("red", red)
    path = f"/api/2.0/mlflow/runs/get?run_id={run_id}"
    assert served.ask(path, user=red)[0] == 200
    assert served.ask(path, user=blue)[0] == 403
    found = served.call("/experiments/search", {"max_results": 100}, blue).get("experiments", [])
    assert [one["name"] for one in found] == []
    assert served.client("red", blue).returncode != 0
    assert served.ask("/metrics", user=blue)[0] == 403


def test_a_reader_does_not_stop_a_writer(served: Release) -> None:
    with closing(sqlite3.connect(served.database)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM runs").fetchone()  # as a backup would
        served.call("/experiments/create", {"name": "while a backup reads"})


def test_backups_are_whole_and_few(served: Release) -> None:
    served.call("/experiments/create", {"name": "in the backup"})
    served.values["backup"] = {"keep": 2}
    (served.backups / "20010101T000000Z.db").touch()
    (served.backups / "20010101T000000Z-before-3.0.0.db").touch()
    assert served.run("backup").returncode == 0
    name = served.copies()[-1]
    query = "SELECT name FROM experiments WHERE name = 'in the backup'"
    assert rows(served.backups / name, query) == [("in the backup",)]
    # A name tells seconds: a second copy of the same one would take the first one's place.
    first = (served.backups / name).rename(served.backups / "20010103T000000Z.db").name
    (served.backups / "20010102T000000Z.db").touch()
    assert served.run("backup").returncode == 0
    left = [copy for copy in served.copies() if "before" not in copy]
    assert left[:-1] == [first]
    assert left[-1] >= name
    assert "20010101T000000Z-before-3.0.0.db" in served.copies()


def test_without_a_database_there_is_no_backup(release: Release) -> None:
    done = release.run("backup")
    assert done.returncode != 0
    assert not release.database.exists()


def test_an_older_database_is_copied_and_migrated(release: Release) -> None:
    load_old(release)
    before = dump(release.database)
    with release.serving():
        run_ = release.call(f"/runs/get?run_id={OLD_RUN}")["run"]
        assert run_["data"]["params"] == [{"key": "lr", "value": "0.1"}]
        path = f"/api/2.0/mlflow-artifacts/artifacts/1/{OLD_RUN}/artifacts/note.txt"
        assert release.ask(path) == (200, b"kept")
        # The password that MLflow 3.6 came with is not let in; what users had is kept.
        assert release.ask("/version", user=("admin", "password1234"))[0] == 401
        assert release.ask("/version", user=("red", "password-of-red"))[0] == 200
        release.log_run("before")
    (copy,) = release.copies()
    assert copy.endswith("-before-3.17.2.db")
    assert dump(release.backups / copy) == before
    # Nothing to do at the next start.
    assert release.run("prepare").returncode == 0
    assert release.copies() == [copy]


def test_a_migration_that_fails_is_undone(release: Release) -> None:
    load_old(release)
    with closing(sqlite3.connect(release.database)) as connection:
        connection.execute("CREATE TABLE roles (in_the_way INTEGER)")  # that a migration makes
    before = dump(release.database)
    for _ in range(2):
        assert release.run("prepare").returncode != 0
        assert release.copies() == ["unfinished.db"]
        assert dump(release.backups / "unfinished.db") == before
        assert dump(release.database) != before
    with closing(sqlite3.connect(release.backups / "unfinished.db")) as connection:
        connection.execute("DROP TABLE roles")
    done = release.run("prepare")
    assert done.returncode == 0
    assert "undone" in done.stdout
    assert [copy.partition("-")[2] for copy in release.copies()] == ["before-3.17.2.db"]


def test_a_newer_database_is_refused(release: Release) -> None:
    assert release.run("prepare").returncode == 0
    with closing(sqlite3.connect(release.database)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
        connection.commit()
    (release.folder / "data" / "version").write_text("99.0.0")
    done = release.run("prepare")
    assert done.returncode == 1
    assert "newer than MLflow 3.17.2" in done.stderr
    assert "backup.restore" in done.stderr


def test_a_backup_is_restored_once_and_deleted_runs_are_cleared_away(release: Release) -> None:
    with release.serving():
        run_id = release.log_run("training")
        kept = release.log_run("training")
        assert release.run("backup").returncode == 0
        (name,) = release.copies()
        release.call("/runs/delete", {"run_id": run_id})
        folder = next((release.folder / "data" / "artifacts").glob(f"*/{run_id}"))
        eventually(lambda: _cleared(release, run_id), 60, "the run is cleared away")
        assert release.get_run(run_id) == 404
        assert not list(folder.rglob("*.bin"))
        assert release.get_run(kept) == 200
    release.values["backup"] = {"restore": name}
    with release.serving():
        assert release.get_run(run_id) == 200
        later = release.log_run("later")
    with release.serving():  # the value is still there
        assert release.get_run(later) == 200
    assert sum(copy.endswith("-before-restore.db") for copy in release.copies()) == 1


def _cleared(release: Release, run_id: str) -> bool:
    done = release.run("gc")
    assert done.returncode == 0, done.stderr
    return run_id in done.stdout


@pytest.fixture
def bucket(s3_python: Path) -> Iterator[str]:
    """A server of S3 with an empty bucket; its URL."""
    with s3(s3_python) as url:
        yield url


def keys(store: str) -> list[str]:
    """What is in the bucket."""
    with urllib.request.urlopen(f"{store}/{BUCKET}?list-type=2", timeout=10) as answer:  # noqa: S310
        return re.findall(r"<Key>(.*?)</Key>", answer.read().decode())


def test_artifacts_lie_in_an_object_store_and_go_from_there(release: Release, bucket: str) -> None:
    release.values["artifacts"] = {"uri": f"s3://{BUCKET}/mlflow", "credentialsSecret": "s3"}
    release.values["env"] = {"MLFLOW_S3_ENDPOINT_URL": bucket, "AWS_DEFAULT_REGION": "eu-central-1"}
    release.store = dict(KEYS)
    with release.serving():
        run_id, kept = release.log_run("training"), release.log_run("training")
        found = keys(bucket)
        assert [re.sub(r"/\d+/", "/", key) for key in found if run_id in key] == [
            f"mlflow/{run_id}/artifacts/model/weights.bin"
        ]
        assert not list((release.folder / "data").rglob("weights.bin"))
        release.call("/runs/delete", {"run_id": run_id})
        eventually(lambda: _cleared(release, run_id), 60, "the run is cleared away")
        left = keys(bucket)
        assert not [key for key in left if run_id in key]
        assert [key for key in left if kept in key]


def test_a_backup_that_is_not_there_is_named(release: Release) -> None:
    release.values["backup"] = {"restore": "20010101T000000Z.db"}
    done = release.run("prepare")
    assert done.returncode == 1
    assert "there is no 20010101T000000Z.db; there is: none" in done.stderr
    assert not release.database.exists()


def test_the_secret_has_the_last_word_about_the_password(release: Release) -> None:
    assert release.run("prepare").returncode == 0
    release.login["password"] = "changed-password"
    with release.serving():
        assert release.ask("/version", user=("admin", "changed-password"))[0] == 200
        assert release.ask("/version", user=ADMIN)[0] == 401
    release.login["password"] = "password1234"
    done = release.run("prepare")
    assert done.returncode == 1
    assert "came with" in done.stderr


def test_without_auth_nobody_is_asked(release: Release) -> None:
    release.values = {"auth": {"enabled": False}, "monitoring": {"enabled": True}}
    with release.serving():
        assert release.run("test").returncode == 0
        assert release.ask("/metrics", user=None)[0] == 200


def test_the_version_stands_in_one_place() -> None:
    lock = (ROOT / "images" / "mlflow" / "requirements.lock").read_text()
    (locked,) = re.findall(r"^mlflow==(\S+)", lock, flags=re.MULTILINE)
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"] == locked
    defaults = (ROOT / "charts/ray-common/templates/_global.tpl").read_text()
    assert f"tag: v{locked}-full" in defaults
