"""The tools' builder: its bad paths, with a Go and an apt-get of our own; nothing is compiled."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from lib.errors import UserError
from lib.paths import ROOT
from tools import build, cache, debian, files, preflight, venv
from tools.catalogue import GROUPS, TOOLS, Tool, pick

FAKE_GO = """\
#!/bin/sh
case "$1 $2" in
  "env GOVERSION") echo "${FAKE_GO_VERSION:-go1.99.0}"; exit ;;
  "list -m") echo "$FAKE_MODULE"; exit ;;
  "mod download") echo "{\\"Dir\\": \\"$FAKE_MODULE\\"}"; exit ;;
  "mod edit") echo "$4" > "$5"; exit ;;
esac
echo "$(basename "$PWD")" >> "$FAKE_LOG"
mkdir -p "$GOBIN" "$GOCACHE" && echo package > "$GOCACHE/package"
if [ "$FAKE_MODE" = fail ]; then
  echo half > "$GOBIN/helm"; echo "main.go:7: undefined: x" >&2; exit 1
fi
case "$(basename "$PWD")" in
  helm) echo program > "$GOBIN/helm" ;;
  etcd) echo program > "$GOBIN/server" ;;
  kuberay)
    # the "program" is the patched file of the module that go.mod is told to take
    while [ "$1" != -modfile ]; do shift; done
    cp "$(sed 's/.*=//' "$2")/controllers/ray/raycronjob_controller.go" "$GOBIN/ray-operator" ;;
esac
[ "$FAKE_MODE" != hang ] || exec sleep 60
[ "$FAKE_MODE" != slow ] || sleep 1
"""


def patched() -> tuple[str, str]:
    """What KubeRay's patch finds in the module's file, and what it leaves there."""
    patch = (ROOT / "scripts/tools/kuberay/raycronjob.patch").read_text().splitlines(keepends=True)
    lines = patch[patch.index(next(line for line in patch if line.startswith("@@"))) :]
    before = [line[1:] for line in lines if line[0] in " -"]
    after = [line[1:] for line in lines if line[0] in " +"]
    return "".join(before), "".join(after)


class Checkout:
    """A copy of the scripts with a cache of its own, whose Go is FAKE_GO."""

    def __init__(self, folder: Path, shared: Path) -> None:
        self.root = folder
        self.log = folder / "go.log"
        self.cache = shared / "cache"
        for part in ("lib", "tools"):
            shutil.copytree(ROOT / "scripts" / part, folder / "scripts" / part)
        for one in (venv.BOOTSTRAP, *venv.ENVIRONMENTS.values()):
            lock = one.lock.relative_to(ROOT)
            (folder / lock).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / lock, folder / lock)
        programs = folder / "programs"
        programs.mkdir()
        (programs / "go").write_text(FAKE_GO)
        (programs / "go").chmod(0o755)
        module = shared / "module" / "config/crd/bases"
        module.mkdir(parents=True, exist_ok=True)
        (module / "ray.io_rayjobs.yaml").write_text("kind: CustomResourceDefinition\n")
        before, _ = patched()
        source = shared / "module" / "controllers/ray/raycronjob_controller.go"
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(before)
        self.env = {
            **os.environ,
            "PYTHONPATH": str(folder / "scripts"),
            "PATH": f"{programs}:{os.environ['PATH']}",
            "RAYWORKS_CACHE": str(self.cache),
            "FAKE_LOG": str(self.log),
            "FAKE_MODULE": str(shared / "module"),
        }

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tools", *arguments],
            env={**self.env, **env},
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def tools(self, *arguments: str, **env: str) -> tuple[int, str, str]:
        process = self.start(*arguments, **env)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def built(self) -> list[str]:
        return self.log.read_text().split() if self.log.exists() else []

    def entries(self, name: str) -> list[str]:
        """What stands in the cache for a tool, without the locks."""
        folder = self.cache / "tools" / name
        return [path.name for path in folder.glob("*") if path.suffix != ".lock"]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "checkout", tmp_path)


def test_build_makes_a_whole_entry_and_links_it(checkout: Checkout) -> None:
    code, out, err = checkout.tools("build", "helm", "etcd", "kuberay")
    assert (code, err) == (0, "")
    assert len(re.findall(r"^ok +(etcd|helm|kuberay) \S+ +\d", out, re.M)) == 3
    for program in ("helm", "etcd"):
        assert (checkout.root / ".tools/bin" / program).read_text() == "program\n"
    operator = (checkout.root / ".tools/bin/ray-operator").resolve()
    before, after = patched()
    assert operator.read_text() == after != before
    # the module itself, which other checkouts build from too, stays what it is
    source = checkout.root.parent / "module" / "controllers/ray/raycronjob_controller.go"
    assert source.read_text() == before
    assert (operator.parents[1] / "share/ray.io_rayjobs.yaml").exists()


def test_second_build_builds_nothing(checkout: Checkout) -> None:
    checkout.tools("build", "helm")
    code, out, _ = checkout.tools("build", "helm")
    assert code == 0
    assert "cached" in out
    assert checkout.built() == ["helm"]


def test_ready_says_nothing_when_all_is_there(checkout: Checkout) -> None:
    # What is there: the group's tools and its environment, as whole entries.
    script = """
import json
from tools import venv
from tools.catalogue import pick
for tool in pick(["deploy"]):
    (tool.entry / "bin").mkdir(parents=True)
    (tool.entry / "files.json").write_text(json.dumps({}))
for name in ("bin/python", ".ready"):
    path = venv.ENVIRONMENTS["deploy"].path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
"""
    subprocess.run([sys.executable, "-c", script], env=checkout.env, check=True)
    if debian.missing({"deploy"}):
        pytest.skip("Debian packages are missing on this machine")
    assert checkout.tools("ready", "deploy") == (0, "", "")
    assert (checkout.root / ".venv").is_symlink()
    assert (checkout.root / ".tools/bin/kubectl").is_symlink()


def test_another_checkout_takes_what_the_first_has_built(tmp_path: Path) -> None:
    first, second = (Checkout(tmp_path / name, tmp_path) for name in ("first", "second"))
    first.tools("build", "helm")
    assert second.tools("build", "helm")[0] == 0
    assert second.built() == []
    assert (second.root / ".tools/bin/helm").read_text() == "program\n"


def test_two_checkouts_at_once_build_a_tool_once(tmp_path: Path) -> None:
    first, second = (Checkout(tmp_path / name, tmp_path) for name in ("first", "second"))
    running = [c.start("build", "helm", FAKE_MODE="slow") for c in (first, second)]
    assert [process.wait(timeout=60) for process in running] == [0, 0]
    for process in running:
        process.communicate()
    assert first.built() + second.built() == ["helm"]
    assert len(first.entries("helm")) == 1


@pytest.mark.parametrize(
    ("name", "source", "line"),
    [
        ("helm", "go.sum", "example.org/other v1.0.0 h1:x\n"),
        ("kuberay", "patched.sh", "# changed\n"),
        ("kuberay", "raycronjob.patch", "-- \nwhat follows a patch is no part of it\n"),
    ],
)
def test_a_change_of_what_goes_into_it_is_another_entry(
    checkout: Checkout, name: str, source: str, line: str
) -> None:
    checkout.tools("build", name)
    with (checkout.root / "scripts/tools" / name / source).open("a") as file:
        file.write(line)
    assert checkout.tools("build", name)[0] == 0
    assert checkout.built() == [name, name]
    assert len(checkout.entries(name)) == 2


def test_a_patch_that_does_not_fit_is_an_error(checkout: Checkout) -> None:
    module = Path(checkout.env["FAKE_MODULE"])
    (module / "controllers/ray/raycronjob_controller.go").write_text("package ray\n")
    code, _, err = checkout.tools("build", "kuberay")
    assert code == 1
    assert "raycronjob_controller.go: patch does not apply" in err
    assert checkout.built() == checkout.entries("kuberay") == []


@pytest.mark.parametrize("harm", ["truncated", "missing", "no manifest"])
def test_a_corrupt_entry_is_built_again(checkout: Checkout, harm: str) -> None:
    checkout.tools("build", "helm")
    program = (checkout.root / ".tools/bin/helm").resolve()
    if harm == "truncated":
        program.write_text("")
    elif harm == "missing":
        program.unlink()
    else:
        (program.parents[1] / "files.json").write_text("{")
    assert checkout.tools("build", "helm")[0] == 0
    assert checkout.built() == ["helm", "helm"]
    assert program.read_text() == "program\n"


def test_a_failing_build_shows_why_and_leaves_nothing(checkout: Checkout) -> None:
    code, out, err = checkout.tools("build", "helm", FAKE_MODE="fail")
    assert code == 1
    assert "main.go:7: undefined: x" in err
    assert out.startswith("failed")
    assert checkout.entries("helm") == []
    assert not (checkout.root / ".tools/bin/helm").is_symlink()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_build_leaves_nothing_and_goes_on(
    checkout: Checkout, number: signal.Signals
) -> None:
    process = checkout.start("build", "helm", FAKE_MODE="hang")
    while not list(checkout.cache.glob("tools/helm/.*.part/bin/helm")):
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "goes on from here" in err
    assert checkout.entries("helm") == []
    assert checkout.tools("build", "helm")[0] == 0


def test_go_s_caches_go_when_all_is_built_and_stay_after_a_failure(checkout: Checkout) -> None:
    checkout.tools("build", "helm", FAKE_MODE="fail")
    assert (checkout.cache / "go/build/package").exists()
    assert checkout.tools("build", "helm")[0] == 0
    assert not (checkout.cache / "go").exists()


def test_go_s_caches_stay_while_another_checkout_builds(tmp_path: Path) -> None:
    first, second = (Checkout(tmp_path / name, tmp_path) for name in ("first", "second"))
    hanging = first.start("build", "etcd", FAKE_MODE="hang")
    while not first.built():
        time.sleep(0.05)
    assert second.tools("build", "helm")[0] == 0
    assert (second.cache / "go/build/package").exists()
    os.killpg(hanging.pid, signal.SIGINT)
    hanging.communicate(timeout=60)


def test_leftovers_of_a_killed_build_are_removed(checkout: Checkout) -> None:
    process = checkout.start("build", "helm", FAKE_MODE="hang")
    while not list(checkout.cache.glob("tools/helm/.*.part/bin/helm")):
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert len(checkout.entries("helm")) == 1
    assert checkout.tools("build", "helm")[0] == 0
    assert [name for name in checkout.entries("helm") if name.endswith(".part")] == []


def test_an_old_go_is_told_before_any_work(checkout: Checkout) -> None:
    code, _, err = checkout.tools("build", "helm", FAKE_GO_VERSION="go1.19.8")
    assert code == 1
    assert "Go 1.19.8" in err
    assert "is too old: 1.26.0 is needed" in err
    assert checkout.built() == []


def test_an_unknown_tool_is_told(checkout: Checkout) -> None:
    code, _, err = checkout.tools("build", "helmet")
    assert code == 1
    assert "no tool or group 'helmet'" in err


def test_cached_tools_need_no_go(checkout: Checkout) -> None:
    checkout.tools("build", "helm")
    assert checkout.tools("build", "helm", FAKE_GO_VERSION="go1.2")[0] == 0


def test_status_names_what_is_there(checkout: Checkout) -> None:
    checkout.tools("build", "helm")
    code, out, _ = checkout.tools("status")
    assert code == 0
    states = {line.split()[0]: line.split()[-1] for line in out.splitlines() if " deploy" in line}
    assert states["helm"] == "ready"
    assert states["etcd"] == "missing"


def test_clean_cache_removes_read_only_folders_too(checkout: Checkout) -> None:
    module = checkout.cache / "go/mod/module@v1"
    module.mkdir(parents=True)
    (module / "go.mod").write_text("module x\n")
    module.chmod(0o555)
    code, out, _ = checkout.tools("clean-cache")
    assert code == 0
    assert "GiB freed" in out
    assert not checkout.cache.exists()


def test_clean_cache_refuses_while_a_program_runs_from_it(checkout: Checkout) -> None:
    program = checkout.cache / "tools/etcd/1/bin/etcd"
    program.parent.mkdir(parents=True)
    shutil.copy("/bin/sleep", program)
    running = subprocess.Popen([program, "60"])
    try:
        code, _, err = checkout.tools("clean-cache")
    finally:
        running.kill()
        running.wait()
    assert code == 1
    assert f"etcd (pid {running.pid})" in err
    assert program.exists()


def test_clean_cache_refuses_a_folder_that_is_not_its_own(checkout: Checkout) -> None:
    code, _, err = checkout.tools("clean-cache", RAYWORKS_CACHE=str(Path.home().parent))
    assert code == 1
    assert "is not a folder of its own" in err


def test_clean_cache_refuses_a_mounted_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting takes root")
    part = tmp_path / "cache" / "containerd"
    part.mkdir(parents=True)
    point = tmp_path / "elsewhere"
    point.mkdir()
    script = f"mount --bind {part} {point} && echo mounted && exec sleep 60"
    command = ["unshare", "--mount", "sh", "-c", script]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "mounted\n"
        monkeypatch.setattr(cache, "CACHE", tmp_path / "cache")
        with pytest.raises(UserError, match=f"a mount on {point}"):
            cache.clean()
    finally:
        holder.kill()
        holder.communicate()


class Machine:
    """What preflight sees of a machine: in order by default."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.programs = {"go": "/usr/bin/go", "apt-get": "/usr/bin/apt-get"}
        self.packages: list[str] = []
        self.user = 0
        self.free = 100 << 30
        monkeypatch.setattr(shutil, "which", lambda name, **_: self.programs.get(name))
        monkeypatch.setattr(debian, "missing", lambda _: self.packages)
        monkeypatch.setattr(os, "geteuid", lambda: self.user)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=self.free))
        monkeypatch.setattr(preflight, "size", lambda _: 0)
        done = subprocess.CompletedProcess([], 0, "go1.99\n", "")
        monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def test_a_machine_in_order_passes(machine: Machine) -> None:
    preflight.check(list(TOOLS), set(GROUPS))


def test_missing_go(machine: Machine) -> None:
    del machine.programs["go"]
    with pytest.raises(UserError, match="Go is not installed") as caught:
        preflight.check(pick(["helm"]), set())
    assert "install Go 1.26" in str(caught.value.hint)


def test_too_little_disk(machine: Machine) -> None:
    machine.free = 29 << 30
    with pytest.raises(UserError, match=r"29\.0 GiB free, and 30\.0 GiB are needed"):
        preflight.check(pick(["deploy"]), {"deploy"})


def test_disk_does_not_matter_when_nothing_is_built(machine: Machine) -> None:
    machine.free = 0
    preflight.check([], {"deploy"})


def test_not_root_gets_the_command_to_type(machine: Machine) -> None:
    machine.user, machine.packages = 1000, ["runc", "socat"]
    with pytest.raises(UserError, match="Debian packages are missing: runc socat") as caught:
        preflight.check([], {"deploy"})
    assert caught.value.hint == "sudo apt-get install --no-install-recommends runc socat"


def test_missing_packages_and_no_apt(machine: Machine) -> None:
    machine.packages = ["runc"]
    del machine.programs["apt-get"]
    with pytest.raises(UserError, match="no apt-get"):
        preflight.check([], {"deploy"})


def test_root_may_go_on_with_missing_packages(machine: Machine) -> None:
    machine.packages = ["runc"]
    preflight.check([], {"deploy"})


def test_too_new_python(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 15, 0))
    with pytest.raises(UserError, match=r"is too new: it must be below 3\.15"):
        preflight.check([], set())


def test_all_problems_are_told_together(machine: Machine) -> None:
    machine.user, machine.packages, machine.free = 1000, ["runc"], 0
    machine.programs.clear()
    machine.programs["apt-get"] = "/usr/bin/apt-get"
    with pytest.raises(UserError) as caught:
        preflight.check(pick(["deploy"]), {"deploy"})
    for part in ("3 things", "Go is not installed", "GiB free", "sudo apt-get install"):
        assert part in caught.value.message


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(debian, "_POLICY", tmp_path / "policy-rc.d")
    return tmp_path / "policy-rc.d"


def fake_apt(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> Path:
    log = folder / "apt.log"
    (folder / "apt-get").write_text(f'#!/bin/sh\necho "$@" >> {log}\n{body}\n')
    (folder / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return log


def test_services_stay_down_during_an_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: Path
) -> None:
    said = tmp_path / "policy.log"
    fake_apt(tmp_path, monkeypatch, f"{policy} socat start; echo $? >> {said}")
    debian.install(["socat"])
    assert said.read_text() == "101\n"
    assert not policy.exists()


def test_a_policy_of_the_machine_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: Path
) -> None:
    policy.write_text("#!/bin/sh\nexit 104\n")
    fake_apt(tmp_path, monkeypatch, "")
    debian.install(["socat"])
    assert policy.read_text() == "#!/bin/sh\nexit 104\n"


def test_a_policy_left_by_a_crash_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: Path
) -> None:
    policy.write_text("#!/bin/sh\n# rayworks: no service\n[ ! -d /proc/0 ] || exit 101\n")
    fake_apt(tmp_path, monkeypatch, "")
    debian.install(["socat"])
    assert not policy.exists()


def test_lists_are_fetched_only_when_an_installation_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: Path
) -> None:
    body = f'case "$*" in *update*) touch {tmp_path}/lists ;; *) [ -e {tmp_path}/lists ] ;; esac'
    log = fake_apt(tmp_path, monkeypatch, body)
    debian.install(["socat"])
    debian.install(["runc"])
    verbs = [line.split()[2] for line in log.read_text().splitlines()]
    assert verbs == ["install", "update", "install", "install"]


def test_a_failing_installation_shows_its_last_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: Path
) -> None:
    fake_apt(tmp_path, monkeypatch, "echo 'E: Unable to locate package socat' >&2; exit 100")
    with pytest.raises(UserError, match="Unable to locate package socat"):
        debian.install(["socat"])
    assert not policy.exists()


def test_a_command_that_is_there_needs_no_package() -> None:
    assert not debian.Package("shell", "sh").missing
    assert not debian.Package("files", "/usr/bin").missing
    assert debian.Package("none", "no-such-command").missing


def test_size_counts_a_hard_link_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 8192)
    alone = files.size(tmp_path)
    os.link(tmp_path / "a", tmp_path / "b")
    assert files.size(tmp_path) == alone
    assert files.size(tmp_path / "none") == 0


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_a_wrapper_pins_its_tool(tool: Tool) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", tool.version)
    gomod = (tool.folder / "go.mod").read_text()
    required = re.findall(rf"(?m)^\s*(?:require )?{re.escape(tool.module)} (v\S+)", gomod)
    assert f"{tool.module} {required[0]} h1:" in (tool.folder / "go.sum").read_text()
    assert set(tool.groups) <= set(GROUPS)


def test_every_wrapper_is_in_the_catalogue() -> None:
    folders = {path.parent.name for path in (ROOT / "scripts/tools").glob("*/go.mod")}
    assert folders == {tool.name for tool in TOOLS}


#: The checks that each group's tools are there for: `make check` builds those of `dev` alone.
NEEDED = {
    "dev": (),
    "deploy": pytest.mark.slow,
    "cloud": pytest.mark.cloud,
    "release": pytest.mark.full,
}


@pytest.mark.parametrize(
    "tool",
    [
        pytest.param(tool, id=tool.name, marks=next(NEEDED[g] for g in NEEDED if g in tool.groups))
        for tool in TOOLS
    ],
)
def test_a_built_tool_prints_the_version_of_its_wrapper(tool: Tool) -> None:
    assert build.ready(tool), f"python3 -m tools build {tool.name}"
    for program, arguments in tool.binaries.items():
        if arguments is not None:
            done = subprocess.run(
                [tool.entry / "bin" / program, *arguments],
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
            )
            assert tool.version in done.stdout + done.stderr
    for name in json.loads((tool.entry / "files.json").read_text()):
        assert (tool.entry / name).exists()


LOCKS = [ROOT / f"{name}.lock" for name in ("scripts/bootstrap", "scripts/requirements")]
LOCKS += [ROOT / f"{name}.lock" for name in ("workloads/requirements", "requirements-dev")]
LOCKS += [ROOT / "tests" / "s3" / "requirements.lock"]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.relative_to(ROOT)))
def test_a_lock_has_hashes_and_no_address(lock: Path) -> None:
    text = lock.read_text()
    pins = re.findall(
        r"^([a-z0-9][a-z0-9.-]*)==\S+ .*\\\n    --hash=sha256:[0-9a-f]{64}", text, re.M
    )
    assert len(pins) == len(re.findall("==", re.sub(r";.*|#.*", "", text)))
    assert "://" not in text
    assert str(ROOT) not in text


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.relative_to(ROOT)))
def test_a_lock_pins_what_its_list_asks_for(lock: Path) -> None:
    asked = re.findall(r"^[A-Za-z][\w.-]*", lock.with_suffix(".in").read_text(), re.M)
    pinned = set(re.findall(r"^([a-z0-9.-]+)==", lock.read_text(), re.M))
    assert {name.lower() for name in asked} <= pinned
