"""Which settings have a part in a recipe's training."""

import pytest

from lesionlab.core.recipe import Recipe
from lesionlab.core.typed_tree import list_leaves
from lesionlab.core.used_settings import uses_setting
from lesionlab.recipes import RECIPES, find_recipe, list_unused

UNUSED = {
    "prevalence": ["fit.l2", "image.size_px", "metadata.columns"],
    "metadata_linear": ["fit.max_epochs", "image.size_px", "model.dropout", "metadata.dropout"],
    "metadata_boosting": ["fit.batch_size", "model.weights", "model.hidden_units"],
    "image_frozen": ["fit.ema_decay", "fit.class_weight_power", "image.num_test_views"],
    "finetuned": ["model.fusion", "metadata.dropout", "model.num_stages", "fit.focal_gamma",
                  "fit.frozen_learning_rate"],
    "fusion_concat": ["model.num_members"],
    "ensemble": ["fit.l2", "model.backbone"],
}
USED = {
    "metadata_linear": ["fit.l2", "metadata.columns", "seed"],
    "metadata_boosting": ["fit.max_epochs", "fit.patience"],
    "image_frozen": ["model.backbone", "image.num_views", "fit.batch_size", "model.num_members"],
    "finetuned": ["fit.ema_decay", "image.num_test_views", "model.num_frozen_stages"],
    "fusion_concat": ["model.fusion", "metadata.dropout"],
    "ensemble": ["model.members"],
}


@pytest.mark.parametrize(("recipe", "used", "paths"), [
    *((name, False, paths) for name, paths in UNUSED.items()),
    *((name, True, paths) for name, paths in USED.items())])
def test_a_recipe_uses_the_settings_of_its_kind(recipe: str, used: bool, paths: list[str]) -> None:
    assert {path: uses_setting(find_recipe(recipe), path) for path in paths} == dict.fromkeys(
        paths, used)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_uses_its_head_and_an_unchanged_one_ignores_nothing(name: str) -> None:
    recipe = find_recipe(name)
    assert any(uses_setting(recipe, path) for path in list_leaves(Recipe))
    assert uses_setting(recipe, "model.head") and list_unused(recipe) == []


def test_a_setting_becomes_used_with_the_one_that_it_belongs_to() -> None:
    recipe = find_recipe("finetuned")
    assert list_unused(recipe.with_settings(["fit.focal_gamma=3"])) == ["fit.focal_gamma"]
    assert list_unused(recipe.with_settings(["fit.focal_gamma=3", "fit.loss=focal"])) == []
