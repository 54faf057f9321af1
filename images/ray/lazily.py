"""Has Ray load what it imports everywhere and seldom uses when it is used. Run by the Dockerfile.

`import ray` imports requests and jsonschema, for a TPU's metadata and for the schemas of plugins:
a quarter of its 0.7 s of a core, in each of the 25 processes that a cluster of three pods and a
training are made of. Ray's own files are changed, and say so, and not Python's import: that would
be another one for everybody's code.
"""

from __future__ import annotations

import py_compile
import re
import sys
import sysconfig
from pathlib import Path

#: The module that Ray's files import from instead.
LAZILY = '''\
"""Modules that are loaded when something of them is used. Added by Rayworks (images/ray)."""

import importlib


class _Lazily:
    def __init__(self, name):
        self._name = name

    def __getattr__(self, attribute):
        return getattr(importlib.import_module(self._name), attribute)


requests = _Lazily("requests")
jsonschema = _Lazily("jsonschema")
'''

#: An import of the whole module, also in the `try:` with which a package asks whether it is there.
IMPORT = re.compile(r"^((?: {4})?)import (requests|jsonschema)(?:  #.*)?$", re.MULTILINE)
INSTEAD = r"\1from ray._lazily import \2  # noqa: F401 - changed by Rayworks: loaded when used"

#: Files that each process of Ray's imports: an image whose Ray has others would be slow again.
ALWAYS = (
    "_common/usage/usage_lib.py", "_private/accelerators/tpu.py",
    "_private/runtime_env/plugin_schema_manager.py", "_private/state.py",
)  # fmt: skip


def main() -> None:
    """Change Ray's files, and compile them."""
    ray = Path(sysconfig.get_path("purelib"), "ray")
    lazily = ray / "_lazily.py"
    lazily.write_text(LAZILY)
    changed = {lazily}
    for path in ray.rglob("*.py"):
        text, number = IMPORT.subn(INSTEAD, path.read_text())
        if number:
            path.write_text(text)
            changed.add(path)
    if missing := [name for name in ALWAYS if ray / name not in changed]:
        sys.exit(f"nothing to change in {', '.join(missing)}: see what Ray imports now")
    for path in sorted(changed):
        py_compile.compile(str(path), doraise=True)


if __name__ == "__main__":
    main()
