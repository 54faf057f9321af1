"""Which machines, and how many of them, a language model and its data want by a deadline.

Two bounds, each in GPUs; the larger one counts.

memory   bytes a parameter x parameters x 1.2 for activations and fragments, over all GPUs of the
         job, which shard it (ZeRO-3, FSDP); each gives nine tenths of its memory.
         train: 16 (bf16 weights and gradients, fp32 weights and Adam's two moments: Rajbhandari et
         al. 2020, "ZeRO", section 3.1); adapt: 2 and little else (LoRA); infer: 2.
time     FLOPs a parameter and token x parameters x tokens (train: 6, adapt: 4, since the weights'
         own gradients are left out, infer: 2: Kaplan et al. 2020, section 2.1), over peak x share.
         The share is what such jobs get of a GPU's peak: 0.35 on one node, a tenth of it less for
         every doubling of nodes.

It is an estimate within a factor of two: measure a step on one machine before renting a hundred.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clouds import cost
from lib.errors import UserError

#: Peak of dense bf16 (T4 and V100: fp16) by NVIDIA's data sheets, TFLOP/s.
PEAK = {
    "T4": 65.0,
    "V100": 125.0,
    "A10": 125.0,
    "A10G": 70.0,
    "L4": 121.0,
    "L40S": 362.0,
    "A100": 312.0,
    "H100": 989.0,
    "H200": 989.0,
    "B200": 2250.0,
}

#: Bytes a parameter, and FLOPs a parameter and token.
TASKS = {"train": (16.0, 6.0), "adapt": (2.0, 4.0), "infer": (2.0, 2.0)}

OVERHEAD = 1.2
USABLE = 0.9
SHARE = 0.35
LOSS = 0.1

#: More machines than this are no choice but a project.
MOST = 512

_AMOUNT = re.compile(r"(\d+(?:\.\d+)?(?:e\d+)?)([kmbt]?)", re.IGNORECASE)
_UNITS = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}


@dataclass(frozen=True, slots=True)
class Choice:
    """Machines that will do.

    Args:
        size: as the cloud calls it.
        gpu: their GPUs.
        machines: how many of them.
        gpus: of all machines together.
        hours: how long the job takes on them.
        dollars: what that costs; None where the price is not known.
        bound: what decided: `memory` or `time`.
    """

    size: str
    gpu: str
    machines: int
    gpus: int
    hours: float
    dollars: float | None
    bound: str


def amount(text: str, variable: str) -> float:
    """A number with a unit: 7b, 124m, 1e9.

    Raises:
        UserError: it is none.
    """
    found = _AMOUNT.fullmatch(text.strip())
    if not found or float(found[1]) <= 0:
        raise UserError(
            f"{variable}={text} is no amount", "a number with k, m, b or t behind it: 7b, 300m, 1e9"
        )
    return float(found[1]) * _UNITS[found[2].lower()]


def memory(parameters: float, task: str) -> float:
    """Bytes of GPU memory that all GPUs of the job need together."""
    return TASKS[task][0] * parameters * OVERHEAD


def hours(parameters: float, tokens: float, task: str, machine: Mapping[str, Any], n: int) -> float:
    """How long the job takes on n machines."""
    share: float = SHARE * (1 - LOSS) ** math.log2(n)
    peak: float = PEAK[machine["gpu"]] * 1e12 * machine["gpus"] * n
    return TASKS[task][1] * parameters * tokens / (peak * share) / 3600


def choices(
    provider: str, parameters: float, tokens: float, deadline: float, task: str = "train"
) -> list[Choice]:
    """All sizes of a cloud that will do, the cheapest first; those without a price come last.

    Args:
        provider: `azure` or `aws`.
        parameters: of the model.
        tokens: that it sees, all epochs together.
        deadline: hours.
        task: key of TASKS.
    """
    found = []
    for size, machine in cost.sizes(provider).items():
        if not machine["gpus"] or machine.get("retired") or machine["gpu"] not in PEAK:
            continue
        usable = machine["gpu_memory_gib"] * 2**30 * USABLE * machine["gpus"]
        least = math.ceil(memory(parameters, task) / usable)
        n = least
        while n <= MOST and hours(parameters, tokens, task, machine, n) > deadline:
            n += 1
        if n > MOST:
            continue
        price = cost.listed(provider, size)
        lasts = hours(parameters, tokens, task, machine, n)
        found.append(
            Choice(
                size=size,
                gpu=machine["gpu"],
                machines=n,
                gpus=n * machine["gpus"],
                hours=lasts,
                dollars=None if price is None else price * n * lasts,
                bound="memory" if n == least else "time",
            )
        )
    return sorted(found, key=lambda one: (one.dollars is None, one.dollars or one.gpus))


def advice(choice: Choice, pools: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What to write into the tfvars file and the workload's values for a choice.

    Args:
        choice: the machines.
        pools: of the deployment, by name; empty where there is none.
    """
    fitting = [name for name, one in pools.items() if one.get("size") == choice.size]
    name = next(iter(fitting), "gpu")
    lines = []
    if not fitting or (pools[name].get("max") or 0) < choice.machines:
        pool = f'{{ size = "{choice.size}", max = {choice.machines} }}'
        lines.append(f"tfvars: gpu_pools = {{ {name} = {pool} }}")
    each = choice.gpus // choice.machines
    lines.append(
        f"values: workers: {{train: {{pool: {name}, size: large, replicas: {choice.machines}, "
        f"accelerators: {each}}}}}"
    )
    return lines
