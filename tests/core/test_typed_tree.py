"""A value has the type of its field, so that equal trees have one form."""

from typing import Any, Literal

import pytest

from lesionlab.core.errors import RecipeError
from lesionlab.core.typed_tree import coerced


@pytest.mark.parametrize("item", [1.0, True, "1", 3, None, [1]])
def test_a_value_that_only_looks_like_a_choice_is_refused(item: Any) -> None:
    with pytest.raises(RecipeError) as error:
        coerced(item, Literal[1, 2], "image.num_test_views")
    assert str(error.value) == f"image.num_test_views is {item!r}; choose 1, 2"


@pytest.mark.parametrize(("item", "hint"), [
    (2, Literal[1, 2]), ("b", Literal["a", "b"]), (True, bool), (3, int), ("x", str)])
def test_a_value_of_its_type_stays_as_it_is(item: Any, hint: Any) -> None:
    assert coerced(item, hint, "x") is item


@pytest.mark.parametrize(("item", "hint", "message"), [
    (1, bool, "x is 1, not true or false"), (True, int, "x is True, not a whole number"),
    (True, float, "x is True, not a number"), (1, str, "x is 1, not text"),
    ([1, 1.5], tuple[int, ...], "x is 1.5, not a whole number")])
def test_nothing_but_a_whole_number_becomes_another_type(
    item: Any, hint: Any, message: str
) -> None:
    with pytest.raises(RecipeError) as error:
        coerced(item, hint, "x")
    assert str(error.value) == message


def test_a_whole_number_stands_for_a_number() -> None:
    found = coerced([1, 2], tuple[float, ...], "x")
    assert (found, type(found[0])) == ((1.0, 2.0), float)
