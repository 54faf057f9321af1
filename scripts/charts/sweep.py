"""A sweep: random valid and invalid values, and nothing but a good answer to each.

Each example takes a scenario of a chart, changes some places that the chart's schema names, and
renders it. A good answer is a refusal in words (by the schema, or by the chart itself), or objects
that neither the API server nor the operator would refuse, nor Ray Serve. Anything else is a fault,
and is made as small as it still shows. The same seed and number give the same examples.
"""

from __future__ import annotations

import functools
import json
import random
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from charts.conform import faults, versions, write_schemas
from charts.kubernetes import PREFIX
from charts.places import APPLICATIONS, CHARTS, scenarios
from charts.proof import Proof, Prover
from charts.refusals import refused
from lib.errors import UserError

Schema = dict[str, Any]

#: Line of an object that only extends the API.
DEFINITION = "\nkind: CustomResourceDefinition\n"

#: Strings that go wrong where they are not quoted, escaped, or looked at.
STRINGS = (
    "", "a", "demo-1", "Not A Name", "a: b", "- a", "#", "{{ .x }}", "$(HOME)", "'\"", "null",
    "true", "007", "1e3", "0x1F", "a\nb", " a ", "größer", "x" * 70, "latest", "host:6379", "/a",
)  # fmt: skip

#: Numbers at the edges of their types, and those that print as 2.1e+09.
NUMBERS = (0, 1, 2, 3, 7, 100, 1_000_000, 2_100_000_000, 2**31 - 1, 2**31, 2**53, -1, -(2**31) - 1)

#: What no place of a strict schema wants.
JUNK: tuple[Any, ...] = (
    None,
    True,
    -1,
    1.5,
    2**63,
    "",
    "junk",
    [],
    {},
    [{}],
    [None],
    {"unknown": 1},
    {"a": None},
)

#: Strings that name something, by the key under which they stand.
KNOWN: dict[str, tuple[str, ...]] = {
    "pool": ("head", "cpu", "memory", "gpu"),
    "fallback": ("cpu", "memory"),
    "size": ("small", "large"),
    "image": ("ray", "operator"),
    "version": ("1.6.2", "1.6.0"),
    "cron": ("0 3 * * *", "@daily", "*/5 8-18 * * mon-fri"),
    "timeZone": ("Europe/Berlin", "Etc/UTC"),
    "entrypoint": ("python -c 'print(1)'",),
    "num_replicas": ("auto",),
    "working_dir": ("https://example.com/code.zip",),
    "py_modules": ("s3://bucket/module.zip",),
    "import_path": ("rayworks.hello:app", "a.b:c"),
}

#: Keys of open maps, by the key under which the map stands.
KEYS: dict[str, tuple[str, ...]] = {
    "featureGates": ("RayCronJob", "RayServiceIncrementalUpgrade", "RayJobDeletionPolicy"),
    "pools": ("head", "cpu", "memory", "gpu", "extra"),
    "sizes": ("small", "large"),
    "requests": ("cpu", "memory", "nvidia.com/gpu"),
    "limits": ("cpu", "memory", "nvidia.com/gpu"),
    "env": ("A", "RAY_LOG_TO_STDERR", "REDIS_PASSWORD", "1x"),
    "rayStartParams": ("num-cpus", "num-gpus", "object-store-memory", "resources", "labels", "x"),
    "rayResources": ("CPU", "GPU", "custom"),
    "entrypointResources": ("CPU", "GPU", "memory", "custom"),
}


#: What users write in Kubernetes' own words is checked by Kubernetes' schemas alone, which let much
#: pass that the API server refuses. So these are right, or junk.
KUBERNETES: dict[str, tuple[Any, ...]] = {
    "Affinity": (
        {},
        {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [
                        {"matchExpressions": [{"key": "a", "operator": "Exists"}]}
                    ]
                }
            }
        },
    ),
    "Container": ({"image": "busybox:1.37", "resources": {"limits": {"memory": "64Mi"}}},),
    "EnvVarSource": (
        {"secretKeyRef": {"name": "a", "key": "b"}},
        {"fieldRef": {"fieldPath": "metadata.name"}},
    ),
    "PodSpec": ({"hostname": "a"}, {"schedulerName": "other"}),
    "ServiceSpec": ({}, {"sessionAffinity": "ClientIP"}, {"loadBalancerClass": "example.com/a"}),
    "Toleration": ({"operator": "Exists"}, {"key": "a", "operator": "Equal", "value": "b"}),
    "Volume": ({"emptyDir": {}}, {"configMap": {"name": "a"}}, {"secret": {"secretName": "a"}}),
    "networking.v1.NetworkPolicyPeer": (
        {"ipBlock": {"cidr": "10.0.0.0/8"}},
        {"podSelector": {"matchLabels": {"a": "b"}}},
    ),
}


@dataclass(frozen=True)
class Shapes:
    """Values that a chart's schema allows, and changes that may break it."""

    chart: str

    @functools.cached_property
    def schema(self) -> Schema:
        """The chart's schema, with those of its parts and of `global` in their places."""
        whole: Schema = json.loads((CHARTS / self.chart / "values.schema.json").read_text())
        common: Schema = json.loads((CHARTS / "ray-common" / "values.schema.json").read_text())
        whole["properties"].pop("ray-common", None)
        whole["$defs"] = {**common["$defs"], **whole.get("$defs", {})}
        for part in whole["properties"].keys() & set(APPLICATIONS):
            inner = Shapes(part).schema
            whole["$defs"] |= inner["$defs"]
            own = {key: of for key, of in inner["properties"].items() if key != "global"}
            whole["properties"][part] = {**inner, "properties": own}
        whole["properties"] |= common["properties"]
        return whole

    def resolved(self, schema: Schema) -> Schema:
        """A schema, or what it refers to."""
        while ref := schema.get("$ref"):
            schema = self.schema["$defs"][str(ref).removeprefix("#/$defs/")]
        return schema

    def valid(self, schema: Schema, key: str = "") -> SearchStrategy[Any]:
        """Values that satisfy a schema, mostly; what it says about several keys is not looked at.

        Args:
            schema: any part of the chart's.
            key: under which the value stands.
        """
        if found := kubernetes_own(schema):
            return st.sampled_from(found)
        schema = self.resolved(schema)
        if choices := schema.get("anyOf") or schema.get("oneOf"):
            return st.one_of([self.valid(choice, key) for choice in choices])
        if "enum" in schema or "const" in schema:
            return st.sampled_from(schema.get("enum") or [schema["const"]])
        types = schema.get("type", ["string", "integer", "boolean", "object"])
        kinds = types if isinstance(types, list) else [types]
        return st.one_of([self._of_type(kind, schema, key) for kind in kinds])

    def _of_type(self, kind: str, schema: Schema, key: str) -> SearchStrategy[Any]:
        match kind:
            case "null":
                return st.none()
            case "boolean":
                return st.booleans()
            case "integer" | "number":
                low = schema.get("minimum", schema.get("exclusiveMinimum", -(2**63) - 1) + 1)
                high = schema.get("maximum", schema.get("exclusiveMaximum", 2**64) - 1)
                fit = [number for number in NUMBERS if low <= number <= high] or [low]
                return st.sampled_from(fit if kind == "integer" else [*fit, max(low, 0.5)])
            case "string":
                if key in KNOWN:
                    return st.sampled_from(KNOWN[key])
                if pattern := schema.get("pattern"):
                    return _matching(pattern)
                return st.sampled_from(
                    [text for text in STRINGS if text or "minLength" not in schema]
                )
            case "array":
                unique = repr if schema.get("uniqueItems") else None
                items = self.valid(schema.get("items", {}), key)
                return st.lists(items, max_size=3, unique_by=unique)
            case _:
                return self._object(schema, key)

    def _object(self, schema: Schema, key: str) -> SearchStrategy[dict[str, Any]]:
        named = {
            name: self.valid(inner, name) for name, inner in schema.get("properties", {}).items()
        }
        must = {name: named.pop(name) for name in schema.get("required", ()) if name in named}
        pattern, free = _open(schema)
        if free is None:
            return _some(must, named)
        return st.builds(
            lambda one, other: {**one, **other},
            st.dictionaries(_keys(pattern, key), self.valid(free), max_size=2),
            _some(must, named),
        )

    def change(
        self, draw: Callable[[SearchStrategy[Any]], Any], schema: Schema, now: Any, key: str = ""
    ) -> Any:
        """Values with one change, somewhere below a place, to lie over what stands there now."""
        branches = schema.get("anyOf", [schema])
        if key and draw(st.integers(0, 39)) == 39:
            return draw(st.sampled_from(JUNK))
        if found := next(filter(None, map(kubernetes_own, branches)), ()):
            return draw(st.sampled_from(found))
        branches = [self.resolved(one) for one in branches]
        schema = next((one for one in branches if "properties" in one), branches[0])
        now = now if isinstance(now, dict) else {}
        below = dict(schema.get("properties", {}))
        pattern, free = _open(schema)
        if (not below and free is None) or (key and draw(st.integers(0, 19)) == 19):
            return draw(self.valid(schema, key))
        if draw(st.integers(0, 99)) == 99:
            return {"unknown": draw(st.sampled_from(JUNK))}
        if free is not None:
            below |= {name: free for name in now if name not in below}
            if not below or draw(st.booleans()):
                new = draw(_keys(pattern, key))
                return {new: self.change(draw, free, now.get(new), new)}
        name = draw(st.sampled_from(list(below)))
        return {name: self.change(draw, below[name], now.get(name), name)}


def _open(schema: Schema) -> tuple[str, Schema | None]:
    """Pattern of the keys that a map does not name, and what stands under them; None if nothing."""
    if "enum" in schema or "const" in schema or "object" not in schema.get("type", "object"):
        return "", None
    for pattern, free in schema.get("patternProperties", {}).items():
        return pattern, free
    free = schema.get("additionalProperties", "properties" not in schema)
    if free is True:
        free = {"type": ["string", "integer", "boolean"]}
    return "", free if isinstance(free, dict) else None


def _keys(pattern: str, key: str) -> SearchStrategy[str]:
    if key in KEYS:
        return st.sampled_from(KEYS[key])
    return _matching(pattern) if pattern else st.sampled_from(["a", "b", "Not A Name"])


def kubernetes_own(schema: Schema) -> tuple[Any, ...]:
    """Examples of what a schema refers to, where that is Kubernetes' own."""
    name = str(schema.get("$ref", "")).removeprefix("#/$defs/")
    return KUBERNETES.get(name.removeprefix(PREFIX), ()) if name.startswith(PREFIX) else ()


@functools.cache
def _matching(pattern: str) -> SearchStrategy[str]:
    """Strings that match; Python's $ would let a line end follow."""
    return st.from_regex(
        re.sub(r"\$(?=$|\))", r"\\Z", pattern), alphabet=st.characters(codec="ascii")
    ).filter(lambda text: len(text) < 200)


def _some(must: dict[str, Any], may: dict[str, Any]) -> SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(must, optional=may)


def merged(under: Any, over: Any) -> Any:
    """Values with others on top, as Helm merges files."""
    if isinstance(under, dict) and isinstance(over, dict):
        return {**under, **{key: merged(under.get(key), value) for key, value in over.items()}}
    return over


@dataclass(frozen=True)
class Example:
    """A chart with a scenario's values, what is changed of them, and the release's name."""

    chart: str
    scenario: str
    changes: dict[str, Any]
    release: str

    @property
    def values(self) -> list[str]:
        """Texts of values files."""
        below = scenarios(self.chart)[self.scenario].read_text()
        return [below, json.dumps(self.changes)]

    def __str__(self) -> str:
        """What is needed to see it again."""
        text = yaml.safe_dump(self.changes, allow_unicode=True, default_flow_style=None, width=200)
        return f"{self.chart}, release {self.release}, ci/{self.scenario}.yaml and\n{text}".rstrip()


def examples(chart: str) -> SearchStrategy[Example]:
    """Examples of a chart: most of them with a few changes."""
    shapes = Shapes(chart)
    bases = {
        name: yaml.safe_load(path.read_text()) or {} for name, path in scenarios(chart).items()
    }
    first = sorted(bases, key=lambda name: (name != "default", name))
    names = st.sampled_from(
        [*["demo"] * 40, "a", "a-1", "1a", "a.b", "A", "on", "x" * 34, "x" * 53]
    )

    @st.composite
    def one(draw: Callable[[SearchStrategy[Any]], Any]) -> Example:
        scenario = draw(st.sampled_from(first))
        changes: dict[str, Any] = {}
        for _ in range(draw(st.integers(0, 7))):
            now = merged(bases[scenario], changes)
            changes = merged(changes, shapes.change(draw, shapes.schema, now))
        return Example(chart, scenario, changes, draw(names))

    return one()


class Fault(Exception):  # noqa: N818 - a finding, not a failure of this program
    """An example with a bad answer; a class of its own for each kind of answer."""

    def __init__(self, example: Example, said: str) -> None:
        super().__init__(said)
        self.example = example
        self.said = said

    @staticmethod
    @functools.cache
    def kind(signature: str) -> type[Fault]:
        """Hypothesis tells faults apart by their classes."""
        return type(signature, (Fault,), {})


def signature(said: str) -> str:
    """What faults of one cause have in common, roughly: the words, without what was given."""
    kind, _, words = said.splitlines()[0].partition(": ")
    words = re.sub(r'"[^"]*"|`[^`]*`|[{\[].*[}\]]|\S*\d\S*', "", words)
    return " ".join([kind.partition("/")[0], *words.split()])[:120]


def serve_faults(manifest: str) -> Iterable[str]:
    """What Ray Serve has against the configurations in a manifest."""
    from ray.serve.schema import ServeDeploySchema

    for one in yaml.load_all(manifest, Loader=yaml.CSafeLoader):
        if one and one["kind"] == "RayService":
            try:
                ServeDeploySchema.model_validate(yaml.safe_load(one["spec"]["serveConfigV2"]))
            except ValueError as error:
                yield f"RayService/{one['metadata']['name']}: refused by Serve: {error}"


def judge(example: Example, proof: Proof) -> str:
    """Who refused it, or `rendered`.

    Raises:
        Fault: the answer is neither a refusal in words nor a good manifest.
    """
    if proof.error:
        if who := refused(proof.error):
            return who
        said = f"does not render, and nobody says why: {proof.error}"
    else:
        faults = list(proof.faults)
        if example.chart == "ray-service" and not faults:
            faults += serve_faults(proof.manifest)
        if not faults:
            return "rendered"
        said = "\n".join(faults)
    raise Fault.kind(signature(said))(example, said)


@dataclass
class Tally:
    """What a sweep came to."""

    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)
    manifests: dict[str, Example] = field(default_factory=dict)


def sweep(
    prover: Prover, charts: Sequence[str], number: int, seed: int, tally: Tally | None = None
) -> Tally:
    """Render `number` examples, the same for each chart.

    With a fault the chart's examples end early: it is made small instead.
    """
    tally = tally or Tally()
    for chart in charts:

        @seeded(seed)
        @settings(
            max_examples=-(-number // len(charts)),
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
            verbosity=Verbosity.quiet,
        )
        @given(examples(chart))
        def look(example: Example) -> None:
            proof = prover.prove(example.chart, example.values, release=example.release)
            answer = "fault"
            try:
                answer = judge(example, proof)
            finally:
                tally.answers[example.chart, answer] += 1
            if answer == "rendered":
                tally.manifests[proof.manifest] = example

        try:
            look()
        except* Fault as group:
            tally.faults += [fault for fault in group.exceptions if isinstance(fault, Fault)]
    return tally


def with_values() -> list[str]:
    """Charts that have values of their own."""
    return [chart for chart in APPLICATIONS if set(Shapes(chart).schema["properties"]) > {"global"}]


def main(number: int, seed: int | None, chart: str | None) -> None:
    """Sweep, and print what came of it.

    Raises:
        UserError: there is a fault.
    """
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    charts = [chart] if chart else with_values()
    print(f"seed {seed}: python -m charts sweep --number {number} --seed {seed}", flush=True)
    with Prover() as prover:
        tally = sweep(prover, charts, number, seed)
    row = "{:<14}{:>9}{:>9}{:>9}{:>9}{:>9}".format
    kinds = ("rendered", "schema", "chart", "Helm", "fault")
    print(row("CHART", "RENDERED", "SCHEMA", "CHART", "HELM", "FAULT"))
    for one in charts:
        print(row(one, *(tally.answers[one, kind] for kind in kinds)))
    print(f"{tally.answers.total()} renders, {len(tally.manifests)} different manifests")
    for fault in tally.faults:
        print(f"\n✗ {fault.example}\n  {fault.said[:2000]}")
    if wrong := conform(tally.manifests):
        print("\n".join(wrong))
    if tally.faults or wrong:
        raise UserError(f"{len(tally.faults) or len(wrong)} faults", "make the charts refuse them")


def conform(manifests: dict[str, Example]) -> list[str]:
    """Faults of manifests by the schemas of the oldest Kubernetes, with what made them."""
    oldest = versions()[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_schemas(folder / "schemas", [oldest])
        (folder / "manifests").mkdir()
        for index, manifest in enumerate(manifests):
            # Definitions are skipped there, and a megabyte of them takes long to read.
            rest = [one for one in manifest.split("\n---\n") if DEFINITION not in one]
            (folder / "manifests" / f"{index:05d}.yaml").write_text("\n---\n".join(rest))
        found = faults(folder / "manifests", folder / "schemas", oldest)
    made = list(manifests.values())
    return [re.sub(r"(\d{5})\.yaml", lambda at: str(made[int(at[1])]), line) for line in found]
