"""The schema of `serveConfig`, from the models by which Ray Serve checks its own files."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

#: What the chart sets itself, or names by a map's key.
_OURS = {
    "HTTPOptionsSchema": ("host", "port"),
    "gRPCOptionsSchema": ("port",),
    "ServeApplicationSchema": ("name", "host", "port"),
    "DeploymentSchema": ("name",),
}


def _checked() -> dict[str, Schema]:
    """What Serve's own code checks beyond its models, by model, as far as a schema can say it."""
    import logging

    from ray._common.logging_constants import LOGRECORD_STANDARD_ATTRS

    remote = {"type": "string", "pattern": "^[a-z][a-z0-9+.-]*://."}
    runtime_env = {
        "type": "object",
        "properties": {
            "working_dir": remote,
            "py_modules": {"type": "array", "items": remote},
        },
    }
    variables = {"type": "object", "additionalProperties": {"type": "string"}}
    files = {"ssl_certfile": ["ssl_keyfile"], "ssl_keyfile": ["ssl_certfile"]}
    return {
        "AutoscalingConfig": {
            "properties": {"aggregation_function": {"enum": ["mean", "max", "min"]}},
        },
        "ControllerOptions": {
            "properties": {
                "runtime_env": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {"env_vars": variables},
                }
            }
        },
        "DeploymentSchema": {
            "properties": {
                "max_queued_requests": {
                    "anyOf": [{"const": -1}, {"type": "integer", "minimum": 1}]
                },
            },
            "dependentRequired": {
                "placement_group_bundle_label_selector": ["placement_group_bundles"]
            },
            "not": {
                "anyOf": [
                    {"required": ["max_replicas_per_node", "placement_group_bundles"]},
                    {"required": ["max_replicas_per_node", "gang_scheduling_config"]},
                    {"required": ["placement_group_strategy", "gang_scheduling_config"]},
                ]
            },
        },
        "GangSchedulingConfig": {
            "properties": {"runtime_failure_policy": {"enum": ["RESTART_GANG"]}},
        },
        "HTTPOptionsSchema": {"dependentRequired": files},
        "LoggingConfig": {
            "properties": {
                "log_level": {"enum": sorted(logging.getLevelNamesMapping())},
                "additional_log_standard_attrs": {
                    "type": "array",
                    "items": {"enum": sorted(LOGRECORD_STANDARD_ATTRS)},
                },
            }
        },
        "RayActorOptionsSchema": {"properties": {"runtime_env": runtime_env}},
        "ServeApplicationSchema": {"properties": {"runtime_env": runtime_env}},
        "TracingConfig": {
            "properties": {"sampling_ratio": {"type": "number", "minimum": 0, "maximum": 1}}
        },
    }


def definitions() -> dict[str, Schema]:
    """Definitions by name: serveConfig, and those that it refers to.

    Serve's lists of applications and deployments are maps here, so that values files merge. Objects
    with named fields take no others. null is allowed for an application or a deployment alone: it
    takes out what an earlier values file has.
    """
    # Late: it takes seconds, and one chart of several needs it.
    from ray.serve.schema import ServeDeploySchema

    whole = ServeDeploySchema.model_json_schema()
    models: dict[str, Schema] = whole.pop("$defs")
    for name, keys in _OURS.items():
        _without(models[name], keys)
    _without(whole, ("target_capacity",))
    application = models["ServeApplicationSchema"]["properties"]
    application["deployments"] = _by_name("DeploymentSchema")
    whole["properties"]["applications"] = _by_name("ServeApplicationSchema")
    found = {_name(name): _cleaned(model) for name, model in models.items()}
    for name, more in _checked().items():
        schema = found[_name(name)]
        schema["properties"] |= more.pop("properties", {})
        schema |= more
    return {"serveConfig": _cleaned(whole), **found}


def _without(model: Schema, keys: tuple[str, ...]) -> None:
    for key in keys:
        model["properties"].pop(key)
    model["required"] = [key for key in model.get("required", []) if key not in keys]


def _by_name(model: str) -> Schema:
    entry = {"anyOf": [{"$ref": f"#/$defs/{model}"}, {"type": "null"}], "nullable": True}
    return {"type": "object", "additionalProperties": entry}


def _name(model: str) -> str:
    """`ServeApplicationSchema` is serveApplication here."""
    return "serve" + model.removeprefix("Serve").removesuffix("Schema").removesuffix("Config")


def _cleaned(node: Any) -> Any:
    """A model's schema without titles, texts, defaults and nulls; strict."""
    if isinstance(node, list):
        return [_cleaned(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    if choices := node.get("anyOf"):
        # A free object beside a model stands for what the model is made of.
        strict = any("$ref" in choice for choice in choices)
        left = [
            _cleaned(choice)
            for choice in choices
            if (node.get("nullable") or choice.get("type") != "null")
            and not (strict and choice.get("additionalProperties") is True)
        ]
        return left[0] if len(left) == 1 else {"anyOf": left}
    out: Schema = {}
    for key, value in node.items():
        if key == "properties":
            out[key] = {name: _cleaned(inner) for name, inner in value.items()}
        elif key == "$ref":
            out[key] = "#/$defs/" + _name(value.removeprefix("#/$defs/"))
        elif key not in ("title", "description", "default") and value != []:
            out[key] = _cleaned(value)
    if "properties" in out:
        out["additionalProperties"] = False
    return out
