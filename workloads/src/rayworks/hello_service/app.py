"""A Ray Serve application that greets, and says which replica does."""

from __future__ import annotations

from typing import Any

from ray import serve
from starlette.requests import Request

#: The longest name that is greeted, in characters.
LONGEST = 100


@serve.deployment
class Hello:
    """One replica."""

    greeting = "Hello"

    def reconfigure(self, config: dict[str, Any]) -> None:
        """Take over `user_config`, {"greeting": …}; Serve does not restart a replica for it."""
        self.greeting = str(config["greeting"])

    async def __call__(self, request: Request) -> dict[str, str]:
        """`GET /?name=Ada` → {"message": "Hello, Ada", "replica": …}."""
        name = request.query_params.get("name", "Ray")[:LONGEST]
        replica = serve.get_replica_context().replica_id.unique_id
        return {"message": f"{self.greeting}, {name}", "replica": replica}


app = Hello.bind()  # type: ignore[attr-defined]
