"""The table of versions that the README shows."""

from __future__ import annotations

from tools.catalogue import TOOLS
from versions.components import components


def table() -> str:
    """Components with their versions, what they work with, and where to change them."""
    lines = ["| component | version | works with | pinned in |", "|---|---|---|---|"]
    for one in components().values():
        needs = [f"{name} {specifier}" for name, specifier in one.needs.items()]
        together = ", ".join([*needs, *filter(None, [one.note])]).replace(",<", " <")
        lines.append(f"| {one.name} | {one.version} | {together} | `{one.place}` |")
    named = {one.pin.get("go") for one in components().values()}
    tools = [
        f"{tool.name} {tool.version.split('-')[0]}" for tool in TOOLS if tool.name not in named
    ]
    return "\n".join(lines) + f"\n\nTools, pinned in `scripts/tools`: {', '.join(tools)}.\n"
