"""Mapping a function over tasks in parallel, in order and in bounded memory."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from threading import Thread
from typing import Literal, TypeVar

import joblib
from joblib.externals.loky import ProcessPoolExecutor as ProcessPool
from threadpoolctl import threadpool_limits
from tqdm import tqdm

Task = TypeVar("Task")
Result = TypeVar("Result")


def available_cpus() -> int:
    """How many processors this process may use."""
    return joblib.cpu_count()


def map_tasks(
    function: Callable[[Task], Result], tasks: Sequence[Task], *, num_workers: int | None = None,
    workers: Literal["processes", "threads"] = "processes",
) -> Iterator[Result]:
    """Yield `function(task)` for each task, in order.

    At most two tasks a worker are begun or done and not yet asked for, so memory does not grow
    with their number, however slow the caller is.

    Args:
        function: for processes, one of a module; its arguments and results are pickled.
        tasks: any number of tasks.
        num_workers: by default one a processor, and never more than tasks.
        workers: `threads` where the work is done outside Python's lock, as in onnxruntime.
    """
    count = min(num_workers or available_cpus(), len(tasks))
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
    pool: Executor, function: Callable[[Task], Result], tasks: Sequence[Task], width: int
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


def progress(total: int, label: str, unit: str = "images") -> tqdm:
    """A progress bar on stderr that appears after two seconds, on a terminal or in a notebook."""
    is_hidden = not (sys.stderr.isatty() or _is_notebook())
    return tqdm(total=total, desc=label, unit=f" {unit}", delay=2, disable=is_hidden, leave=False)


def _is_notebook() -> bool:
    """Whether this process is the kernel of a notebook, not one that merely has the libraries."""
    ipython = sys.modules.get("IPython")
    return hasattr(ipython and ipython.get_ipython(), "kernel")
