"""The command `rayworks sleepy-pid`."""

from __future__ import annotations

import click

from rayworks.common.errors import UserError

NAME = "sleepy-pid"


@click.group(NAME)
def sleepy_pid() -> None:
    """A service that answers its process id; this is its client."""


@sleepy_pid.command(context_settings={"show_default": True})
@click.argument("url")
@click.option("--seconds", default=60.0, help="How long requests are sent.")
@click.option("--interval", default=0.1, help="Seconds between two requests.")
@click.option("--timeout", default=10.0, help="Seconds after which a request has failed.")
@click.option("--smoke-test", is_flag=True, help="Five seconds, to see that all works.")
def watch(url: str, seconds: float, interval: float, timeout: float, smoke_test: bool) -> None:
    """Send constant requests to URL, and report failures, replicas and recovery times.

    Kill a replica, a worker, a proxy or the head meanwhile. The last line is the report as JSON:
    failed requests and their errors, process ids that answered, the longest time without an
    answer, outages with their recovery times, and how long lost replicas took to be replaced.

    \b
    On a laptop:  serve run rayworks.sleepy_pid.app:app --route-prefix /sleepy-pid/serve
                  rayworks sleepy-pid watch http://127.0.0.1:8000/sleepy-pid/serve
    """
    options = {"--seconds": seconds, "--interval": interval, "--timeout": timeout}
    for option, value in options.items():
        if not 0 < value < float("inf"):
            raise UserError(f"{option} {value} must be a positive number", f"{option} 10")
    if not url.startswith(("http://", "https://")):
        raise UserError(f"{url} is no URL", "http://127.0.0.1:8000/sleepy-pid/serve")
    import asyncio
    import json

    from rayworks.common.progress import reporter
    from rayworks.sleepy_pid.watch import watch as watched

    with reporter() as screen:
        length = 5.0 if smoke_test else seconds
        report = asyncio.run(watched(url, length, interval, timeout, screen.emit))
    click.echo(json.dumps({"event": "report", "url": url, **report}))
