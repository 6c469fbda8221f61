"""RayExecutor: tasks on the nodes of a Ray cluster, and the connection to it."""

from __future__ import annotations

import logging
import os
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from platform import node
from typing import Any, TypeVar

import lesionlab
from lesionlab.core.errors import ExecutorError, InputError, MissingExtraError
from lesionlab.scaling.workers import available_cpus

Task = TypeVar("Task")
Result = TypeVar("Result")

CONNECT_S = 10.0
"""How long the cluster has to accept a connection."""

MOST_RETRIES = 3
"""How often a task is begun again elsewhere after its worker or node was lost."""


@dataclass(frozen=True, kw_only=True)
class RayExecutor:
    """The processors of the Ray cluster that this process is connected to.

    Tasks of Ray rather than Ray Data: these draw their input as they go, keep its order, and
    their workers stay; Ray Data wants all of its input in the object store before it begins.
    """

    def map(
        self, function: Callable[[Task], Result], tasks: Iterable[Task], *,
        keep: Callable[[Result], Any] | None = None, bundle: int = 1,
    ) -> Iterator[Any]:
        """As `Executor` says; what a lost worker or node had begun is begun again elsewhere."""
        import ray

        run = ray.remote(num_cpus=1, max_retries=MOST_RETRIES)(_run_bundle)
        shared = ray.put(function)  # travels once a node, not once a task
        pending: deque[Any] = deque()
        try:
            for part in _split(tasks, bundle):
                pending.append(run.remote([shared], lesionlab.__version__, part))
                if len(pending) >= 2 * ray.cluster_resources().get("CPU", 1):
                    yield from map(keep or _hand_on, _receive(pending.popleft()))
            while pending:
                yield from map(keep or _hand_on, _receive(pending.popleft()))
        finally:
            for reference in pending:
                ray.cancel(reference)


@contextmanager
def connect_to_ray(address: str | None = None, num_workers: int | None = None) -> Iterator[None]:
    """Use the cluster at `address`, else the one in use here, else one of this machine alone.

    What is begun here is ended here.

    Raises:
        InputError: workers are counted of a cluster that is not started here.
        MissingExtraError: Ray is not installed.
        ExecutorError: no cluster answers at `address`.
    """
    # Ray asks for consent on a terminal and then reports to its makers; nothing here does that.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else a warning of Ray's
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError(f"the executor 'ray' needs the extra 'ray' ({error}); "
                                "pip install 'lesionlab[ray]'") from error
    if address is not None and num_workers is not None:
        raise InputError(f"--workers {num_workers} is for a cluster that is started here; the one "
                         f"at {address} says itself how many it has: leave --workers out")
    if address is None and ray.is_initialized():
        yield
        return
    alone = {} if address else {"num_cpus": num_workers or available_cpus(),
                                "include_dashboard": False}
    try:
        _knock(address)
        ray.init(address=address or "local", log_to_driver=False, logging_level=logging.ERROR,
                 **alone)
    except (OSError, RuntimeError, ValueError) as error:
        raise ExecutorError(f"--address {address}: no Ray cluster can be used there ({error}); "
                            "start one with: ray start --head") from error
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str | None) -> None:
    """Raise OSError where nobody listens at `host:port`, for which Ray would wait minutes."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=CONNECT_S).close()


def _hand_on(result: Result) -> Result:
    return result


def _split(tasks: Iterable[Task], size: int) -> Iterator[list[Task]]:
    """The tasks in lists of `size`, drawn as they are needed."""
    drawn = iter(tasks)
    while part := list(islice(drawn, size)):
        yield part


def _run_bundle(shared: list[Any], version: str, tasks: list[Any]) -> list[Any]:
    """The results of some tasks, in a worker of Ray.

    Args:
        shared: holds the reference to the function; in a list, Ray leaves it a reference.
        version: of lesionlab, where the tasks were made.
        tasks: what the function is called with.
    """
    if version != lesionlab.__version__:
        raise ExecutorError(f"the Ray node {node()} has lesionlab {lesionlab.__version__}, this "
                            f"machine {version}; install the same on all, or results differ")
    return list(map(_load_function(shared[0]), tasks))


@lru_cache(maxsize=1)
def _load_function(reference: Any) -> Callable[[Any], Any]:
    """What was shared, once a worker, so that it can keep what is costly to open."""
    import ray

    return ray.get(reference)


def _receive(reference: Any) -> list[Any]:
    """The results of a bundle, its error raised as the function raised it."""
    import ray
    from ray.exceptions import RayError, RayTaskError

    try:
        return ray.get(reference)
    except RayTaskError as error:
        raise error.cause from error
    except RayError as error:
        raise ExecutorError(f"a task was lost {MOST_RETRIES + 1} times with its worker "
                            f"({type(error).__name__}: {str(error).splitlines()[0]}); look into "
                            "Ray's logs, then run the same command to go on") from error
