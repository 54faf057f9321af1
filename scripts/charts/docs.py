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


def _kind(schema: Schema) -> str:
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        kind = " or ".join(kind)
    return "map" if kind == "object" else str(kind)


def _table(name: str) -> str:
    """The fields of a definition as a table; those of every pod have a table of their own."""
    fields = definitions()[name]["properties"]
    if name != "podOptions":
        fields = {
            key: fields[key]
            for key in fields
            if key not in definitions()["podOptions"]["properties"]
        }
    lines = ["| Key | Type | Default | Description |", "|---|---|---|---|"]
    for key, field in fields.items():
        default = f"`{json.dumps(field['default'])}`" if "default" in field else ""
        lines.append(f"| {key} | {_kind(field)} | {default} | {field.get('description', '')} |")
    return "\n".join(lines)


def generated() -> dict[Path, str]:
    """Every README and what it should hold."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shared = (CHARTS / SHARED).read_text()
        tables = {
            "ray.groupsTable": "workerGroup",
            "ray.podsTable": "podOptions",
            "ray.globalTable": "global",
            "ray.flavorsTable": "queueFlavor",
        }
        for define, definition in tables.items():
            shared += f'{{{{ define "{define}" -}}}}\n{_table(definition)}\n{{{{- end }}}}\n'
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
