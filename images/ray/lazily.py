"""Has Ray and torch load what they seldom use when it is used. Run by the Dockerfile.

`import ray` imports requests and jsonschema, for a TPU's metadata and for the schemas of plugins:
a quarter of its 0.7 s of a core, in each of the 25 processes that a cluster of three pods and a
training are made of. The first optimizer of a process imports torch's compiler, 2.3 s of a core,
only to tell it what not to compile: a process that has compiled nothing has no use for that.
The files of Ray and torch are changed, and say so, and not Python's import: that would be another
one for everybody's code.
"""

from __future__ import annotations

import py_compile
import re
import sys
import sysconfig
from collections.abc import Iterable
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

#: In torch's files, what is replaced and by what. Code that is being compiled goes the old way.
TORCH = {
    # What must not be compiled, each method of an optimizer among it
    "_compile.py": {
        """\
            disable_fn = getattr(fn, "__dynamo_disable", None)
            if disable_fn is None:
                import torch._dynamo
""": """\
            disable_fn = getattr(fn, "__dynamo_disable", None)
            if disable_fn is None:
                import sys

                import torch

                # Changed by Rayworks: no compiler is there that could compile it
                if not torch.compiler.is_compiling() and "torch._dynamo" not in sys.modules:
                    return fn(*args, **kwargs)
                import torch._dynamo
""",
    },
    "optim/optimizer.py": {
        """\
    def _use_grad(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        import torch._dynamo

""": """\
    def _use_grad(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        # Changed by Rayworks: a graph is broken where there is one
""",
        """\
            torch._dynamo.graph_break()
            ret = func(*args, **kwargs)
        finally:
            torch._dynamo.graph_break()
""": """\
            if torch.compiler.is_compiling():
                torch._dynamo.graph_break()
            ret = func(*args, **kwargs)
        finally:
            if torch.compiler.is_compiling():
                torch._dynamo.graph_break()
""",
    },
    "nn/parallel/distributed.py": {
        """\
        self._use_python_reducer = (
            torch._dynamo.utils.get_optimize_ddp_mode() == "python_reducer"
        )
""": """\
        # Changed by Rayworks: the compiler's setting has no other value where it is not loaded
        self._use_python_reducer = (
            "torch._dynamo" in sys.modules
            and torch._dynamo.utils.get_optimize_ddp_mode() == "python_reducer"
        )
""",
    },
}


def main() -> None:
    """Change the files, and compile them."""
    packages = Path(sysconfig.get_path("purelib"))
    for path in sorted({*change_ray(packages / "ray"), *change_torch(packages / "torch")}):
        py_compile.compile(str(path), doraise=True)


def change_ray(ray: Path) -> Iterable[Path]:
    """Put the lazy modules in the place of the imports; the files changed."""
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
    return changed


def change_torch(torch: Path) -> Iterable[Path]:
    """Leave the compiler out where nothing is compiled; the files changed."""
    for name, replaced in TORCH.items():
        path = torch / name
        text = path.read_text()
        for old, new in replaced.items():
            if text.count(old) != 1:
                sys.exit(f"torch's {name} is another one: see where it loads torch._dynamo now")
            text = text.replace(old, new)
        path.write_text(text)
        yield path


if __name__ == "__main__":
    main()
