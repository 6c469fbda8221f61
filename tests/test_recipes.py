"""Every named recipe is whole, round-trips, and reads only what is known before the diagnosis."""

import pytest

from lesionlab.core.errors import RecipeError
from lesionlab.core.recipe import Recipe
from lesionlab.core.terms import COLUMNS
from lesionlab.recipes import RECIPES, find_recipe


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_has_its_own_name_and_round_trips(name: str) -> None:
    recipe = find_recipe(name)
    assert recipe.name == name
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    assert all(COLUMNS[column].role == "input" for column in recipe.metadata.columns)
    assert (RECIPES[name].__doc__ or "").strip()


def test_recipes_differ() -> None:
    assert len({find_recipe(name).digest for name in RECIPES}) == len(RECIPES)


def test_an_unknown_recipe_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(RecipeError) as error:
        find_recipe("image_frzen")
    assert str(error.value) == "no recipe 'image_frzen'; did you mean 'image_frozen'?"


def test_an_unlike_name_is_refused_with_all_names() -> None:
    with pytest.raises(RecipeError) as error:
        find_recipe("zzz")
    assert str(error.value) == f"no recipe 'zzz'; known are {', '.join(RECIPES)}"
