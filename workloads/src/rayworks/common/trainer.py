"""Ray Train without the helper actors that a run has no use for.

Each is a Python process: it takes seconds of a core to start, just when the workers import torch,
and then wakes a hundred times a second. Where they share the workers' cores and a step takes
milliseconds, each costs 1 to 2 % of the throughput (2 workers on 2 cores, 4 ms a step).
"""

from __future__ import annotations

from typing import Any

from ray.train.v2._internal.callbacks.datasets import DatasetsCallback
from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback
from ray.train.v2._internal.execution.scaling_policy.fixed import FixedScalingPolicy
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

from rayworks.common.cluster import on_a_cluster


class Trainer(DataParallelTrainer):
    """DataParallelTrainer that starts no more actors than it needs.

    Not TorchTrainer: it would have the driver and the controller import torch, one after the
    other, before the first worker starts; only the workers need it.
    """

    def _create_default_callbacks(self) -> list[Any]:
        useless: list[type] = []
        if not self.datasets:
            useless.append(DatasetsCallback)
        if not on_a_cluster():
            # On a Ray of our own, which ends with us, nothing is left to be freed.
            useless.append(PlacementGroupCleanerCallback)
        callbacks = super()._create_default_callbacks()
        return [callback for callback in callbacks if not isinstance(callback, tuple(useless))]

    def _initialize_and_run_controller(self, **settings: Any) -> Any:
        policy = settings["scaling_policy"]
        if not on_a_cluster() and type(policy) is FixedScalingPolicy:
            settings["scaling_policy"] = _Settled(policy.scaling_config)
        return super()._initialize_and_run_controller(**settings)


class _Settled(FixedScalingPolicy):
    """Tells no autoscaler what the run needs: there is none."""

    def after_controller_start(self, train_run_context: Any) -> None:
        pass

    def _maybe_send_resource_request(self) -> None:
        pass
