"""The Ray Serve application."""

from __future__ import annotations

import os
import time
from typing import Any

from pydantic import BaseModel, ConfigDict, NonNegativeFloat
from ray import serve
from ray.serve import Application


class Arguments(BaseModel):
    """What `args` of the application may say."""

    model_config = ConfigDict(extra="forbid")

    startup_seconds: NonNegativeFloat = 0.0
    """How long a replica sleeps before it is ready, as one that loads a model would."""


@serve.deployment
class SleepyPid:
    """One replica."""

    def __init__(self, startup_seconds: float) -> None:
        time.sleep(startup_seconds)

    async def __call__(self) -> int:
        """Its process id: the same for as long as the replica lives."""
        return os.getpid()


def app(arguments: dict[str, Any]) -> Application:
    """The application, as Serve's configuration names it.

    Raises:
        ValidationError: the arguments are not those of Arguments. Serve would check them itself if
            this module's annotations were no strings.
    """
    seconds = Arguments(**arguments).startup_seconds
    bound: Application = SleepyPid.bind(seconds)  # type: ignore[attr-defined]
    return bound
