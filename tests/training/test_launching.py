"""What a training on Ray says; that it learns the same is in tests/test_ray.py."""

import sys
from pathlib import Path

import pytest

from lesionlab.core.errors import InputError, LesionLabError, MissingExtraError, StoreError
from lesionlab.dataset.prepared import PreparedData
from lesionlab.recipes import find_recipe
from lesionlab.training.launching import _find_cause, train_on_ray

RECIPE = find_recipe("image_metadata_cnn")


def read_problem(kind: type[LesionLabError], *args: object, **settings: object) -> str:
    with pytest.raises(kind) as error:
        train_on_ray(*args, **settings)  # type: ignore[arg-type]
    return str(error.value)


class FailedError(Exception):
    """As Ray Train raises it."""

    def __init__(self, text: str, failures: dict[int, Exception]) -> None:
        super().__init__(text)
        self.worker_failures = failures


class WrappedError(Exception):
    """As Ray wraps what a task raised."""

    def __init__(self, cause: Exception) -> None:
        super().__init__("traceback")
        self.cause = cause


@pytest.mark.parametrize("wrap", [lambda error: error, WrappedError])
def test_an_error_of_ours_is_told_as_it_is(wrap) -> None:
    own = StoreError("the data are damaged")
    assert _find_cause(FailedError("two lines\nof it", {0: OSError("lost"), 1: wrap(own)})) is own


def test_a_lost_worker_is_told() -> None:
    failed = FailedError("Training failed:\nthe worker died", {1: OSError("gone")})
    assert str(_find_cause(failed)) == (
        "a worker of the training was lost (the worker died); run the same command to go on from "
        "the last checkpoint")


def test_what_is_there_already_needs_no_cluster(
    prepared: PreparedData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert read_problem(StoreError, prepared.folder, RECIPE, tmp_path) == (
        f"{tmp_path} exists and is not a run of recipe 'image_metadata_cnn' with these settings on "
        "these data; remove it or choose another --out")


def test_without_ray_the_extra_is_named(
    prepared: PreparedData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert read_problem(MissingExtraError, prepared.folder, RECIPE, tmp_path / "run") == (
        "the executor 'ray' needs the extra 'ray' (import of ray halted; None in sys.modules); "
        "pip install 'lesionlab[ray]'")


def test_a_run_is_not_written_to_a_url(prepared: PreparedData) -> None:
    pytest.importorskip("upath", reason="the extra 'remote' is not installed")
    assert read_problem(InputError, prepared.folder, RECIPE, Path("memory://bucket/run")) == (
        "memory://bucket/run: only prepare and predict write to URLs; give a folder on disk, and "
        "copy it there when it is done")
