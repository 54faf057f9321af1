"""Run a command, and say what it said when it fails."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from lib.errors import UserError


def run(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    input_text: str | None = None,
    timeout: float | None = None,
    check: bool = True,
    hint: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and capture what it prints.

    Args:
        command: program and arguments; no shell.
        env: added to this process's environment.
        cwd: working directory.
        input_text: standard input; empty when None.
        timeout: seconds after which the command is killed.
        check: raise when the exit code is not 0.
        hint: the way out to print with the error.

    Raises:
        UserError: the program is missing, ran out of time, or (with check) failed;
            the message holds the command and the last lines that it printed.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            input=input_text if input_text is not None else "",
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as error:
        raise UserError(f"{words[0]} is not installed", hint or "make tools") from error
    except subprocess.TimeoutExpired as error:
        raise UserError(f"no answer within {timeout:.0f} s: {shlex.join(words)}", hint) from error
    if check and done.returncode != 0:
        raise failure(words, done.returncode, done.stderr.strip() or done.stdout.strip(), hint)
    return done


def failure(words: Sequence[str], code: int, said: str, hint: str | None = None) -> UserError:
    """What to say of a command that failed: it, and the last lines that it printed."""
    last = said.splitlines()[-15:]
    return UserError(f"exit code {code} from: {shlex.join(words)}\n  " + "\n  ".join(last), hint)
