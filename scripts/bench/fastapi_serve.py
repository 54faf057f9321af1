"""The peer of Serve: FastAPI and uvicorn, which serve the same network in one process.

It reads requests and answers them with the workload's own functions, so that what differs is who
brings the requests. One process, as uvicorn starts, at its fastest: the handler computes in the
event loop, torch has one thread (two are no faster, and on busy cores up to 20 times slower, since
each waits for the other by spinning), and there is no access log.

`python -m bench.fastapi_serve FOLDER PORT` serves the run of FOLDER/mnist until it is killed.
"""

from __future__ import annotations

import sys

import torch
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from rayworks.classifier.checkpoint import load
from rayworks.common.storage import Store
from rayworks.mnist.inputs import BadInputError, pixels_of


def application(folder: str) -> FastAPI:
    """The application; FOLDER as given to the workload's --storage-path."""
    trained = load(Store(f"{folder}/mnist", read_only=True))
    app = FastAPI()

    @app.post("/mnist")
    async def classify(request: Request) -> JSONResponse:
        try:
            image = pixels_of(await request.body())
        except BadInputError as error:
            return JSONResponse({"error": str(error)}, 400)
        probabilities = trained.probabilities(image[None])[0]
        prediction = int(probabilities.argmax())
        return JSONResponse(
            {
                "prediction": prediction,
                "confidence": float(probabilities[prediction]),
                "probabilities": probabilities.tolist(),
            }
        )

    return app


if __name__ == "__main__":
    torch.set_num_threads(1)
    uvicorn.run(application(sys.argv[1]), port=int(sys.argv[2]), access_log=False)
