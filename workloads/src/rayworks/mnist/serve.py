"""The endpoint: a Ray Serve application that answers with what a training left.

`POST /mnist` with a PNG or JPEG, or JSON, `{"image": <base64>}` or `{"data": <28 x 28 values>}`,
0 for black and 255 for white, is answered `{"prediction": 7, "confidence": 0.98, "probabilities":
<ten numbers>}`, or with 400 and `{"error": <why>}`, or with 503 when too many wait. `GET /mnist`
says which checkpoint answers.

The network computes in a thread and so never holds up the event loop: it may be Serve's own, from
which a hop to another one costs a fifth of the throughput
(RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD=0).
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import ray
from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse

from rayworks.classifier.checkpoint import Trained, load
from rayworks.common.storage import Store
from rayworks.mnist.inputs import BadInputError, Pixels, pixels_of, read

#: Images that the network sees at once, at most: those that came in while it was busy.
BATCH = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """`user_config`: what to answer with. A change is taken over by replicas as they run."""

    run_name: str
    """The training's run: its folder under the storage path."""
    checkpoint: str | None = None
    """The state's file in the run's folder, as `GET` names it; None: the newest."""
    storage_path: str | None = None
    """None: the variable STORAGE_PATH, which the charts set."""

    def store(self) -> Store:
        """The run's folder."""
        root = self.storage_path or os.environ.get("STORAGE_PATH", "results")
        return Store(f"{root.rstrip('/')}/{self.run_name}", read_only=True)


@serve.deployment(
    num_replicas=2,
    # While a batch is computed, the next one gathers.
    max_ongoing_requests=2 * BATCH,
    # As many again wait for each replica; who comes then is told so (503) instead of waiting.
    max_queued_requests=4 * BATCH,
    ray_actor_options={"num_cpus": 0.5},
    user_config=asdict(Source(run_name="mnist")),
)
class Digits:
    """One replica; on a GPU when it has a share of one."""

    trained: Trained

    async def reconfigure(self, config: dict[str, Any]) -> None:
        """Take over `user_config`, at the start and later; what runs meanwhile goes on.

        Raises:
            UserError: there is nothing that can be loaded. A starting replica never becomes ready
                then. Serve puts a new one in the place of a running one, which does not become
                ready either; the others go on with what they have, since Serve changes them one
                after another.
        """
        gpus = ray.get_runtime_context().get_accelerator_ids()["GPU"]
        source, device = Source(**config), "cuda" if gpus else "cpu"
        self.trained = await asyncio.to_thread(
            lambda: load(source.store(), source.checkpoint, device)
        )

    async def check_health(self) -> None:
        """Answer for a blank image; Serve replaces a replica that cannot.

        Raises:
            RuntimeError: the answer is no numbers.
        """
        blank = np.zeros((1, 28, 28), np.float32)
        if not np.isfinite(await asyncio.to_thread(self.trained.probabilities, blank)).all():
            raise RuntimeError("the network does not answer with numbers")

    async def __call__(self, request: Request) -> JSONResponse:
        """One request."""
        if request.method in {"GET", "HEAD"}:
            trained = self.trained
            about = {"checkpoint": trained.checkpoint, "device": trained.device}
            return JSONResponse(about | trained.last)
        if request.method != "POST":
            return JSONResponse({"error": "POST an image"}, 405, {"Allow": "GET, HEAD, POST"})
        try:
            body = await read(request.stream())
            if body[:1] == b"{" and b'"image"' not in body:
                image = pixels_of(body)
            else:  # a small file can take long to unpack
                image = await asyncio.to_thread(pixels_of, body)
        except BadInputError as error:
            return JSONResponse({"error": str(error)}, 400)
        probabilities = await self._answer(image)
        prediction = int(probabilities.argmax())
        return JSONResponse(
            {
                "prediction": prediction,
                "confidence": float(probabilities[prediction]),
                "probabilities": probabilities.tolist(),
            }
        )

    # No wait for a batch to fill: it would cost latency when idle, and when busy it fills anyway.
    @serve.batch(max_batch_size=BATCH, batch_wait_timeout_s=0)
    async def _answer(self, images: list[Pixels]) -> list[Pixels]:
        return list(await asyncio.to_thread(self.trained.probabilities, np.stack(images)))


app = Digits.bind()  # type: ignore[attr-defined]
