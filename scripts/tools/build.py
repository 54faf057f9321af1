"""Building tools into the cache, one entry a tool: whole, or not there.

An entry is `<version>-<hash>/` with bin/, share/ and files.json, which says what belongs to it and
how large it is. It is made in a folder beside and renamed into place, under the entry's lock.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from lib.errors import UserError
from lib.paths import CACHE, TOOLS_BIN
from lib.shell import failure, run
from tools import debian, preflight, venv
from tools.catalogue import Tool
from tools.files import link, locked, remove
from tools.progress import Progress

_MANIFEST = "files.json"


def ready(tool: Tool) -> bool:
    """Whether the cache holds the tool whole: every file, in its size."""
    try:
        files: dict[str, int] = json.loads((tool.entry / _MANIFEST).read_text())
        return all((tool.entry / name).stat().st_size == size for name, size in files.items())
    except (OSError, ValueError):
        return False


def provide(
    tools: list[Tool],
    groups: set[str],
    environments: list[str],
    progress: Progress,
    *,
    quiet: bool = False,
) -> None:
    """Make what is not in the cache, and link all of it into the checkout.

    The Debian packages of `groups` and the virtual environments are fetched while Go compiles
    the tools: one waits for the network, the other for the processor. For the same reason two tools
    are built at a time: one downloads its modules, or is linked, which takes a single core, while
    the other compiles. `quiet` leaves out the lines of what is there already.

    Raises:
        UserError: the machine lacks something (before any work), or a step failed.
    """
    wanted = [tool for tool in tools if not ready(tool)]
    preflight.check(wanted, groups)
    go = _Go()

    def provide_tool(tool: Tool) -> None:
        title = f"{tool.name} {tool.version.split('-')[0]}"
        if tool in wanted:
            with progress.task(title):
                _build(tool, go)
        elif not quiet:
            progress.done(title, "cached")
        for name in tool.binaries:
            link(TOOLS_BIN / name, tool.entry / "bin" / name)

    with (
        _sources() if wanted else nullcontext(),
        ThreadPoolExecutor(max_workers=1) as background,
        ThreadPoolExecutor(max_workers=2) as lanes,
    ):
        work = [background.submit(_fetch, groups, environments, progress, quiet)]
        work += [lanes.submit(provide_tool, tool) for tool in tools]
        try:
            for done in as_completed(work):
                done.result()
        except BaseException:
            lanes.shutdown(wait=False, cancel_futures=True)
            go.stop()
            raise


def made(tool: Tool) -> Path:
    """A tool's folder in the cache, made if it is not there; nothing is linked into the checkout.

    Raises:
        UserError: the machine lacks something, or the build failed.
    """
    if not ready(tool):
        preflight.check([tool], set())
        with _sources():
            _build(tool, _Go())
    return tool.entry


@contextmanager
def _sources() -> Iterator[None]:
    """Keep Go's downloads and compiled packages while tools are built, and drop them at the end.

    They are 16 GB, of no use once the tools are there. After a failure they stay, so that the
    next try goes on from there, and so they do while another checkout builds.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / ".go.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove(CACHE / "go")


def _fetch(groups: set[str], environments: list[str], progress: Progress, quiet: bool) -> None:
    if names := debian.missing(groups):
        with progress.task(f"{len(names)} Debian packages"):
            debian.install(names)
    for name in environments:
        venv.make(name, progress, quiet=quiet)


def go_environment(temporary: Path) -> dict[str, str]:
    """What Go is told by its environment: our caches, this very toolchain, static programs."""
    return {
        "GOMODCACHE": str(CACHE / "go/mod"),
        "GOCACHE": str(CACHE / "go/build"),
        "GOTMPDIR": str(temporary),
        "GOFLAGS": "-buildvcs=false -mod=readonly",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "CGO_ENABLED": "0",
    }


class _Go:
    """Runs Go in several threads until it is stopped: Ctrl-C reaches the main thread alone."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._running: set[subprocess.Popen[str]] = set()

    def install(self, arguments: list[str], cwd: Path, env: dict[str, str]) -> None:
        """`go install`.

        Raises:
            UserError: it failed.
            KeyboardInterrupt: it was stopped.
        """
        words = ["go", "install", *arguments]
        with subprocess.Popen(
            words, cwd=cwd, env={**os.environ, **env}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        ) as process:  # fmt: skip
            self._running.add(process)
            said, _ = process.communicate()
            self._running.discard(process)
        # A terminal's Ctrl-C ends it too, perhaps before we hear of it.
        if process.returncode and self._stopped.wait(1):
            raise KeyboardInterrupt
        if process.returncode:
            raise failure(words, process.returncode, said.strip())

    def stop(self) -> None:
        """End what runs."""
        self._stopped.set()
        for process in self._running.copy():
            process.terminate()


def _build(tool: Tool, go: _Go) -> None:
    entry = tool.entry
    with locked(entry):
        if ready(tool):  # another checkout has just built it
            return
        for leftover in [entry, *entry.parent.glob(f".{entry.name}.*.part")]:
            remove(leftover)
        staging = entry.with_name(f".{entry.name}.{os.getpid()}.part")
        temporary = staging / "tmp"
        temporary.mkdir(parents=True)
        try:
            environment = go_environment(temporary)
            # Nobody debugs them: without what a debugger reads they compile in 10 % less time.
            flags = ["-gcflags", "all=-dwarf=false", "-ldflags", tool.ldflags]
            if (script := tool.folder / "patched.sh").exists():
                run(["sh", script, temporary / "patched"], env=environment)
                flags += ["-modfile", str(temporary / "patched/go.mod")]
            go.install(
                [*flags, "-tags", ",".join(tool.tags), "tool"],
                tool.folder,
                {**environment, "GOBIN": str(staging / "bin")},
            )
            for theirs, ours in tool.renames.items():
                (staging / "bin" / theirs).rename(staging / "bin" / ours)
            if tool.share:
                _copy_share(tool, staging / "share", environment)
            remove(temporary)
            _write_manifest(tool, staging)
            staging.rename(entry)
        finally:
            remove(staging)


def _copy_share(tool: Tool, target: Path, environment: dict[str, str]) -> None:
    target.mkdir()
    said = run(
        ["go", "list", "-m", "-f", "{{.Dir}}", tool.module], cwd=tool.folder, env=environment
    )
    for pattern in tool.share:
        files = sorted(Path(said.stdout.strip()).glob(pattern))
        if not files:
            raise UserError(f"{tool.module} {tool.version} has no {pattern}")
        for file in files:
            shutil.copyfile(file, target / file.name)


def _write_manifest(tool: Tool, staging: Path) -> None:
    for name in tool.binaries:
        if not (staging / "bin" / name).is_file():
            raise UserError(f"building {tool.name} {tool.version} made no program {name}")
    files = {
        str(path.relative_to(staging)): path.stat().st_size
        for path in sorted(staging.rglob("*"))
        if path.is_file()
    }
    (staging / _MANIFEST).write_text(json.dumps(files, indent=2) + "\n")
