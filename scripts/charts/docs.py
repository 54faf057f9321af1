"""README.md of each chart, by helm-docs from its values.yaml and README.md.gotmpl."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from charts.places import APPLICATIONS, CHARTS
from charts.schema import Schema, definitions
from lib.paths import tool
from lib.shell import run

SHARED = "_shared.gotmpl"


def _kind(schema: Schema, known: dict[str, Schema]) -> str:
    if "type" not in schema and (ref := schema.get("$ref")):
        schema = known[str(ref).removeprefix("#/$defs/")]
    kind = schema.get("type", "object")
    kinds = [one for one in ([kind] if isinstance(kind, str) else kind) if one != "null"]
    return " or ".join("map" if one == "object" else one for one in kinds)


def _table(name: str, known: dict[str, Schema]) -> str:
    """The fields of a definition as a table; those of every pod have a table of their own."""
    lines = ["| Key | Type | Default | Description |", "|---|---|---|---|"]
    elsewhere = known["podOptions"]["properties"] if name == "workerGroup" else {}
    required = known[name].get("required", [])
    for key, field in known[name]["properties"].items():
        if key in elsewhere:
            continue
        default = f"`{json.dumps(field['default'])}`" if "default" in field else ""
        if key in required:
            default = "required"
        kind = _kind(field, known)
        lines.append(f"| {key} | {kind} | {default} | {field.get('description', '').strip()} |")
    return "\n".join(lines)


def generated() -> dict[Path, str]:
    """Every README and what it should hold."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        shared = (CHARTS / SHARED).read_text()
        known = definitions()
        tables = {
            "ray.groupsTable": "workerGroup",
            "ray.podsTable": "podOptions",
            "ray.globalTable": "global",
            "ray.flavorsTable": "queueFlavor",
        }
        for name in known:
            if name.startswith("storage") and "properties" in known[name]:
                tables[f"ray.{name}Table"] = name
        for define, definition in tables.items():
            # In a literal: a description may hold the braces of a template itself.
            table = json.dumps(_table(definition, known), ensure_ascii=False)
            shared += f'{{{{ define "{define}" -}}}}\n{{{{ {table} }}}}\n{{{{- end }}}}\n'
        (folder / SHARED).write_text(shared)
        charts = ("ray-common", *APPLICATIONS)
        for chart in charts:
            (folder / chart).mkdir()
            (folder / chart / "values.yaml").touch()  # a library has none, and helm-docs wants one
            for file in ("Chart.yaml", "values.yaml", "README.md.gotmpl"):
                if (source := CHARTS / chart / file).exists():
                    shutil.copy(source, folder / chart / file)
        run(
            [
                tool("helm-docs"), "--chart-search-root", folder, "--log-level", "warning",
                "--sort-values-order", "file",
                "--template-files", f"./{SHARED}", "--template-files", "README.md.gotmpl",
            ],
            cwd=folder,
        )  # fmt: skip
        return {
            CHARTS / chart / "README.md": (folder / chart / "README.md").read_text().strip() + "\n"
            for chart in charts
        }
