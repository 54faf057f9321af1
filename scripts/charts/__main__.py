"""python -m charts COMMAND: generate files of the charts, check, measure and sweep them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from charts import branches, check, crds, dashboards, docs, images, measure, schema, values
from lib.errors import exits_cleanly
from lib.paths import ROOT

GENERATORS: dict[str, Callable[[], dict[Path, str]]] = {
    "crds": crds.generated,
    "dashboards": dashboards.generated,
    "values": values.generated,
    "schema": schema.generated,
    "docs": docs.generated,
    "images": images.generated,
}


def _write(files: dict[Path, str]) -> None:
    for path, text in files.items():
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            print(f"wrote {path.relative_to(ROOT)}")


@exits_cleanly
def main() -> None:
    """Generate files of the charts, check everything about them, or measure them."""
    parser = argparse.ArgumentParser(prog="charts", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("crds", help="templates of ray-crds, from the operator's Go module")
    commands.add_parser("dashboards", help="dashboards of ray-monitoring, from the pinned Ray")
    commands.add_parser("values", help="what the charts of a cluster share, from ray-common")
    commands.add_parser("schema", help="values.schema.json of each chart, from its values.yaml")
    commands.add_parser("docs", help="README.md of each chart, from its values.yaml")
    commands.add_parser("images", help="table of docs/images.md, from what the charts pull")
    commands.add_parser(
        "check", help="drift, lint, unit tests, and every rendering against the API's schemas"
    )
    commands.add_parser("measure", help="time to render each chart, and size of its release")
    swept = commands.add_parser(
        "sweep",
        help="random values: each is refused in words, or makes objects that nobody refuses",
    )
    swept.add_argument("--number", type=int, default=2000, help="renders over all charts")
    swept.add_argument("--seed", type=int, help="of the values; drawn and printed without")
    swept.add_argument("--chart", help="this one only")
    missed = commands.add_parser(
        "branches",
        help="`if`s that no test would miss, by a fixed answer for each: minutes a chart",
    )
    missed.add_argument("charts", nargs="*", help="these only")
    arguments = parser.parse_args()
    if arguments.command == "check":
        check.main()
    elif arguments.command == "measure":
        measure.main()
    elif arguments.command == "branches":
        branches.main(arguments.charts)
    elif arguments.command == "sweep":
        from charts import sweep  # hypothesis is for the checks only

        sweep.main(arguments.number, arguments.seed, arguments.chart)
    else:
        _write(GENERATORS[arguments.command]())


main()
