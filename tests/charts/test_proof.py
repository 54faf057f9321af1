"""chart-proof finds what an API server and the operator would refuse, each by its own rules."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from charts import conform
from charts.places import CHARTS
from lib.paths import ROOT, tool

POD = """
apiVersion: v1
kind: Pod
metadata: {{name: p}}
spec:
  containers:
    - {{name: c, image: busybox:1.37, resources: {{requests: {{cpu: {cpu}}}, limits: {{cpu: 1}}}}}}
"""

CLUSTER = """
apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: c}
spec:
  rayVersion: 2.60.0
  headGroupSpec:
    rayStartParams: {}
    template:
      spec:
        containers:
          - name: ray-head
            image: rayproject/ray:2.60.0
            resources: {limits: {memory: 4Gi}}
"""

JOB = """
apiVersion: ray.io/v1
kind: RayJob
metadata: {name: j}
spec:
  clusterSelector: {ray.io/cluster: c}
  shutdownAfterJobFinishes: true
  deletionStrategy: {deletionRules: [{policy: DeleteSelf, condition: {jobStatus: FAILED}}]}
"""

HELD = """
apiVersion: v1
kind: ConfigMap
metadata: {name: m}
data: {pod.json: '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {}}'}
"""


def faults(text: str, *options: str) -> str:
    done = subprocess.run(
        [tool("chart-proof"), "-crds", CHARTS / "ray-crds" / "templates", *options, "validate"],
        input=text, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    assert (done.returncode == 0) == (done.stdout == "")
    return done.stdout


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("a: [", (), "document 1: is not YAML"),
        ("a: 1\na: 2", (), "document 1: is not YAML: .*already set"),
        ("apiVersion: v1", (), "no object of Kubernetes"),
        (POD.format(cpu=2), (), "Pod/p: .*requests: .*must be less than or equal to cpu limit"),
        (POD.format(cpu=1).replace("image:", "imag:"), (), 'unknown field "spec.containers.*imag"'),
        (POD.format(cpu=1), ("-pod-security", "restricted"), "Pod Security restricted: .*NonRoot"),
        (CLUSTER.replace("rayVersion", "rayVersoin"), (), 'unknown field "spec.rayVersoin"'),
        (CLUSTER.replace("4Gi", "lots"), (), "limits.memory"),
        (CLUSTER.replace("2.60.0\n", "60\n"), (), "rayVersion.* must be of type string"),
        (CLUSTER.replace("name: c", "name: 1c"), (), "should be a valid DNS1035 label"),
        (CLUSTER.replace("ray-head", "Ray"), (), "the operator's .*Pod .*name: Invalid value"),
        (JOB, (), "shutdownAfterJobFinishes and .*deletionRules are mutually exclusive"),
        (JOB, ("-gates", "RayJobDeletionPolicy=false"), "feature gate must be enabled"),
        (HELD, (), "ConfigMap/m: pod.json: Pod/p: spec.containers: Required value"),
        ("apiVersion: x/v1\nkind: X\nmetadata: {name: x}", (), 'X/x: no kind "X" is registered'),
    ],
)  # fmt: skip
def test_finds(text: str, options: tuple[str, ...], said: str) -> None:
    assert re.search(said, faults(text, *options), re.DOTALL), faults(text, *options)


def test_a_pod_and_a_cluster_that_are_right() -> None:
    assert faults(POD.format(cpu=1) + "---" + CLUSTER) == ""
    assert faults("apiVersion: x/v1\nkind: X\nmetadata: {name: x}", "-foreign", "X,Y") == ""


def test_it_speaks_for_the_operator_and_the_helm_that_are_pinned() -> None:
    def pinned(name: str) -> dict[str, str]:
        text = (ROOT / "scripts" / "tools" / name / "go.mod").read_text()
        return dict(re.findall(r"^\s*(\S+) (v\S+)", text.split("replace (")[0], re.MULTILINE))

    ours = pinned("chart-proof")
    operator = "github.com/ray-project/kuberay/ray-operator"
    assert ours[operator] == pinned("kuberay")[operator]
    helm = "helm.sh/helm/v4"
    assert ours[helm] == pinned("helm")[helm]
    # What Helm renders with.
    for module in ("github.com/Masterminds/sprig/v3", "sigs.k8s.io/yaml"):
        assert ours[module] == pinned("helm")[module]


def test_every_version_that_the_charts_claim_is_looked_at() -> None:
    known = conform.versions()
    assert known[0] == "1.30.0"
    assert "1.36.0" in known


@pytest.mark.parametrize("version", ["1.30.0", conform.versions()[-1]])
def test_a_field_of_another_version_is_found(version: str, tmp_path: Path) -> None:
    """Kubernetes 1.30 knows no pod-level resources, and all know no field `prots`."""
    conform.write_schemas(tmp_path / "schemas", [version])
    (tmp_path / "manifests").mkdir()
    pod = POD.format(cpu=1).rstrip() + "\n  resources: {limits: {cpu: 1}}\n"
    (tmp_path / "manifests" / "pod.yaml").write_text(pod)
    (tmp_path / "manifests" / "service.yaml").write_text(
        "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {prots: []}\n"
    )
    said = "\n".join(conform.faults(tmp_path / "manifests", tmp_path / "schemas", version))
    assert "prots" in said
    assert ("pod.yaml" in said) == (version == "1.30.0")
