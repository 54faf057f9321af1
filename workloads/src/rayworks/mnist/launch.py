"""The endpoint on this machine, or on the cluster of RAY_ADDRESS, until it is interrupted."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
from pathlib import Path
from types import FrameType
from typing import Any, Never

from rayworks.classifier.checkpoint import newest
from rayworks.common import cluster
from rayworks.common.errors import UserError
from rayworks.common.progress import reporter
from rayworks.common.storage import Store

NAME = "mnist"
HOST = "127.0.0.1"


def launch(
    *,
    storage_path: str,
    run_name: str,
    num_replicas: int,
    gpu_share: float,
    placement_timeout: float,
    port: int,
    verbose: bool,
) -> None:
    """Serve the newest checkpoint of a run at /mnist.

    Args:
        storage_path: folder or URI under which the run has its folder.
        run_name: the training's.
        num_replicas: how many answer.
        gpu_share: how much of a GPU each has; 0 for none.
        placement_timeout: seconds that a cluster gets to find room for them.
        port: where on this machine.
        verbose: print what Ray logs.

    Raises:
        UserError: there is no checkpoint, it cannot be loaded, the replicas do not fit, or the
            port is taken.
    """
    if "://" not in storage_path:  # replicas have a working directory of their own
        storage_path = str(Path(storage_path).expanduser().resolve())
    newest(Store(f"{storage_path.rstrip('/')}/{run_name}", read_only=True))
    if not cluster.on_a_cluster():
        _refuse_taken(port)
        # As the values of mnist-service have it on a cluster.
        os.environ.setdefault("RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD", "0")
    resources = {"CPU": 0.5, **({"GPU": gpu_share} if gpu_share else {})}
    with (
        contextlib.suppress(KeyboardInterrupt),
        reporter() as screen,
        cluster.connected(verbose=verbose),
    ):
        from ray import serve

        from rayworks.mnist.serve import Digits

        if not verbose:
            logging.getLogger("ray.serve").setLevel(logging.ERROR)
        # Serve would wait for ever.
        cluster.check_placeable(
            num_replicas,
            resources,
            placement_timeout,
            screen.emit,
            way_out="fewer --num-replicas, or a smaller --gpu-share",
        )
        options: dict[str, Any] = {
            "num_replicas": num_replicas,
            "ray_actor_options": {"num_cpus": resources["CPU"], "num_gpus": gpu_share},
            "user_config": {"run_name": run_name, "storage_path": storage_path},
        }
        try:
            serve.start(http_options={"host": HOST, "port": port})
            application = Digits.options(**options).bind()  # type: ignore[attr-defined]
            serve.run(application, name=NAME, route_prefix=f"/{NAME}")
            screen.emit({"event": "ready", "url": f"http://{HOST}:{port}/{NAME}"})
            signal.signal(signal.SIGTERM, _interrupt)
            signal.pause()
        except RuntimeError as error:
            status = serve.status().applications.get(NAME)
            said = [one.message for one in status.deployments.values()] if status else []
            reason = _reason([str(error), *said])
            raise UserError(reason, "--verbose shows what Ray logs") from error
        finally:
            serve.delete(NAME)
            if not cluster.on_a_cluster():
                serve.shutdown()  # type: ignore[no-untyped-call]


def _interrupt(number: int, frame: FrameType | None) -> Never:
    raise KeyboardInterrupt


def _refuse_taken(port: int) -> None:
    try:
        with socket.create_server((HOST, port)):
            pass
    except (OSError, OverflowError) as error:
        raise UserError(f"--port {port} cannot be used: {error}", "another --port") from error


def _reason(said: list[str]) -> str:
    """A replica's own words, out of the tracebacks that Serve passes on; else all of it."""
    lines = [line.strip() for text in said for line in text.splitlines()]
    own = [line.partition("UserError: ")[2] for line in lines if "UserError: " in line]
    return own[-1] if own else "\n".join(lines)
