"""Which settings of a study go to which of its recipes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from lesionlab.core.cohort import list_some
from lesionlab.core.errors import RecipeError
from lesionlab.core.recipe import Recipe
from lesionlab.recipes import find_recipe
from lesionlab.studies.suites import Experiment

OWN_NETWORKS = ("study_cnn",)
"""Backbones that are what the recipe is about, so that no other one is put in their place."""

_OF_BACKBONES = {"model.backbone", "model.weights", "model.num_stages", "model.num_frozen_stages"}
_OF_NETWORKS = {"model.num_frozen_stages", "model.fusion", "model.metadata_units",
                "image.views_per_epoch", "image.num_test_views", "metadata.dropout"}
_OF_HEADS = {"model.num_stages", "model.num_members"}
_OF_LAYERS = {"model.hidden_units", "model.dropout", "model.num_members"}
_OF_COLUMNS = {"model.fusion", "model.metadata_units"}
_BOOSTING = {"l2", "learning_rate", "max_epochs", "patience"}
_FIT_OF_HEADS: dict[str, set[str]] = {
    "linear": {"l2"}, "boosting": _BOOSTING, "stack": _BOOSTING,
    "mlp": _BOOSTING | {"schedule", "batch_size"}}


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """An experiment with its complete recipe."""

    experiment: Experiment
    recipe: Recipe
    settings: tuple[str, ...]
    """What was set, `path=value` each."""

    @property
    def name(self) -> str:
        """Of the experiment."""
        return self.experiment.name


def plan_runs(experiments: Sequence[Experiment], settings: Sequence[str]) -> list[PlannedRun]:
    """The recipe of each experiment with the settings that it reads.

    `path=value` goes to every recipe that reads the setting and stays what it is: a backbone
    to those with a pretrained one, the size of a sample to those that draw one.
    `RECIPE:path=value`, where RECIPE may be a pattern such as `mobilenetv2_*`, goes to the
    recipes of that name, whatever they read.

    Raises:
        RecipeError: there is no such recipe or setting, a value is out of range, or no recipe
            takes a setting.
    """
    recipes = {one.recipe: find_recipe(one.recipe) for one in experiments}
    taken: dict[str, list[str]] = {name: [] for name in recipes}
    for setting in settings:
        pattern, plain = _part(setting)
        takers = _find_takers(recipes, pattern, plain, setting)
        for name in takers:
            taken[name].append(plain)
    complete = {name: recipe.with_settings(taken[name]) for name, recipe in recipes.items()}
    return [PlannedRun(experiment=one, recipe=complete[one.recipe],
                       settings=tuple(taken[one.recipe])) for one in experiments]


def reads_setting(recipe: Recipe, path: str) -> bool:
    """Whether a setting changes how the recipe is trained, and leaves it what it is."""
    model, (branch, _, leaf) = recipe.model, path.partition(".")
    is_network = model.tuning == "network"
    if path in (_OF_HEADS if is_network else _OF_NETWORKS):
        return False
    if path in _OF_BACKBONES:
        return bool(model.backbone) and model.backbone not in OWN_NETWORKS
    if path in _OF_LAYERS:
        return model.head in ("mlp", "stack")
    if path in _OF_COLUMNS or branch == "metadata":
        return bool(recipe.metadata.columns)
    if branch == "fit":
        return is_network or leaf in _FIT_OF_HEADS.get(model.head, set())
    if branch == "image":
        return bool(model.backbone)
    if branch == "sample":
        return getattr(recipe.sample, leaf, 0) > 0
    return path == "seed"


def _part(setting: str) -> tuple[str | None, str]:
    """The pattern before a colon, if there is one, and `path=value`.

    >>> _part("mobilenetv2_*:model.weights=file:own.pth")
    ('mobilenetv2_*', 'model.weights=file:own.pth')
    """
    path, separator, value = setting.partition("=")
    pattern, colon, rest = path.partition(":")
    return (pattern.strip(), (rest + separator + value).strip()) if colon else (None, setting)


def _find_takers(
    recipes: dict[str, Recipe], pattern: str | None, plain: str, setting: str
) -> list[str]:
    """The names of the recipes that a setting goes to."""
    if pattern is not None:
        if named := [name for name in recipes if fnmatchcase(name, pattern)]:
            return named
        raise RecipeError(f"--set {setting}: no recipe of this study is called {pattern!r}; "
                          f"it runs {list_some(recipes, 20)}")
    path = plain.partition("=")[0].strip()
    if readers := [name for name, recipe in recipes.items() if reads_setting(recipe, path)]:
        return readers
    first = next(iter(recipes.values()))
    first.with_settings([plain])  # a setting that does not exist is the more likely error
    raise RecipeError(f"--set {setting}: no recipe of this study reads it "
                      f"({list_some(recipes, 20)}); leave it out, or name a recipe: "
                      f"--set RECIPE:{plain}")
