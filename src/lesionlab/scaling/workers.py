"""Mapping a function over tasks in threads or processes, in order and in bounded memory."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from operator import length_hint
from threading import Thread
from typing import Literal, TypeVar

import joblib
from joblib.externals.loky import ProcessPoolExecutor as ProcessPool
from threadpoolctl import threadpool_limits

Task = TypeVar("Task")
Result = TypeVar("Result")
Workers = Literal["processes", "threads"]


def available_cpus() -> int:
    """How many processors this process may use."""
    return joblib.cpu_count()


def map_tasks(
    function: Callable[[Task], Result], tasks: Iterable[Task], *, num_workers: int | None = None,
    workers: Workers = "processes",
) -> Iterator[Result]:
    """Yield `function(task)` for each task, in order.

    At most two tasks a worker are begun or done and not yet asked for, so memory does not grow
    with their number, however slow the caller is.

    Args:
        function: for processes, one of a module; its arguments and results are pickled.
        tasks: any number of tasks, drawn as they are needed.
        num_workers: by default one a processor, and never more than tasks.
        workers: `threads` where the work is done outside Python's lock, as in onnxruntime.
    """
    wanted = num_workers or available_cpus()
    count = min(wanted, length_hint(tasks, wanted))
    if count <= 1:
        yield from map(function, tasks)
        return
    pool: Executor = (ThreadPoolExecutor(count) if workers == "threads"
                      else ProcessPool(count, initializer=_start_worker, initargs=(os.getpid(),)))
    with pool:
        yield from _run_window(pool, function, tasks, 2 * count)


def _start_worker(parent: int) -> None:
    """Keep libraries from starting threads that only slow the rest, and end with the parent."""
    threadpool_limits(1)
    Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: int) -> None:
    """End this worker once its parent was killed, which no queue would tell it."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)


def _run_window(
    pool: Executor, function: Callable[[Task], Result], tasks: Iterable[Task], width: int
) -> Iterator[Result]:
    """Yield results in order with at most `width` tasks submitted and not yet yielded."""
    pending: deque[Future[Result]] = deque()
    try:
        for task in tasks:
            pending.append(pool.submit(function, task))
            if len(pending) == width:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()
