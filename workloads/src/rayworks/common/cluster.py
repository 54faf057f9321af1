"""The way to Ray: connect or start, see whether the workers fit, hear what they say."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Sequence

import ray
from ray._private.accelerators import NvidiaGPUAcceleratorManager
from ray._private.utils import get_num_cpus
from ray.exceptions import RayError
from ray.experimental import internal_kv
from ray.util.placement_group import placement_group, remove_placement_group

from rayworks.common.errors import UserError
from rayworks.common.progress import Emit, Event

#: What a task of Ray Data needs.
DATA_TASK = {"CPU": 1.0}

#: What a run can do with less of, that asks for more than there is.
WAY_OUT = "fewer --num-workers or --cpus-per-worker"

#: glibc's malloc keeps what is freed, in one arena.
KEEP_MEMORY = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(4 * 2**30),
    "MALLOC_TRIM_THRESHOLD_": str(32 * 2**30),
}


@contextlib.contextmanager
def connected(*, verbose: bool, beside: int = 0) -> Iterator[None]:
    """A connection to the cluster of RAY_ADDRESS, or to a Ray of our own on this machine.

    Args:
        verbose: print what Ray and the workers log.
        beside: how many CPUs a Ray of our own counts more than there are, for tasks that take
            little time beside workers on all cores, as a DataLoader's processes do.

    Raises:
        UserError: the cluster cannot be reached.
    """
    # Ray Train looks after its workers this often, and takes in reports as it does.
    os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.2")
    # How long its controller waits for room before it looks up: see `patience`.
    os.environ.setdefault("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", "10")
    own = not on_a_cluster()
    if own:
        # An actor that sees when a node is about to be taken away, which then counts as no failure.
        os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")
    # A Ray of our own gives its workers a niceness of 15, which costs a training loop with steps of
    # 4 ms some 2 % (2 workers on 2 cores); without Ray it would have none either.
    os.environ.setdefault("RAY_worker_niceness", "0")
    if own:
        # Not given back to the kernel with each large tensor, only to be asked for, page by page,
        # in the next step.
        for name, value in KEEP_MEMORY.items():
            os.environ.setdefault(name, value)
    if own and not verbose:
        # Statistics of each process for a dashboard that we do not start.
        os.environ.setdefault("REPORTER_UPDATE_INTERVAL_MS", "3600000")
    try:
        ray.init(
            # Without an address Ray joins whatever was last started here, be it gone.
            address="local" if own else None,
            num_cpus=cores() + beside if own else None,
            log_to_driver=verbose,
            logging_level=logging.INFO if verbose else logging.ERROR,
            include_dashboard=None if verbose else False,
        )
    except (ConnectionError, RayError, RuntimeError, ValueError) as error:
        address = os.environ.get("RAY_ADDRESS", "this machine")
        raise UserError(
            f"no Ray at {address}: {error}",
            "unset RAY_ADDRESS to run on this machine alone, or set RAY_AUTH_MODE=token if that "
            "Ray asks for its token",
        ) from error
    if own and not verbose:
        # It watches the files of all workers for lines that nobody wants to see.
        ray._private.worker._global_node.kill_log_monitor(check_alive=False)  # type: ignore[attr-defined]
    for library in ("ray.train", "ray.data"):
        logging.getLogger(library).setLevel(logging.INFO if verbose else logging.ERROR)
    # Ray prints what workers and raylets say, some of it when it ends; stdout is for the events.
    with contextlib.redirect_stdout(sys.stderr):
        try:
            yield
        finally:
            ray.shutdown()


def cores() -> int:
    """CPUs of this machine, or of a container's share of it, as Ray counts them."""
    return int(get_num_cpus())


def gpus() -> int:
    """GPUs of this machine, those that CUDA_VISIBLE_DEVICES hides left out, as Ray counts them."""
    visible = NvidiaGPUAcceleratorManager.get_current_process_visible_accelerator_ids()
    there: int = NvidiaGPUAcceleratorManager.get_current_node_num_accelerators()
    return there if visible is None else min(there, len(visible))


def on_a_cluster() -> bool:
    """Whether Ray is one that outlives the run, and not our own on this machine."""
    return "RAY_ADDRESS" in os.environ


def check_placeable(
    workers: int,
    resources: dict[str, float],
    seconds: float,
    emit: Emit,
    *,
    way_out: str = WAY_OUT,
    beside: Sequence[dict[str, float]] = (),
) -> None:
    """Reserve the workers' resources for a moment, to see that they can be had.

    The scheduler itself answers, so that fragmentation, other jobs and an autoscaler that brings
    nodes count as they will for the workers.

    Args:
        workers: number of workers.
        resources: what each needs, such as {"CPU": 1}.
        seconds: how long a cluster gets to find them; a Ray of our own cannot grow, and gets none.
        emit: is told once when it has to wait.
        way_out: the options that ask for less.
        beside: what must fit beside the workers.

    Raises:
        UserError: the time is over.
    """
    wanted = in_words(workers, resources, beside)
    bundles = [dict(bundle) for bundle in [*[resources] * workers, *beside]]
    group = placement_group(bundles, strategy="PACK")
    try:
        if group.wait(2.0):
            return
        if on_a_cluster():
            emit({"event": "waiting", "for": wanted})
            if group.wait(seconds):
                return
    finally:
        remove_placement_group(group)
    raise too_few(wanted, resources, way_out)


def in_words(
    workers: int, resources: dict[str, float], beside: Sequence[dict[str, float]] = ()
) -> str:
    """What is asked for, as `check_placeable` calls it."""
    wanted = f"{workers} workers with {_text(resources)} each"
    return wanted + "".join(f" and {_text(more)} beside them" for more in beside)


def too_few(wanted: str, resources: dict[str, float], way_out: str = WAY_OUT) -> UserError:
    """The error that says what is asked for and what there is now.

    Args:
        wanted: in words.
        resources: those that are told of.
        way_out: the options that ask for less.
    """
    total = ray.cluster_resources()  # type: ignore[no-untyped-call]
    have = ", ".join(f"{total.get(name, 0):g} {name}" for name in resources)
    free = ray.available_resources()  # type: ignore[no-untyped-call]
    left = ", ".join(f"{free.get(name, 0):g} {name}" for name in resources)
    return UserError(
        f"{wanted} do not fit: the cluster has {have} ({left} free)",
        f"{way_out}, a larger cluster, or a longer --placement-timeout when it is about to grow",
    )


def _text(resources: dict[str, float]) -> str:
    return ", ".join(f"{amount:g} {name}" for name, amount in resources.items())


@contextlib.contextmanager
def heard(emit: Emit) -> Iterator[str]:
    """Emit here, in the driver, what workers tell; yields the name under which they do.

    An event that cannot be emitted keeps none of those after it from being so; what came in its
    way is raised at the end.

    What was told lies in the head's key-value store until then. Not in a `ray.util.Queue`, whose
    actor takes 1.3 % of a core while nothing passes.
    """
    name = f"rayworks:{uuid.uuid4().hex}:"
    over = threading.Event()
    failures: list[Exception] = []

    def hear(event: Event) -> None:
        try:
            emit(event)
        except Exception as error:
            failures.append(error)

    def listen() -> None:
        last = False
        while not last:
            last = over.wait(0.5)
            # A head that does not answer takes the progress with it, not the run.
            with contextlib.suppress(RayError):
                for key in sorted(internal_kv._internal_kv_list(name)):
                    hear(json.loads(internal_kv._internal_kv_get(key)))
                    internal_kv._internal_kv_del(key)

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        yield name
    finally:
        over.set()
        listener.join(timeout=5)
    if failures:
        raise failures[0]


def tell(name: str, event: Event) -> None:
    """Have the driver emit an event.

    Args:
        name: what heard yields.
        event: all JSON.
    """
    with contextlib.suppress(RayError):
        internal_kv._internal_kv_put(f"{name}{time.time_ns():020}", json.dumps(event))
