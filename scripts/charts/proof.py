"""What a chart renders, and what an API server and the operator would refuse of it.

The program chart-proof does both in one process that stays: 25 ms a rendering, where
`helm template` alone takes 150.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from charts.places import CHARTS, FOREIGN_KINDS, namespace
from lib.errors import UserError
from lib.paths import tool


@dataclass(frozen=True, slots=True)
class Proof:
    """What became of a chart with some values.

    Attributes:
        manifest: what `helm template` would print; empty with an error.
        made: what the operator makes of its custom resources, such as pods.
        error: why it does not render.
        faults: what would be refused of what it renders, as `Kind/name: message`.
    """

    manifest: str
    made: str
    error: str
    faults: tuple[str, ...]


class Prover:
    """chart-proof, kept running; for one thread."""

    def __enter__(self) -> Self:
        """Start it.

        Raises:
            UserError: it is not built.
        """
        try:
            self._process = subprocess.Popen(
                [tool("chart-proof"), "-crds", CHARTS / "ray-crds" / "templates", "serve"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        except FileNotFoundError as error:
            raise UserError("chart-proof is not built", "make tools") from error
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._process.communicate()

    def prove(
        self,
        chart: str,
        values: Iterable[str],
        *,
        release: str = "demo",
        place: str = "",
        kube_version: str = "",
        charts: Path | None = None,
    ) -> Proof:
        """Render a chart with the texts of values files, and validate what it renders.

        Args:
            chart: its name.
            values: texts of values files, merged in this order.
            release: name of the release.
            place: its namespace; empty for the chart's usual one.
            kube_version: as with `helm template --kube-version`.
            charts: folder of the charts, in place of this checkout's.

        Raises:
            UserError: chart-proof ended.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin  # noqa: S101 - for the types: both are pipes
        assert stdout  # noqa: S101
        request = {
            "chart": str((charts or CHARTS) / chart),
            "release": release,
            "namespace": place or namespace(chart),
            "values": list(values),
            "kubeVersion": kube_version,
            "podSecurity": "restricted",
            "foreign": FOREIGN_KINDS,
        }
        stdin.write(json.dumps(request) + "\n")
        stdin.flush()
        line = stdout.readline()
        if not line:
            raise UserError(f"chart-proof ended with {self._process.wait()} at {chart}")
        reply = json.loads(line)
        return Proof(reply["manifest"], reply["made"], reply["error"], tuple(reply["faults"] or ()))
