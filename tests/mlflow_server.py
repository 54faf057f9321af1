"""MLflow's real server, for tests."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from pathlib import Path

import pytest
from running import free_port


class Server:
    """MLflow's server on a port of this machine, with its database in a folder."""

    def __init__(self, python: Path, folder: Path) -> None:
        self._python, self._folder = python, folder
        self._process: subprocess.Popen[bytes] | None = None
        self._port = free_port()
        self.uri = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
        # As in the chart: it has nobody's jobs to run, and would leave a folder for them behind.
        clean |= {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._python, "-m", "mlflow", "server", "--workers", "1",
                    "--host", "127.0.0.1", "--port", str(self._port),
                    "--backend-store-uri", f"sqlite:///{self._folder}/mlflow.db",
                    "--artifacts-destination", str(self._folder / "artifacts"),
                ],
                env=clean, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            time.sleep(0.1)
        pytest.fail((self._folder / "server.log").read_text())

    def kill(self) -> None:
        """End it at once, with its workers: it leads their process group."""
        if self._process is not None:
            os.killpg(self._process.pid, 9)
            self._process.wait()
            self._process = None
