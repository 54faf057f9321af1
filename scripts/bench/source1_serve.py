"""The Serve deployment of the AKS lab (source 1), as it stands there.

Its faults are kept: weights are random, since no path is given to it; what comes from outside is
answered with 500 when it is wrong; JSON goes through PIL and torchvision one image at a time, and
the network, which blocks the event loop, too; five requests at most are with a replica. Serve has
the defaults of the present Ray: its proxy in Python, user code on a thread of its own.

What differs: both replicas are on this machine, the port is given, and Ray's processes have no
niceness, as none of the other contenders' have.

`python -m bench.source1_serve PORT` serves until it is killed.
"""

from __future__ import annotations

import base64
import io
import os
import signal
import sys
from typing import Any

import numpy as np
import ray
import torch
from PIL import Image
from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse
from torch import nn
from torch.nn import functional
from torchvision import transforms  # type: ignore[import-untyped]


class SimpleCNN(nn.Module):
    """The sample's model."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, 1)
        self.conv2 = nn.Conv2d(32, 64, 3, 1)
        self.dropout1 = nn.Dropout(0.25)
        self.dropout2 = nn.Dropout(0.5)
        self.fc1 = nn.Linear(9216, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logarithms of probabilities."""
        x = functional.relu(self.conv1(x))
        x = functional.relu(self.conv2(x))
        x = self.dropout1(functional.max_pool2d(x, 2))
        x = functional.relu(self.fc1(torch.flatten(x, 1)))
        return functional.log_softmax(self.fc2(self.dropout2(x)), dim=1)


@serve.deployment(num_replicas=2, ray_actor_options={"num_cpus": 1, "num_gpus": 0})
class MNISTClassifier:
    """The sample's deployment."""

    def __init__(self, model_path: str | None = None) -> None:
        self.model = SimpleCNN()
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        if model_path:
            self.model.load_state_dict(torch.load(model_path, map_location=self.device))
        self.model.to(self.device)
        self.model.eval()
        self.transform = transforms.Compose(
            [
                transforms.Grayscale(),
                transforms.Resize((28, 28)),
                transforms.ToTensor(),
                transforms.Normalize((0.1307,), (0.3081,)),
            ]
        )

    async def __call__(self, request: Request) -> JSONResponse:
        """The sample's answer to a request."""
        try:
            if request.headers.get("content-type", "").startswith("image/"):
                image: Any = Image.open(io.BytesIO(await request.body()))
            else:
                json_input = await request.json()
                if "image" in json_input:
                    image = Image.open(io.BytesIO(base64.b64decode(json_input["image"])))
                elif "data" in json_input:
                    data = np.array(json_input["data"]).reshape(28, 28)
                    image = Image.fromarray((data * 255).astype(np.uint8))
                else:
                    return JSONResponse({"error": "Invalid input format"}, status_code=400)
            input_tensor = self.transform(image).unsqueeze(0).to(self.device)
            with torch.no_grad():
                output = self.model(input_tensor)
                probabilities = functional.softmax(output, dim=1)
                predicted_class = int(torch.argmax(probabilities, dim=1).item())
                confidence = probabilities[0][predicted_class].item()
            return JSONResponse(
                {
                    "prediction": predicted_class,
                    "confidence": float(confidence),
                    "probabilities": probabilities[0].tolist(),
                }
            )
        except Exception as e:
            return JSONResponse({"error": str(e)}, status_code=500)


def main(port: int) -> None:
    """Serve at /mnist, on a Ray of its own."""
    os.environ.setdefault("RAY_worker_niceness", "0")
    # Ray counts a CPU for each replica, as the sample asks for; the machine shares.
    ray.init("local", num_cpus=2, include_dashboard=False)
    serve.start(http_options={"port": port})
    serve.run(MNISTClassifier.bind(), route_prefix="/mnist")  # type: ignore[attr-defined]
    signal.pause()


if __name__ == "__main__":
    # By its full name: Ray's workers import this module.
    from bench import source1_serve

    source1_serve.main(int(sys.argv[1]))
