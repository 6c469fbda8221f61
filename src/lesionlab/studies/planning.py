"""Which settings of a study go to which of its recipes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from lesionlab.core.cohort import list_some
from lesionlab.core.errors import RecipeError
from lesionlab.core.recipe import Recipe
from lesionlab.core.typed_tree import list_leaves
from lesionlab.core.used_settings import OF_BACKBONES, uses_setting
from lesionlab.recipes import find_recipe
from lesionlab.studies.suites import Experiment

OWN_NETWORKS = ("study_cnn",)
"""Backbones that are what the recipe is about, so that no other one is put in their place."""


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
    branch, _, leaf = path.partition(".")
    if path in ("name", "model.head", "model.tuning", "model.members"):
        return False
    if path in OF_BACKBONES and recipe.model.backbone in OWN_NETWORKS:
        return False
    if branch == "metadata" and not recipe.metadata.columns:
        return False
    if branch == "sample" and getattr(recipe.sample, leaf, 0) == 0:
        return False
    return path in list_leaves(Recipe) and uses_setting(recipe, path)


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
