"""What the command does: tasks that run anywhere, and an actor that keeps what they found."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import ray

from rayworks.common import cluster, report
from rayworks.common.progress import reporter
from rayworks.common.storage import Store

if TYPE_CHECKING:
    from rayworks.hello.config import Config


@ray.remote(num_cpus=1)
def square(number: int) -> tuple[int, str]:
    """A task: the number's square, and the node that it ran on."""
    return number**2, ray.get_runtime_context().get_node_id()


@ray.remote(num_cpus=0)
class Tally:
    """An actor: one process that keeps a state between calls."""

    def __init__(self) -> None:
        self.total = 0
        self.nodes: Counter[str] = Counter()

    def add(self, found: tuple[int, str]) -> None:
        """Count in what a task found; Ray hands over its value when it is there."""
        self.total += found[0]
        self.nodes[found[1]] += 1

    def state(self) -> tuple[int, dict[str, int]]:
        """The sum of the squares, and the tasks of each node."""
        return self.total, dict(self.nodes)


def run(config: Config, started: float) -> dict[str, Any]:
    """Run the tasks, and return what result.json holds.

    Args:
        config: the run.
        started: Unix time at which the command began.

    Raises:
        UserError: nothing can be written there, or there is no Ray, or no room for a task.
    """
    moments = {"started": started}
    store = Store(config.folder)
    with reporter() as screen, cluster.connected(verbose=config.verbose):
        moments["connected"] = time.time()
        report.configured(config, store, screen.emit)
        resources = ray.cluster_resources()  # type: ignore[no-untyped-call]
        screen.emit({"event": "cluster", "resources": resources})
        cluster.check_placeable(
            1, {"CPU": 1.0}, config.placement_timeout, screen.emit, way_out="a node with a free CPU"
        )
        tally = Tally.remote()  # type: ignore[attr-defined]
        ray.get([tally.add.remote(square.remote(number)) for number in range(config.tasks)])
        total, nodes = ray.get(tally.state.remote())
        result = {
            **report.summary(config, moments, tasks=config.tasks, total=total),
            "tasks_by_node": nodes,
            "resources": resources,
        }
        store.write_json("result.json", result)
        path = store.path("result.json")
        screen.emit({"event": "result", "tasks": config.tasks, "total": total, "path": path})
    return result
