"""values.schema.json of each chart, from the comments in its values.yaml.

A key's type follows from its default. What does not, stands above it as `# @schema {…}`: JSON,
merged into the key's schema. `# -- …` is the description, which helm-docs reads too. Maps with
keys are strict, and null removes none of the keys unless it is the default, which needs an
annotation; an empty map holds strings unless it is annotated.
A chart's dependencies are keys too: Helm adds one for each, and the schema of each checks it.
`#/$defs/…` are in definitions.yaml; `kubernetes.…` come from Kubernetes, Serve's from Ray.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from charts import kubernetes, serve
from charts.places import APPLICATIONS, CHARTS
from lib.errors import UserError

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
DEFINITIONS = Path(__file__).with_name("definitions.yaml")

_ANNOTATION = re.compile(r"^\s*# @schema (.*)$")
_DESCRIPTION = re.compile(r"^\s*# -- (?:\(\w+\) )?(.*)$")


@cache
def definitions() -> dict[str, Schema]:
    """Shapes that several charts use, and those of one in definitions-<chart>.yaml, by name."""
    loaded: dict[str, Schema] = {}
    for path in (DEFINITIONS, *sorted(DEFINITIONS.parent.glob("definitions-*.yaml"))):
        loaded |= yaml.load(path.read_text(), Loader=yaml.CSafeLoader)
    return kubernetes.definitions() | loaded


def _comment(lines: list[str], line: int, where: str) -> tuple[Schema, str]:
    """Annotation and description above a line (counted from 0)."""
    first = line
    while first > 0 and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    annotation: Schema = {}
    description: list[str] = []
    for text in lines[first:line]:
        if found := _ANNOTATION.match(text):
            try:
                annotation.update(json.loads(found[1]))
            except json.JSONDecodeError as error:
                raise UserError(f"{where}: the annotation is not JSON: {error}") from error
        elif found := _DESCRIPTION.match(text):
            description = [found[1]]
        elif description:
            description.append(text.lstrip()[1:].strip())
    return annotation, " ".join(description)


def _inferred(value: Any, where: str, annotation: Schema) -> Schema:
    """Schema that follows from a default."""
    if "$ref" in annotation:
        return {}
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, int):
        return {"type": "integer"}
    if isinstance(value, float):
        return {"type": "number"}
    if isinstance(value, str):
        return {} if "enum" in annotation else {"type": "string"}
    if isinstance(value, list):
        return {"type": "array", "items": {"type": "string"}}
    if isinstance(value, dict):
        return {"type": "object", "additionalProperties": {"type": "string"}}
    if "type" not in annotation:
        raise UserError(f"{where} is null and says no type", 'add # @schema {"type": …} above it')
    return {}


def _object(node: yaml.MappingNode, lines: list[str], prefix: str) -> Schema:
    """Schema of a map with keys, all required where null is no value: it takes a default out."""
    properties: dict[str, Schema] = {}
    required = []
    loader = yaml.SafeLoader("")
    for key, value in node.value:
        where = f"{prefix}{key.value}"
        annotation, description = _comment(lines, key.start_mark.line, where)
        default = loader.construct_object(value, deep=True)
        if not description and not isinstance(value, yaml.MappingNode):
            raise UserError(f"{where} has no description", "add a comment that begins with `# -- `")
        if isinstance(value, yaml.MappingNode) and value.value and not annotation:
            schema = _object(value, lines, f"{where}.")
        else:
            schema = {**_inferred(default, where, annotation), **annotation, "default": default}
        if description:
            schema["description"] = description
        properties[key.value] = schema
        if default is not None and "null" not in annotation.get("type", ()):
            required.append(key.value)
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required,
        "properties": properties,
    }


def _finished(node: Any, known: dict[str, Schema]) -> Any:
    """A schema with two things that nobody should have to write.

    Integers fit into 32 bits: the API server takes larger ones, and then the operator can list no
    object of that kind any more. And Helm tells a key of the wrong form with its place, which it
    does not for `propertyNames`.
    """
    if isinstance(node, list):
        return [_finished(inner, known) for inner in node]
    if not isinstance(node, dict):
        return node
    out = {key: _finished(inner, known) for key, inner in node.items()}
    kinds = node.get("type")
    integer = kinds == "integer" or (isinstance(kinds, list) and "integer" in kinds)
    if integer and node.get("format") != "int64":
        out.setdefault("maximum", 2**31 - 1)
    if isinstance(names := node.get("propertyNames"), dict) and "additionalProperties" in node:
        name = str(names.get("$ref", "")).removeprefix("#/$defs/")
        out.pop("propertyNames")
        pattern = known.get(name, names)["pattern"]
        out["patternProperties"] = {pattern: out["additionalProperties"]}
        out["additionalProperties"] = False
    return out


def _referred(schema: Any, known: dict[str, Schema], found: dict[str, Schema]) -> dict[str, Schema]:
    """Definitions that a schema refers to, directly or through others, by name."""
    if isinstance(schema, dict):
        if ref := schema.get("$ref"):
            name = str(ref).removeprefix("#/$defs/")
            if name not in known:
                raise UserError(f"{ref} is not defined", f"define it in {DEFINITIONS.name}")
            if name not in found:
                found[name] = known[name]
                _referred(known[name], known, found)
        for inner in schema.values():
            _referred(inner, known, found)
    elif isinstance(schema, list):
        for inner in schema:
            _referred(inner, known, found)
    return found


def _dependencies(chart: str) -> dict[str, Schema]:
    """Keys for the values of the charts that a chart is made of."""
    described = yaml.safe_load((CHARTS / chart / "Chart.yaml").read_text())
    return {one["name"]: {"type": "object"} for one in described.get("dependencies", [])}


def of_chart(chart: str) -> str:
    """The text of a chart's values.schema.json.

    Raises:
        UserError: a value has no description or no type, or an annotation is not JSON.
    """
    known = definitions()
    if chart == "ray-service":
        known = known | serve.definitions()
    if chart == "ray-common":
        body: Schema = {
            "type": "object",
            "properties": {
                # Other charts' globals are left alone.
                "global": {"type": "object", "properties": {"ray": known["global"]}},
            },
        }
    else:
        text = (CHARTS / chart / "values.yaml").read_text()
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
        if not isinstance(root, yaml.MappingNode):
            raise UserError(f"charts/{chart}/values.yaml is not a map")
        body = _object(root, text.splitlines(), "")
        others: Schema = {"global": {"type": "object"}, **_dependencies(chart)}
        body["properties"] = others | body["properties"]
    whole = {"$schema": DIALECT, "title": chart, **body}
    if used := _referred(body, known, {}):
        whole["$defs"] = {name: used[name] for name in sorted(used)}
    return json.dumps(_finished(whole, known), indent=2, ensure_ascii=False) + "\n"


def generated() -> dict[Path, str]:
    """Every schema file and what it should hold."""
    charts = ("ray-common", *APPLICATIONS)
    return {CHARTS / chart / "values.schema.json": of_chart(chart) for chart in charts}
