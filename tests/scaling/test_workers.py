"""Tasks run side by side, their results come in order, and few wait at a time."""

import threading
import time

import pytest

from lesionlab.core.errors import DecodeError
from lesionlab.scaling.workers import available_cpus, map_tasks


def square(number: int) -> int:
    return number * number


def refuse(number: int) -> int:
    if number == 3:
        raise DecodeError("truncated", "the third is broken")
    return number


@pytest.mark.parametrize("workers", ["threads", "processes"])
@pytest.mark.parametrize("num_workers", [1, 2])
def test_results_come_in_order(workers, num_workers: int) -> None:
    results = map_tasks(square, range(20), num_workers=num_workers, workers=workers)
    assert list(results) == [number**2 for number in range(20)]


@pytest.mark.parametrize("workers", ["threads", "processes"])
def test_an_error_keeps_its_reason(workers) -> None:
    with pytest.raises(DecodeError, match="the third is broken") as error:
        list(map_tasks(refuse, range(8), num_workers=2, workers=workers))
    assert error.value.reason == "truncated"


def test_slower_tasks_do_not_change_the_order() -> None:
    def wait(number: int) -> int:
        time.sleep(0.02 if number % 2 == 0 else 0)
        return number

    assert list(map_tasks(wait, range(8), num_workers=4, workers="threads")) == list(range(8))


def test_a_slow_caller_does_not_pile_up_results() -> None:
    begun, lock = [], threading.Lock()

    def note(number: int) -> int:
        with lock:
            begun.append(number)
        return number

    results = map_tasks(note, range(100), num_workers=2, workers="threads")
    next(results)
    time.sleep(0.1)
    assert len(begun) <= 4
    results.close()  # type: ignore[attr-defined]
    assert len(begun) <= 4


def test_no_task_gives_no_result() -> None:
    assert list(map_tasks(square, [])) == []


def test_tasks_are_drawn_as_they_are_needed() -> None:
    left = iter(range(100))
    results = map_tasks(square, (number for number in left), num_workers=2, workers="threads")
    assert next(results) == 0
    assert next(left) <= 5
    results.close()  # type: ignore[attr-defined]


def test_there_is_a_processor() -> None:
    assert available_cpus() >= 1
