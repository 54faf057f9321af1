"""The Ray image as a pod sees it: the user 1000, a read-only root, nothing but /tmp to write to."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from support import TMP, Deployed, look

from lib.paths import ROOT
from local import images

pytestmark = pytest.mark.cluster

#: Trains twice, compiled the second time; prints whether torch's compiler was loaded after each,
#: and whether both came to the same weights.
COMPILED = """
import json, sys, torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)

def trained(compiled):
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 2)
    parallel = model if compiled else DistributedDataParallel(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    optimizer.load_state_dict(optimizer.state_dict())

    def step(images):
        optimizer.zero_grad()
        parallel(images).square().sum().backward()
        optimizer.step()

    if compiled:
        step = torch.compile(step, backend="eager")
        optimizer.step = torch.compile(optimizer.step, backend="eager")
    for number in range(3):
        step(torch.ones(3, 4) * number)
    return model.weight.tolist(), "torch._dynamo" in sys.modules

plain, before = trained(False)
compiled, after = trained(True)
print(json.dumps([before, after, plain == compiled]))
"""

#: Prints what there is, as JSON.
LOOK = """
import importlib, json, os, pathlib, shutil, subprocess, sys
from importlib import metadata

def output(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr

def writable(folder):
    try:
        (pathlib.Path(folder) / "probe").write_text("")
        return True
    except OSError:
        return False

site = pathlib.Path(metadata.distribution("ray").locate_file(""))
names = ["ray", "torch", "torchvision", "sklearn", "matplotlib", "pandas", "rayworks"]
print("FACTS" + json.dumps({
    "uid": os.getuid(), "gid": os.getgid(),
    "versions": {d.metadata["Name"].lower(): d.version for d in metadata.distributions()},
    "imports": [importlib.import_module(name).__name__ for name in names],
    "writable": [f for f in ("/", "/opt/rayworks", "/usr", "/tmp") if writable(f)],
    "programs": {p: shutil.which(p) for p in
                 ("bash", "python", "ray", "rayworks", "uv", "gcc", "cc", "g++", "make")},
    "requires": {k: v for k, v in os.environ.items() if k.startswith("NVIDIA_")},
    "setuid": [str(p) for f in ("/usr", "/opt", "/home", "/etc", "/var")
               for p in pathlib.Path(f).rglob("*")
               if os.access(p, os.R_OK) and p.is_file() and not p.is_symlink()
               and p.stat().st_mode & 0o6000],
    "help": output("rayworks", "fashion-mnist", "--help"),
    "record": [str(f) for f in metadata.distribution("rayworks").files],
    "gone": [str(f) for f in metadata.distribution("rayworks").files if not f.locate().exists()],
    "ray start": output("env", "PYTHONPROFILEIMPORTTIME=1", "ray", "start", "--help"),
    "ray alone": json.loads(output(sys.executable, "-c", "import json, ray, sys;"
        "print(json.dumps([list(sys.modules), ray._private.state.requests.Session.__module__]))"
    )[1]),
    "torch": output(sys.executable, "-c", COMPILED),
    "ray serve": output("ray", "serve", "--help"),
    "spy": output("py-spy", "--version"),
    "spy capability": os.getxattr("/opt/rayworks/bin/py-spy-ptrace", "security.capability").hex(),
    "caches": [str(p) for p in (pathlib.Path("/root/.cache"), pathlib.Path("/var/lib/apt/lists"))
               if os.access(p, os.R_OK) and any(p.iterdir())],
    "uncompiled": [str(p) for name in ("ray", "torch", "rayworks", "click")
                   for p in (site / name).rglob("*.py")
                   if p.name == "__init__.py"
                   and not list(p.parent.glob("__pycache__/__init__.*.pyc"))],
    "run": output("rayworks", "fashion-mnist", "--dataset", "digits", "--num-workers", "0",
                  "--epochs", "1", "--storage-path", "/tmp/results"),
}))
"""


@pytest.fixture(scope="module")
def facts(deployed: Deployed) -> dict[str, Any]:
    """What a restricted pod of the image says about itself."""
    program = f"COMPILED = {COMPILED!r}\n{LOOK}"
    return look(deployed.kube, str(images.reference("ray")), program)


def test_it_runs_as_the_user_1000(facts: dict[str, Any]) -> None:
    assert (facts["uid"], facts["gid"]) == (1000, 1000)


def test_only_tmp_is_writable(facts: dict[str, Any]) -> None:
    assert facts["writable"] == [TMP]


def test_its_versions_are_those_of_the_lock(facts: dict[str, Any]) -> None:
    lock = (ROOT / "workloads" / "requirements.lock").read_text()
    pinned = dict(re.findall(r"^([a-z0-9-]+)==([^ ;]+)(?: \\)$", lock, flags=re.MULTILINE))
    assert {"ray", "torch", "click", "uv"} <= pinned.keys()
    there = {name.replace("_", "-").replace(".", "-"): v for name, v in facts["versions"].items()}
    assert {name: there.get(name) for name in pinned} == pinned


def test_what_a_workload_needs_can_be_imported(facts: dict[str, Any]) -> None:
    assert facts["imports"][-1] == "rayworks"


def test_what_kuberay_starts_is_on_the_path(facts: dict[str, Any]) -> None:
    programs = facts["programs"]
    assert programs["bash"]
    assert all(
        programs[name] == f"/opt/rayworks/bin/{name}"
        for name in ("python", "ray", "rayworks", "uv")
    )


def test_nothing_tells_when_our_own_package_was_built(facts: dict[str, Any]) -> None:
    """Else two builds of the same sources would differ."""
    assert any(one.endswith("classifier/loop.py") for one in facts["record"])
    assert not [one for one in facts["record"] if one.endswith("uv_cache.json")]
    assert facts["gone"] == []


def test_ray_starts_without_what_only_its_other_commands_need(facts: dict[str, Any]) -> None:
    code, said = facts["ray start"]
    assert code == 0
    imported = set(re.findall(r"\|\s+(\S+)$", said, flags=re.MULTILINE))
    assert "ray.scripts.scripts" in imported
    assert not imported & {"ray.serve", "pandas"}
    code, said = facts["ray serve"]
    assert code == 0
    assert "deploy" in said


def test_ray_loads_what_it_seldom_uses_when_it_is_used(facts: dict[str, Any]) -> None:
    loaded, of_session = facts["ray alone"]
    assert "ray._raylet" in loaded
    assert not {"requests", "jsonschema"} & set(loaded)
    assert of_session == "requests.sessions"


def test_a_training_loads_the_compiler_when_it_compiles(facts: dict[str, Any]) -> None:
    code, said = facts["torch"]
    assert code == 0, said
    before, after, same = json.loads(said.splitlines()[0])  # torch warns after that
    assert (before, after) == (False, True)
    assert same


def test_py_spy_starts_without_the_capability_that_it_would_use(facts: dict[str, Any]) -> None:
    code, said = facts["spy"]
    assert code == 0, said
    # version 2, effective; permitted: 1 << 19, which is CAP_SYS_PTRACE
    assert facts["spy capability"] == "01000002" + "00000800" + "00000000" * 3


def test_no_compiler_and_no_cache_is_left(facts: dict[str, Any]) -> None:
    assert not [p for p in ("gcc", "cc", "g++", "make") if facts["programs"][p]]
    assert facts["caches"] == []


def test_no_program_runs_as_another_user(facts: dict[str, Any]) -> None:
    assert facts["setuid"] == []


def test_it_says_which_drivers_and_gpus_it_wants(facts: dict[str, Any]) -> None:
    """NVIDIA's container runtime reads these, and refuses others."""
    lock = (ROOT / "workloads" / "requirements.lock").read_text()
    major = re.findall(r"^cuda-toolkit==(\d+)", lock, flags=re.MULTILINE)[0]
    assert facts["requires"]["NVIDIA_REQUIRE_CUDA"] == f"cuda>={major}.0"
    assert facts["requires"]["NVIDIA_REQUIRE_ARCH"] == "arch>=7.5"
    # Whose name a pod asks for is the device plugin's to say: `all` would show it every GPU.
    assert "NVIDIA_VISIBLE_DEVICES" not in facts["requires"]


def test_bytecode_is_there(facts: dict[str, Any]) -> None:
    assert facts["uncompiled"] == []


def test_the_command_explains_itself(facts: dict[str, Any]) -> None:
    code, said = facts["help"]
    assert code == 0, said
    assert "--num-workers" in said


def test_the_command_trains(facts: dict[str, Any]) -> None:
    code, said = facts["run"]
    assert code == 0, said
    assert json.loads(said.splitlines()[-1])["event"] == "result"
