"""The Ray Serve application."""

from __future__ import annotations

import os
import time

from pydantic import BaseModel, NonNegativeFloat
from ray import serve
from ray.serve import Application


class Arguments(BaseModel):
    """What `args` of the application may say."""

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


def app(arguments: Arguments) -> Application:
    """The application, as Serve's configuration names it."""
    bound: Application = SleepyPid.bind(  # type: ignore[attr-defined]
        arguments.startup_seconds
    )
    return bound
