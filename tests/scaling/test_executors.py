"""An executor is asked for by name; what does not fit is said."""

import os
import sys
from pathlib import Path

import pytest

from lesionlab.core.errors import ExecutorError, InputError, MissingExtraError
from lesionlab.scaling.executors import LocalExecutor, open_executor


def square(number: int) -> int:
    return number * number


def describe(number: int) -> str:
    return f"{number} of {os.getpid()}"


@pytest.mark.parametrize("workers", ["threads", "processes"])
@pytest.mark.parametrize("bundle", [1, 6])
def test_results_come_in_order(workers, bundle: int) -> None:
    executor = LocalExecutor(num_workers=2, workers=workers)
    assert list(executor.map(square, iter(range(20)), bundle=bundle)) == [
        number**2 for number in range(20)]


def test_a_process_keeps_its_results_itself() -> None:
    kept = LocalExecutor(num_workers=2).map(square, range(8), keep=describe)
    numbers, workers = zip(*(text.split(" of ") for text in kept), strict=True)
    assert [*map(int, numbers)] == [number**2 for number in range(8)]
    assert str(os.getpid()) not in workers


def read_problem(kind: type[Exception], *args: object, **settings: object) -> str:
    with pytest.raises(kind) as error, open_executor(*args, **settings):  # type: ignore[arg-type]
        pass
    assert type(error.value) is kind
    return str(error.value)


def test_what_is_local_is_left_to_the_work_unless_workers_are_counted() -> None:
    with open_executor("local") as executor:
        assert executor is None
    with open_executor("local", num_workers=3) as executor:
        assert executor == LocalExecutor(num_workers=3)


def test_an_unknown_executor_is_refused() -> None:
    assert read_problem(InputError, "dask") == "--executor dask: choose local or ray"


def test_an_address_without_ray_is_refused() -> None:
    assert read_problem(InputError, "local", address="10.0.0.1:6379") == (
        "--address 10.0.0.1:6379 is that of a Ray cluster; add --executor ray")


def test_a_cluster_that_is_there_counts_its_own_workers() -> None:
    pytest.importorskip("ray")
    assert read_problem(InputError, "ray", address="10.0.0.1:6379", num_workers=4) == (
        "--workers 4 is for a cluster that is started here; the one at 10.0.0.1:6379 says itself "
        "how many it has: leave --workers out")


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert read_problem(MissingExtraError, "ray") == (
        "the executor 'ray' needs the extra 'ray' (import of ray halted; None in sys.modules); "
        "pip install 'lesionlab[ray]'")


@pytest.mark.slow
@pytest.mark.enable_socket
def test_an_address_where_no_cluster_is_says_so(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    told = read_problem(ExecutorError, "ray", address="127.0.0.1:1")
    assert told.startswith("--address 127.0.0.1:1: no Ray cluster can be used there (")
    assert told.endswith("); start one with: ray start --head")
