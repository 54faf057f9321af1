"""Two processes in one gloo group, as torchrun would start them."""

from __future__ import annotations

import socket
import subprocess
import sys

_BEFORE = """
import os, sys
import torch
import torch.distributed as dist

rank, port = int(sys.argv[1]), sys.argv[2]
torch.set_num_threads(1)
dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
"""

_AFTER = """
# Neither takes the group from the other while that still needs it.
dist.barrier()
sys.stdout.flush()
# As rayworks.common.isolated ends: gloo's threads may still want Python's lock, and one that asks
# an interpreter for it that is going aborts the process.
os._exit(0)
"""


def run(script: str, *args: object) -> list[str]:
    """What both print who run the script: `rank` and `dist` are at hand, args from argv[3] on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", _BEFORE + script + _AFTER]
            + [str(argument) for argument in (rank, port, *args)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    printed = [rank.communicate(timeout=100)[0] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0]
    return printed
