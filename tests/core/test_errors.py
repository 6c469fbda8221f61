"""Each error is one of ours and of the builtin that a caller would catch."""

import inspect
import pickle

import pytest

from lesionlab.core import errors

OURS = [value for _, value in inspect.getmembers(errors, inspect.isclass)]


@pytest.mark.parametrize("kind", OURS)
def test_every_error_stands_in_the_drawn_tree(kind: type) -> None:
    assert issubclass(kind, errors.LesionLabError)
    assert kind.__name__ in (errors.__doc__ or "")


@pytest.mark.parametrize(("kind", "builtin"), [
    (errors.InputError, ValueError), (errors.DecodeError, ValueError),
    (errors.StoreError, OSError), (errors.BundleError, OSError),
    (errors.WeightsError, LookupError), (errors.MissingExtraError, ImportError)])
def test_the_builtin_catches_it(kind: type, builtin: type) -> None:
    assert issubclass(kind, builtin)


def test_a_decode_error_crosses_processes_with_its_reason() -> None:
    error = pickle.loads(pickle.dumps(errors.DecodeError("truncated", "the file ends early")))
    assert (error.reason, str(error)) == ("truncated", "the file ends early")
