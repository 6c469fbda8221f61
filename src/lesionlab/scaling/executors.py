"""Executor: where the tasks of a long work are run, on this machine or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

from lesionlab.core.errors import InputError
from lesionlab.scaling.clusters import RayExecutor, connect_to_ray
from lesionlab.scaling.workers import Workers, map_tasks

Task = TypeVar("Task")
Result = TypeVar("Result")


class Executor(Protocol):
    """Where tasks are run."""

    def map(
        self, function: Callable[[Task], Result], tasks: Iterable[Task], *,
        keep: Callable[[Result], Any] | None = None, bundle: int = 1,
    ) -> Iterator[Any]:
        """Yield `keep(function(task))` for each task, in order and in bounded memory.

        Args:
            function: can be pickled; it is called wherever there is a processor.
            tasks: any number of them, drawn as they are needed.
            keep: what is done with a result where the disk of the caller is; by default nothing.
            bundle: how many tasks together are worth the way to another machine.

        Raises:
            ExecutorError: the workers were lost too often, or are of another version.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class LocalExecutor:
    """The processors of this machine."""

    num_workers: int | None = None
    """By default one a processor."""
    workers: Workers = "processes"

    def map(
        self, function: Callable[[Task], Result], tasks: Iterable[Task], *,
        keep: Callable[[Result], Any] | None = None, bundle: int = 1,
    ) -> Iterator[Any]:
        """As `Executor` says; workers keep their results themselves, so none is handed over."""
        del bundle  # nothing travels
        work = function if keep is None else partial(_run_and_keep, function, keep)
        yield from map_tasks(work, tasks, num_workers=self.num_workers, workers=self.workers)


def check_executor(name: str, address: str | None) -> None:
    """Raise InputError where there is no such executor, or the address is not one of its."""
    if name not in ("local", "ray"):
        raise InputError(f"--executor {name}: choose local or ray")
    if name == "local" and address is not None:
        raise InputError(f"--address {address} is that of a Ray cluster; add --executor ray")


@contextmanager
def open_executor(
    name: str, *, address: str | None = None, num_workers: int | None = None
) -> Iterator[Executor | None]:
    """Yield what `--executor NAME --address A` asks for; None leaves the choice to the work.

    Raises:
        InputError: there is no such executor, or a setting does not belong to it.
        MissingExtraError: Ray is not installed.
        ExecutorError: no cluster answers at `address`.
    """
    check_executor(name, address)
    if name == "local":
        yield LocalExecutor(num_workers=num_workers) if num_workers else None
        return
    with connect_to_ray(address, num_workers):
        yield RayExecutor()


def _run_and_keep(
    function: Callable[[Task], Result], keep: Callable[[Result], Any], task: Task
) -> Any:
    return keep(function(task))
