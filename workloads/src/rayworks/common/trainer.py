"""Ray Train without actors that a run has no use for, or attempts that are in vain.

Each actor is a Python process: it takes seconds of a core to start, just when the workers import
torch, and then wakes a hundred times a second. Where they share the workers' cores and a step takes
milliseconds, each costs 1 to 2 % of the throughput (2 workers on 2 cores, 4 ms a step). So the
controller, too, runs in the driver.
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Any
from unittest.mock import PropertyMock, patch

from ray.runtime_context import RuntimeContext
from ray.train.v2._internal.callbacks.datasets import DatasetsCallback
from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback
from ray.train.v2._internal.execution.callback import WorkerGroupCallback
from ray.train.v2._internal.execution.controller import TrainController
from ray.train.v2._internal.execution.failure_handling import (
    DefaultFailurePolicy,
    FailureDecision,
)
from ray.train.v2._internal.execution.scaling_policy.fixed import FixedScalingPolicy
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

from rayworks.common.cluster import on_a_cluster
from rayworks.common.errors import told
from rayworks.common.storage import Store


class Trainer(DataParallelTrainer):
    """DataParallelTrainer that starts no more actors than it needs.

    Not TorchTrainer: it would have the driver and the controller import torch, one after the
    other, before the first worker starts; only the workers need it.
    """

    def _create_default_callbacks(self) -> list[Any]:
        # What the driver has reserved is freed when it ends, however it does.
        useless: list[type] = [PlacementGroupCleanerCallback]
        if not self.datasets:
            useless.append(DatasetsCallback)
        callbacks = super()._create_default_callbacks()
        return [callback for callback in callbacks if not isinstance(callback, tuple(useless))]

    def _initialize_and_run_controller(self, **settings: Any) -> Any:
        failure_config: Any = self.run_config.failure_config
        settings["failure_policy"] = Policy(failure_config)
        policy = settings["scaling_policy"]
        if not on_a_cluster() and type(policy) is FixedScalingPolicy:
            settings["scaling_policy"] = _Settled(policy.scaling_config)
        # The controller is no actor that the workers could call; nothing that they do needs to.
        no_actor = patch.object(RuntimeContext, "current_actor", PropertyMock(return_value=None))
        logger = logging.getLogger("ray.train")
        level = logger.level
        # Not asyncio.run, which would hold Ctrl-C back while Ray is waited for.
        loop = asyncio.new_event_loop()
        pace = _Pace()
        settings["callbacks"].append(pace)
        try:
            with no_actor:
                controller = pace.controller = TrainController(**settings)
                place = Store(str(self.run_config.storage_path), read_only=True)
                write_in_one_step(controller._checkpoint_manager, place)
                logger.setLevel(level)  # it has set its own
                loop.run_until_complete(controller.run())  # type: ignore[no-untyped-call]
            return controller.get_result()
        finally:
            loop.close()


def write_in_one_step(manager: Any, place: Store) -> None:
    """Have the list of checkpoints whole at all times; Ray empties the file, and then writes it.

    A driver that is killed in between would leave a run that can never be gone on with.

    Args:
        manager: a controller's, of its checkpoints.
        place: the storage path of its run.
    """
    *_, run, file = manager._storage_context.checkpoint_manager_snapshot_path.split("/")

    def write() -> None:
        place.write(f"{run}/{file}", manager._save_state().encode())

    manager._write_state_to_storage = write


class _Pace(WorkerGroupCallback):
    """Looks after workers less often the longer they have reported nothing, down to once a second.

    Each look takes some 3 ms of processor time of the driver and the workers. A worker's next
    report waits until a look has taken in its last one, so those that report faster are looked
    after more often.
    """

    controller: TrainController

    def __init__(self) -> None:
        self._reported = False

    def after_worker_group_poll_status(self, worker_group_status: Any) -> None:
        """Called after each look."""
        statuses = worker_group_status.worker_statuses.values()
        reported = any(status.training_report for status in statuses)
        often = float(os.environ["RAY_TRAIN_HEALTH_CHECK_INTERVAL_S"])
        now = self.controller._health_check_interval_s
        if not reported:
            now = min(max(often, 1.0), now * 1.2)
        elif self._reported:  # at each look: the workers may be waiting
            now = max(often / 8, min(often, now) / 2)
        else:
            now = min(often, now)
        self._reported = reported
        self.controller._health_check_interval_s = now


class _Settled(FixedScalingPolicy):
    """Tells no autoscaler what the run needs: there is none."""

    def after_controller_start(self, train_run_context: Any) -> None:
        pass

    def _maybe_send_resource_request(self) -> None:
        pass


class Policy(DefaultFailurePolicy):
    """Replaces lost workers; what a user has to mend would only fail again."""

    def make_decision(self, training_failed_error: Any) -> FailureDecision:
        """What becomes of the training after an error."""
        failures = getattr(training_failed_error, "worker_failures", {})
        if any(told(error) for error in failures.values()):
            return FailureDecision.RAISE
        return super().make_decision(training_failed_error)
