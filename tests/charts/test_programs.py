"""The small programs that the charts run in pods: submitter, schedule, uninstall guard, tests.

They run here as they are, against an API server and a Ray dashboard that answer from memory.
"""

from __future__ import annotations

import asyncio
import base64
import datetime
import ipaddress
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lib.paths import tool

# Each test starts a program or two.
pytestmark = pytest.mark.slow

CHARTS = Path(__file__).parents[2] / "charts"
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"

Answer = tuple[int, Any]


@dataclass
class Server:
    """What was asked of a server, and what it answers: `answer(method, path, body)`."""

    answer: Callable[[str, str, Any], Answer]
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    port: int = 0

    def of(self, method: str) -> list[tuple[str, Any]]:
        """Paths and bodies of the requests with one method."""
        return [(path, body) for verb, path, body in self.asked if verb == method]


@contextmanager
def serve(server: Server, context: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Answer on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            server.asked.append((self.command, self.path, body))
            for name in ("Authorization", "x-ray-authorization"):
                if value := self.headers.get(name):
                    server.tokens.add(value)
            code, said = server.answer(self.command, self.path, body)
            text = (said if isinstance(said, str) else json.dumps(said)).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_DELETE = handle_any  # noqa: N815 - names that the library wants

        def log_message(self, *_: Any) -> None:
            return

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context:
        listener.socket = context.wrap_socket(listener.socket, server_side=True)
    server.port = listener.server_address[1]
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()


def _certificate(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "api")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "tls.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.crt", folder / "tls.key")
    return context


@contextmanager
def api_server(folder: Path, answer: Callable[[str, str, Any], Answer]) -> Iterator[Server]:
    """An API server with TLS, and a pod's account in `folder` that trusts it."""
    context = _certificate(folder)
    (folder / "token").write_text("the-token")
    (folder / "namespace").write_text("team")
    with serve(Server(answer), context) as server:
        yield server
    assert server.tokens <= {"Bearer the-token"}


def program(
    path: str, env: Mapping[str, str], folder: Path, server: Server
) -> subprocess.CompletedProcess[str]:
    """Run a program of the charts as its pod would, in less time, with the account in `folder`."""
    source = (CHARTS / path).read_text()
    source = source.replace(ACCOUNT, str(folder)).replace("/manifest", str(folder))
    source = source.replace("time.sleep(1)", "time.sleep(0.1)")
    return subprocess.run(
        [sys.executable, "-c", source],
        env={
            "PATH": os.environ["PATH"],
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": str(server.port),
            **env,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class Dashboard:
    """Ray's job API with one job."""

    def __init__(self, refusals: list[Answer], log: str = "epoch 1\nepoch 2\n") -> None:
        self.refusals = refusals
        self.log = log
        self.state = "RUNNING"
        self.submitted: list[Any] = []
        self.tokens: list[str | None] = []
        self.port = 0

    async def submit(self, request: web.Request) -> web.Response:
        self.tokens.append(request.headers.get("x-ray-authorization"))
        if self.refusals:
            code, said = self.refusals.pop(0)
            return web.Response(status=code, text=said)
        self.submitted.append(await request.json())
        return web.json_response({"submission_id": "id"})

    async def status(self, request: web.Request) -> web.Response:
        if self.state == "unknown":
            return web.Response(status=404, text="Job id does not exist")
        return web.json_response({"status": self.state})

    async def logs(self, request: web.Request) -> web.Response:
        return web.json_response({"logs": self.log})

    async def tail(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        for line in self.log.splitlines(keepends=True):
            await socket.send_str(line)
        self.state = "FAILED" if "Traceback" in self.log else "SUCCEEDED"
        await socket.close()
        return socket

    @contextmanager
    def running(self) -> Iterator[Dashboard]:
        """Serve on a free port in a thread."""
        loop = asyncio.new_event_loop()
        ready = threading.Event()

        async def start() -> None:
            app = web.Application()
            app.router.add_post("/api/jobs/", self.submit)
            app.router.add_get("/api/jobs/id", self.status)
            app.router.add_get("/api/jobs/id/logs", self.logs)
            app.router.add_get("/api/jobs/id/logs/tail", self.tail)
            runner = web.AppRunner(app)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.port = runner.addresses[0][1]
            ready.set()

        def work() -> None:
            loop.run_until_complete(start())
            loop.run_forever()

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        assert ready.wait(10)
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()


def submit(dashboard: Dashboard, token: str = "") -> subprocess.CompletedProcess[str]:
    request = {"entrypoint": "python x.py", "runtime_env": {"env_vars": {"A": "b"}}}
    return subprocess.run(
        [sys.executable, "-c", (CHARTS / "ray-job/files/submit.py").read_text()],
        env={
            "PATH": os.environ["PATH"],
            "RAY_DASHBOARD_ADDRESS": f"127.0.0.1:{dashboard.port}",
            "RAY_JOB_SUBMISSION_ID": "id",
            "RAYWORKS_SUBMISSION": json.dumps(request),
            **({"RAY_AUTH_TOKEN": token} if token else {}),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_submits_with_the_token_and_follows_the_log() -> None:
    with Dashboard([]).running() as dashboard:
        done = submit(dashboard, token="secret")
    assert done.returncode == 0, done.stderr
    assert "epoch 1\nepoch 2\n" in done.stdout
    assert done.stdout.endswith("job id: SUCCEEDED\n")
    assert dashboard.tokens == ["Bearer secret"]
    wanted = {"submission_id": "id", "entrypoint": "python x.py"}
    assert dashboard.submitted == [{**wanted, "runtime_env": {"env_vars": {"A": "b"}}}]


def test_waits_for_an_agent_that_takes_jobs() -> None:
    with Dashboard([(500, "No available agent"), (503, "not yet")]).running() as dashboard:
        done = submit(dashboard)
    assert done.returncode == 0, done.stderr
    assert len(dashboard.submitted) == 1


def test_a_second_pod_follows_what_the_first_submitted() -> None:
    said = "Job id already exists. Please use a different submission_id."
    with Dashboard([(500, said)]).running() as dashboard:
        done = submit(dashboard)
    assert done.returncode == 0, done.stderr
    assert dashboard.submitted == []
    assert "epoch 2" in done.stdout


def test_prints_the_log_of_a_job_that_has_ended_before() -> None:
    dashboard = Dashboard([])
    dashboard.state = "SUCCEEDED"
    with dashboard.running():
        done = submit(dashboard)
    assert "epoch 2" in done.stdout


def test_a_job_that_fails_is_no_fault_of_the_submitter() -> None:
    with Dashboard([], log="Traceback\n").running() as dashboard:
        done = submit(dashboard)
    assert done.returncode == 0
    assert done.stdout.endswith("job id: FAILED\n")


def test_a_job_that_a_new_head_does_not_know_is_not_submitted_again() -> None:
    dashboard = Dashboard([])
    dashboard.state = "unknown"
    with dashboard.running():
        done = submit(dashboard)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("id is lost: the head that ran it is gone\n")
    assert len(dashboard.submitted) == 1


def test_says_why_a_job_is_refused() -> None:
    with Dashboard([(401, "Missing authentication token")]).running() as dashboard:
        done = submit(dashboard)
    assert done.returncode == 1
    assert "401 Missing authentication token" in done.stderr


def run(name: str, state: str, created: str = "2026-01-01T00:00:00Z") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "team", "creationTimestamp": created},
        "status": {"jobDeploymentStatus": state},
    }


def create(
    folder: Path,
    runs: list[dict[str, Any]],
    policy: str,
    answer: int = 201,
    labels: dict[str, str] | None = None,
) -> tuple[subprocess.CompletedProcess[str], Server]:
    def api(method: str, path: str, body: Any) -> Answer:
        if "cronjobs" in path:
            return 200, {"metadata": {"uid": "the-uid"}}
        if method == "GET":
            return 200, {"items": runs}
        return (answer if method == "POST" else 200), {}

    manifest = {"metadata": {"name": "nightly", "labels": labels or {"a": "b"}}, "spec": {}}
    (folder / "rayjob.json").write_text(json.dumps(manifest))
    env = {"SCHEDULE": "nightly", "POLICY": policy, "HISTORY": "1", "RUN": "nightly-29384756"}
    with api_server(folder, api) as server:
        return program("ray-job/files/create.py", env, folder, server), server


def test_a_run_is_named_after_its_minute_and_owned_by_the_schedule(tmp_path: Path) -> None:
    done, server = create(tmp_path, [], "Forbid")
    assert done.returncode == 0, done.stderr
    (path, body), *others = server.of("POST")
    assert not others
    assert path == "/apis/ray.io/v1/namespaces/team/rayjobs"
    assert body["metadata"]["name"] == "nightly-run-29384756"
    assert body["metadata"]["ownerReferences"][0]["uid"] == "the-uid"


def test_each_run_is_an_application_of_its_own_to_yunikorn(tmp_path: Path) -> None:
    key = "yunikorn.apache.org/app-id"
    _, server = create(tmp_path, [], "Forbid", labels={key: "nightly", "a": "b"})
    ((_, body),) = server.of("POST")
    assert body["metadata"]["labels"] == {key: "nightly-run-29384756", "a": "b"}


@pytest.mark.parametrize(
    ("policy", "made", "deleted"), [("Forbid", 0, 0), ("Allow", 1, 0), ("Replace", 1, 1)]
)
def test_a_run_that_is_not_over(tmp_path: Path, policy: str, made: int, deleted: int) -> None:
    done, server = create(tmp_path, [run("nightly-1", "Running")], policy)
    assert done.returncode == 0, done.stderr
    assert len(server.of("POST")) == made
    assert len(server.of("DELETE")) == deleted


def test_keeps_the_newest_of_the_ended_runs(tmp_path: Path) -> None:
    ended = [
        run("old", "Complete", "2026-01-01T00:00:00Z"),
        run("new", "Failed", "2026-01-03T00:00:00Z"),
        run("middle", "Complete", "2026-01-02T00:00:00Z"),
    ]
    _, server = create(tmp_path, ended, "Forbid")
    assert [path.rsplit("/", 1)[-1] for path, _ in server.of("DELETE")] == ["middle", "old"]


def test_a_second_pod_finds_the_run_of_the_first(tmp_path: Path) -> None:
    done, _ = create(tmp_path, [], "Forbid", answer=409)
    assert done.returncode == 0, done.stderr
    assert "there already" in done.stdout


def test_says_why_a_run_is_refused(tmp_path: Path) -> None:
    done, _ = create(tmp_path, [], "Forbid", answer=403)
    assert done.returncode == 1
    assert "refused nightly-run-29384756" in done.stderr


def guard(folder: Path, namespaces: str, left: str) -> tuple[int, str, Server]:
    def api(method: str, path: str, body: Any) -> Answer:
        if "raycronjobs" in path:
            return 404, {}
        return 200, {"items": [run("mine", "Running")] if left in path else []}

    with api_server(folder, api) as server:
        done = program(
            "ray-operator/files/guard.py",
            {"NAMESPACES": namespaces, "KEEP": "helm rollback op 3"},
            folder,
            server,
        )
    return done.returncode, done.stdout, server


def test_the_operator_may_go_when_nothing_is_left(tmp_path: Path) -> None:
    code, said, _ = guard(tmp_path, "", left="nothing")
    assert code == 0
    assert "are left" in said


def test_the_operator_stays_for_a_job(tmp_path: Path) -> None:
    code, said, _ = guard(tmp_path, "", left="rayjobs")
    assert code == 1
    assert "rayjobs/team/mine" in said
    assert "helm rollback op 3" in said


def test_the_guard_asks_about_its_namespaces_only(tmp_path: Path) -> None:
    _, _, server = guard(tmp_path, "red,blue", left="nothing")
    assert all("/namespaces/red/" in p or "/namespaces/blue/" in p for p, _ in server.of("GET"))


@pytest.mark.parametrize(
    ("expect", "deployment", "job", "code"),
    [
        ("succeeded", "Complete", "SUCCEEDED", 0),
        ("succeeded", "Failed", "FAILED", 1),
        ("succeeded", "Complete", "STOPPED", 1),
        ("suspended", "Suspended", "", 0),
        ("suspended", "ValidationFailed", "", 1),
        ("queued", "Running", "", 0),
        ("queued", "Failed", "FAILED", 1),
        ("waiting", "Waiting", "", 0),
    ],
)
def test_helm_test_of_a_job(
    tmp_path: Path, expect: str, deployment: str, job: str, code: int
) -> None:
    status = {"jobDeploymentStatus": deployment, "jobStatus": job, "message": "why"}
    with api_server(tmp_path, lambda *_: (200, {"spec": {}, "status": status})) as server:
        env = {"KIND": "rayjobs", "NAME": "demo-1", "EXPECT": expect}
        done = program("ray-job/files/test.py", env, tmp_path, server)
    assert done.returncode == code, done.stderr
    assert server.asked[0][1] == "/apis/ray.io/v1/namespaces/team/rayjobs/demo-1"
    assert code == 0 or "why" in done.stderr


def test_helm_test_of_a_queued_job_waits_until_it_is_held(tmp_path: Path) -> None:
    states = iter([({}, ""), ({"suspend": True}, ""), ({"suspend": True}, "Suspended")])

    def api(method: str, path: str, body: Any) -> Answer:
        spec, deployment = next(states)
        return 200, {"spec": spec, "status": {"jobDeploymentStatus": deployment}}

    with api_server(tmp_path, api) as server:
        env = {"KIND": "rayjobs", "NAME": "demo-1", "EXPECT": "queued"}
        done = program("ray-job/files/test.py", env, tmp_path, server)
    assert done.returncode == 0, done.stderr
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("expect", "suspend", "code"),
    [("scheduled", False, 0), ("scheduled", True, 1), ("paused", True, 0), ("paused", False, 1)],
)
def test_helm_test_of_a_schedule(tmp_path: Path, expect: str, suspend: bool, code: int) -> None:
    schedule = {"spec": {"schedule": "@daily", "suspend": suspend}}
    with api_server(tmp_path, lambda *_: (200, schedule)) as server:
        env = {"KIND": "cronjobs", "NAME": "demo", "EXPECT": expect}
        done = program("ray-job/files/test.py", env, tmp_path, server)
    assert done.returncode == code, done.stderr


@pytest.mark.parametrize(("kinds", "code"), [(4, 0), (2, 1)])
def test_helm_test_of_the_operator(tmp_path: Path, kinds: int, code: int) -> None:
    served = ["RayCluster", "RayJob", "RayService", "RayCronJob"][:kinds]

    def api(method: str, path: str, body: Any) -> Answer:
        if path == "/apis/ray.io/v1":
            return 200, {"resources": [{"kind": kind} for kind in served]}
        return 200, {"status": {"availableReplicas": 1}}

    with api_server(tmp_path, api) as server:
        done = program("ray-operator/files/test.py", {"DEPLOYMENT": "op"}, tmp_path, server)
    assert done.returncode == code
    assert code == 0 or "RayCronJob, RayService" in done.stderr


def test_helm_test_of_the_operator_waits_for_the_one_that_works(tmp_path: Path) -> None:
    def lease(age: int) -> Answer:
        renewed = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=age)
        when = renewed.isoformat().replace("+00:00", "Z")
        spec = {"holderIdentity": "pod", "leaseDurationSeconds": 15, "renewTime": when}
        return 200, {"spec": spec}

    answers: list[Callable[[], Answer]] = [
        lambda: (404, {}),
        lambda: (200, {"spec": {"holderIdentity": ""}}),
        lambda: lease(60),
        lambda: lease(1),
    ]

    def api(method: str, path: str, body: Any) -> Answer:
        if path == "/apis/coordination.k8s.io/v1/namespaces/team/leases/leader":
            return answers.pop(0)()
        if path == "/apis/ray.io/v1":
            kinds = ("RayCluster", "RayJob", "RayService", "RayCronJob")
            return 200, {"resources": [{"kind": kind} for kind in kinds]}
        return 200, {"status": {"availableReplicas": 2}}

    with api_server(tmp_path, api) as server:
        env = {"DEPLOYMENT": "op", "LEASE": "leader"}
        done = program("ray-operator/files/test.py", env, tmp_path, server)
    assert done.returncode == 0, done.stderr
    assert answers == []
    assert "operators available: 2" in done.stdout


@contextmanager
def prometheus(folder: Path, *options: str) -> Iterator[str]:
    """A Prometheus that asks itself; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    job = {
        "job_name": "prometheus",
        "scrape_interval": "1s",
        "static_configs": [{"targets": [address]}],
        "basic_auth": {"username": "prometheus", "password": "open sesame"},
    }
    (folder / "prometheus.yaml").write_text(json.dumps({"scrape_configs": [job]}))
    command = [
        tool("prometheus"), f"--config.file={folder}/prometheus.yaml",
        "--scrape.discovery-reload-interval=100ms",
        f"--storage.tsdb.path={folder}/data", f"--web.listen-address={address}", *options,
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            yield f"http://{address}"
        finally:
            process.terminate()


@pytest.mark.parametrize(("guarded", "code"), [(True, 0), (False, 1)])
def test_helm_test_of_monitoring_asks_prometheus(tmp_path: Path, guarded: bool, code: int) -> None:
    def api(method: str, path: str, body: Any) -> Answer:
        return (
            (200, {"status": {"availableReplicas": 1}}) if path in ("/there", "/pod") else (404, {})
        )

    # bcrypt of the password
    users = {"prometheus": "$2b$04$cjVPvGzKzI9TuZ3FK8hljuQ6GpqCtP/o7Blwt79mBdnb1cgB8cOhK"}
    (tmp_path / "web.yaml").write_text(json.dumps({"basic_auth_users": users}))
    options = [f"--web.config.file={tmp_path}/web.yaml"] if guarded else []
    login = {"USERNAME": "prometheus", "PASSWORD": "open sesame"}
    with api_server(tmp_path, api) as server:
        with prometheus(tmp_path, *options) as url:
            env = {"OBJECTS": "/there", "DEPLOYMENT": "/pod", "PROMETHEUS": url, **login}
            done = program("ray-monitoring/files/test.py", env, tmp_path, server)
        assert done.returncode == code, done.stderr
        assert code == 0 or "without a password" in done.stderr
        missing = {"OBJECTS": "/there /gone", "DEPLOYMENT": "", "PROMETHEUS": ""}
        done = program("ray-monitoring/files/test.py", missing, tmp_path, server)
    assert done.returncode == 1
    assert "/gone: 404" in done.stderr


@pytest.mark.parametrize(
    ("log", "open_to_all", "code"), [("42", False, 0), ("41", False, 1), ("42", True, 1)]
)
def test_helm_test_of_a_cluster(tmp_path: Path, log: str, open_to_all: bool, code: int) -> None:
    def api(method: str, path: str, body: Any) -> Answer:
        if method == "POST":
            return 200, {"submission_id": "j"}
        if path == "/api/jobs/":
            return (200, []) if open_to_all else (401, "no token")
        return 200, {"logs": log} if path.endswith("logs") else {"status": "SUCCEEDED"}

    with serve(Server(api)) as server:
        env = {"ADDRESS": f"http://127.0.0.1:{server.port}", "RAY_AUTH_TOKEN": "t"}
        done = program("ray-cluster/files/test.py", env, tmp_path, server)
    assert done.returncode == code, done.stderr


@pytest.mark.parametrize(
    ("there", "code", "made"),
    [(None, 0, True), ({"auth_token": "eA=="}, 0, False), ({"other": "eA=="}, 1, False)],
)
def test_a_team_gets_one_token(
    tmp_path: Path, there: dict[str, str] | None, code: int, made: bool
) -> None:
    def api(method: str, path: str, body: Any) -> Answer:
        if method == "POST":
            return 201, body
        return (404, {}) if there is None else (200, {"data": there})

    with api_server(tmp_path, api) as server:
        env = {"NAMESPACE": "red", "SECRET": "ray-token"}
        done = program("ray-team/files/token.py", env, tmp_path, server)
    assert done.returncode == code, done.stderr
    assert server.asked[0][1] == "/api/v1/namespaces/red/secrets/ray-token"
    assert code == 0 or "has no auth_token" in done.stderr
    bodies = [body for _, body in server.of("POST")]
    assert len(bodies) == made
    for body in bodies:
        token = base64.b64decode(body["data"]["auth_token"]).decode()
        assert len(token) >= 43
        assert token not in done.stdout


def test_two_tokens_differ(tmp_path: Path) -> None:
    tokens = set()
    for name in ("red", "blue"):
        folder = tmp_path / name
        folder.mkdir()
        with api_server(folder, lambda method, *_: (404 if method == "GET" else 201, {})) as server:
            env = {"NAMESPACE": name, "SECRET": "ray-token"}
            program("ray-team/files/token.py", env, folder, server)
        tokens |= {body["data"]["auth_token"] for _, body in server.of("POST")}
    assert len(tokens) == 2


@dataclass
class Admission:
    """What a namespace says to pods that are sent as dry runs."""

    bare: Answer = (201, {"spec": {"containers": [{"resources": {"limits": {"memory": "1"}}}]}})
    privileged: Answer = (403, {"message": 'violates PodSecurity "restricted:latest"'})
    large: Answer = (403, {"message": "exceeded quota: red"})
    token: Answer = (200, {"data": {"auth_token": "eA=="}})

    def __call__(self, method: str, path: str, body: Any) -> Answer:
        if method == "GET":
            return self.token
        assert path == "/api/v1/namespaces/team/pods?dryRun=All"
        container = body["spec"]["containers"][0]
        if container["resources"]:
            return self.large
        return self.privileged if container["securityContext"].get("privileged") else self.bare


@pytest.mark.parametrize(
    ("admission", "said"),
    [
        (Admission(), None),
        (Admission(token=(404, {"message": "not found"})), "no token in Secret ray-token"),
        (Admission(token=(200, {"data": {"other": "eA=="}})), "no auth_token"),
        (Admission(bare=(403, {"message": "must specify memory"})), "must specify memory"),
        (Admission(privileged=Admission().bare), "not refused by Pod Security"),
        (Admission(large=Admission().bare), "beyond the quota is not refused"),
        (Admission(large=(422, {"message": "invalid"})), "beyond the quota is not refused"),
    ],
)
def test_helm_test_of_a_team(tmp_path: Path, admission: Admission, said: str | None) -> None:
    too_much = json.dumps({"requests": {"cpu": "33"}})
    env = {"SECRET": "ray-token", "LEVEL": "restricted", "TOO_MUCH": too_much, "HOST": "localhost"}
    with api_server(tmp_path, admission) as server:
        done = program("ray-team/files/test.py", env, tmp_path, server)
    assert (done.returncode == 0) == (said is None), done.stderr
    assert said is None or said in done.stderr


def test_helm_test_of_a_team_waits_until_a_new_quota_is_counted(tmp_path: Path) -> None:
    admission = Admission()
    answers = iter([(403, {"message": "status unknown for quota: red"}), admission.bare])

    def api(method: str, path: str, body: Any) -> Answer:
        said = admission(method, path, body)
        return next(answers) if said is admission.bare else said

    env = {"SECRET": "ray-token", "LEVEL": "", "TOO_MUCH": "", "HOST": "localhost"}
    with api_server(tmp_path, api) as server:
        done = program("ray-team/files/test.py", env, tmp_path, server)
    assert done.returncode == 0, done.stderr
    assert '{"limits": {"memory": "1"}}' in done.stdout


@pytest.mark.parametrize(("status", "code"), [(201, 0), (409, 0), (403, 1)])
def test_the_hook_makes_the_administrator_of_mlflow_once(
    tmp_path: Path, status: int, code: int
) -> None:
    with api_server(tmp_path, lambda *_: (status, {})) as server:
        env = {"SECRET": "mlflow-admin"}
        for _ in range(2):
            done = program("mlflow/files/admin.py", env, tmp_path, server)
            assert done.returncode == code, done.stderr
    made = [body for path, body in server.of("POST") if path == "/api/v1/namespaces/team/secrets"]
    assert [body["metadata"]["name"] for body in made] == ["mlflow-admin"] * 2
    contents = [body["stringData"] for body in made]
    assert [content["username"] for content in contents] == ["admin"] * 2
    for key in ("password", "secretKey"):
        assert len({content[key] for content in contents}) == 2
        assert min(len(content[key]) for content in contents) >= 32
    assert server.asked == [("POST", "/api/v1/namespaces/team/secrets", body) for body in made]
    assert not any(content["password"] in done.stdout for content in contents)
