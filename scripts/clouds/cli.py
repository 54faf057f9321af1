"""Programs of others, found on PATH: the one place where a cloud is reached.

Whatever stands for a cloud in a test puts programs of these names on PATH.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.stages import Report
from lib.errors import UserError
from lib.shell import failure, run

#: Seconds for a question to a cloud's API.
ANSWER = 120

#: What `az`, `aws`, `kubelogin`, their SDKs and kubectl say when a login is no longer good.
EXPIRED = re.compile(
    r"AADSTS(?:50173|70043|700082|50078|50132|700084)|[Rr]efresh token (?:has |is )?expired"
    r"|ExpiredToken|RequestExpired|security token included in the request is (?:expired|invalid)"
    r"|[Tt]oken has expired|SSO session .* (?:has )?expired|Unable to locate credentials"
    r"|[Pp]lease run '?az login|You must be logged in to the server|InvalidClientTokenId"
    r"|getting credentials: exec: executable \S+ failed"
)


@dataclass(frozen=True, slots=True)
class Cli:
    """A program that answers in text or in JSON.

    Args:
        program: name on PATH, or a path.
        install: how to get it.
        login: how to log in, where it wants that.
        env: added to this process's environment.
        cwd: working directory.
    """

    program: str
    install: str
    login: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None

    def there(self) -> bool:
        """Whether it is on PATH."""
        return shutil.which(self.program, path=self.env.get("PATH")) is not None

    def tried(
        self, *words: str, input_text: str | None = None, timeout: float = ANSWER
    ) -> subprocess.CompletedProcess[str]:
        """Run it, whatever its exit code.

        Raises:
            UserError: it is not there, gives no answer in time, or wants a new login.
        """
        command = [self.program, *words]
        done = run(
            command, env=self.env, cwd=self.cwd, input_text=input_text, timeout=timeout,
            check=False, hint=self.install,
        )  # fmt: skip
        if done.returncode != 0 and self.login and EXPIRED.search(done.stderr):
            raise self.expired(done.stderr)
        return done

    def text(self, *words: str, input_text: str | None = None, timeout: float = ANSWER) -> str:
        """What it prints.

        Raises:
            UserError: as `tried`, or it fails.
        """
        done = self.tried(*words, input_text=input_text, timeout=timeout)
        if done.returncode != 0:
            said = done.stderr.strip() or done.stdout.strip()
            raise failure([self.program, *words], done.returncode, said)
        return done.stdout

    def json(self, *words: str, timeout: float = ANSWER) -> Any:
        """What it prints, as JSON; None when it prints nothing."""
        text = self.text(*words, timeout=timeout)
        return json.loads(text) if text.strip() else None

    def expired(self, said: str) -> UserError:
        """What to say of a login that is no longer good."""
        last = said.strip().splitlines()[-1]
        return UserError(
            f"{Path(self.program).name} is not logged in, or no longer: {last}",
            f"{self.login}; the same command then goes on from here",
        )

    def follow(
        self, report: Report, *words: str, env: Mapping[str, str] | None = None
    ) -> list[str]:
        """Run something long, reporting each line that it prints; all of them in the end.

        It runs in a process group of its own, so that Ctrl-C reaches it once: Terraform takes a
        second one as the order to drop everything and lose its state.

        Raises:
            UserError: it is not there, or fails.
            KeyboardInterrupt: after it has ended.
        """
        command = [self.program, *words]
        everything = {**os.environ, **self.env, **(env or {})}
        try:
            process = subprocess.Popen(
                command, env=everything, cwd=self.cwd, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                start_new_session=True,
            )  # fmt: skip
        except FileNotFoundError as error:
            raise UserError(f"{self.program} is not installed", self.install) from error
        lines: list[str] = []
        interrupted = False
        with process:
            while True:
                try:
                    _collect(process, lines, report)
                    break
                except KeyboardInterrupt:
                    interrupted = True
                    process.send_signal(signal.SIGINT)
                    report(f"stopping: {Path(self.program).name} ends what it has begun")
        if interrupted:
            raise KeyboardInterrupt
        if process.returncode != 0:
            said = "\n".join(lines)
            if self.login and EXPIRED.search(said):
                raise self.expired(said)
            raise failure(command, process.returncode, said)
        return lines


def _collect(process: subprocess.Popen[str], lines: list[str], report: Report) -> None:
    assert process.stdout is not None  # noqa: S101 - PIPE was asked for
    for line in process.stdout:
        lines.append(line.rstrip())
        if line.strip():
            report(line.strip())
    process.wait()


def version(text: str) -> tuple[int, ...]:
    """The first version number in a text: (1, 11, 4).

    Raises:
        ValueError: there is none.
    """
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    if not found:
        raise ValueError(f"no version in {text!r}")
    return tuple(int(part) for part in found.groups() if part is not None)


def needs(cli: Cli, least: tuple[int, ...], *words: str) -> tuple[str, str | None]:
    """A program's version in words, and what is wrong with it.

    Args:
        cli: the program.
        least: the oldest version that will do.
        words: what makes it print its version.
    """
    name = Path(cli.program).name
    if not cli.there():
        return name, f"{name} is not installed: {cli.install}"
    done = cli.tried(*words)
    try:
        found = version(done.stdout or done.stderr)
    except ValueError:
        return name, f"{shlex.join([name, *words])} says no version: {done.stderr.strip()[:200]}"
    shown = f"{name} {'.'.join(map(str, found))}"
    if found < least:
        wanted = ".".join(map(str, least))
        return shown, f"{shown} is too old: {wanted} or later is needed: {cli.install}"
    return shown, None
