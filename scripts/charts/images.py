"""Which images the charts pull, and from where, for those who mirror them: docs/images.md."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from charts.places import APPLICATIONS, CHARTS, CLUSTERS, scenarios
from charts.proof import Prover
from lib.errors import UserError
from lib.paths import ROOT

PAGE = ROOT / "docs" / "images.md"

#: The part of the page that is generated, and what is around it.
TABLE = re.compile(r"(?<=<!-- images -->\n).*?(?=<!-- end -->)", re.DOTALL)


def defaults() -> dict[str, str]:
    """The reference of each of `global.ray.images` where no environment names another."""
    text = (CHARTS / "ray-common" / "templates" / "_global.tpl").read_text()
    found = re.search(r'define "ray\.globalDefaults" -}}\n(.*?)\{\{- end', text, re.DOTALL)
    if not found:
        raise UserError("ray-common has no ray.globalDefaults")
    images = yaml.safe_load(found[1])["images"]
    named = {key: one for key, one in images.items() if isinstance(one, dict)}
    return {key: _reference(**one) for key, one in named.items()}


def _reference(repository: str, tag: str) -> str:
    """A reference with its registry: what has no dot in its first part is Docker Hub's."""
    host = repository.partition("/")[0]
    place = repository if "." in host else f"docker.io/{repository}"
    if place.count("/") == 1:
        place = place.replace("/", "/library/")
    return f"{place}:{tag}"


def used() -> dict[str, list[str]]:
    """The charts that pull each image, in some scenario of theirs.

    Raises:
        UserError: a scenario does not render.
    """
    marked = {key: {"repository": "marked", "tag": key, "digest": ""} for key in defaults()}
    over = json.dumps({"global": {"ray": {"images": {"registry": "", **marked}}}})
    found: dict[str, list[str]] = {key: [] for key in marked}
    with Prover() as prover:
        for chart in APPLICATIONS:
            pulled: set[str] = set()
            for path in scenarios(chart).values():
                proof = prover.prove(chart, [path.read_text(), over])
                if proof.error:
                    raise UserError(f"{chart}, scenario {path.stem}: {proof.error}")
                pulled.update(re.findall(r"\bmarked:(\w+)", proof.manifest))
            for key in sorted(pulled):
                found[key].append(chart)
    # These share all that they can pull, and not all that their scenarios do.
    return {
        key: [one for one in APPLICATIONS if one in charts or (one in CLUSTERS and shared)]
        for key, charts in found.items()
        for shared in [not set(CLUSTERS).isdisjoint(charts)]
    }


def generated() -> dict[Path, str]:
    """The page, with its table as it should be."""
    by = used()
    lines = ["| image | `global.ray.images` | charts |", "|---|---|---|"]
    lines += [
        f"| `{image}` | `{key}` | {', '.join(by[key])} |" for key, image in defaults().items()
    ]
    table = "\n".join(lines) + "\n"
    return {PAGE: TABLE.sub(lambda _: table, PAGE.read_text())}
