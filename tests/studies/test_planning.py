"""A setting goes to the recipes that read it, and no recipe becomes another one."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lesionlab.core.errors import RecipeError
from lesionlab.recipes import RECIPES
from lesionlab.studies.planning import PlannedRun, plan_runs, reads_setting
from lesionlab.studies.suites import Experiment

NAMES = ("prevalence", "metadata_linear", "metadata_mlp", "metadata_boosting", "image_frozen",
         "fusion_frozen")
SETTINGS = ("model.backbone=tf_efficientnet_lite1", "image.size_px=64", "fit.l2=2",
            "metadata.columns=sex", "model.dropout=0.2", "fit.batch_size=8", "seed=3")


def plan(*settings: str, names: tuple[str, ...] = NAMES) -> dict[str, PlannedRun]:
    experiments = [Experiment(name=name, recipe=name) for name in names]
    return {run.name: run for run in plan_runs(experiments, settings)}


def takers(*settings: str) -> list[str]:
    return [name for name, run in plan(*settings).items() if run.settings]


@pytest.mark.parametrize(("setting", "expected"), [
    ("model.backbone=tf_efficientnet_lite1", ["image_frozen", "fusion_frozen"]),
    ("image.size_px=64", ["image_frozen", "fusion_frozen"]),
    ("metadata.columns=sex", ["metadata_linear", "metadata_mlp", "metadata_boosting",
                              "fusion_frozen"]),
    ("model.dropout=0.2", ["metadata_mlp", "image_frozen", "fusion_frozen"]),
    ("fit.l2=2", [name for name in NAMES if name != "prevalence"]),
    ("fit.max_epochs=2", ["metadata_mlp", "metadata_boosting", "image_frozen", "fusion_frozen"]),
    ("seed=3", list(NAMES)),
    ("image_*:image.num_views=2", ["image_frozen"]),
    ("metadata_mlp : fit.max_epochs=9", ["metadata_mlp"]),
    ("metadata_linear:model.head=boosting", ["metadata_linear"]),
])
def test_a_setting_goes_where_it_is_read(setting: str, expected: list[str]) -> None:
    assert takers(setting) == expected


def test_a_network_of_its_own_keeps_its_backbone() -> None:
    recipe = RECIPES["image_frozen"]()
    own = dataclasses.replace(
        recipe, model=dataclasses.replace(recipe.model, backbone="study_cnn"))
    paths = ("model.backbone", "model.weights", "image.size_px")
    assert [reads_setting(own, path) for path in paths] == [False, False, True]
    assert [reads_setting(recipe, path) for path in paths] == [True, True, True]


def test_a_size_of_sample_goes_to_recipes_that_draw_one() -> None:
    recipe = RECIPES["image_frozen"]()
    drawn = dataclasses.replace(
        recipe, sample=dataclasses.replace(recipe.sample, train_per_class=4000))
    paths = ("sample.train_per_class", "sample.train_images", "sample.valid_per_class")
    assert [reads_setting(drawn, path) for path in paths] == [True, False, False]


@settings(max_examples=20)
@given(chosen=st.lists(st.sampled_from(SETTINGS), unique=True).filter(bool),
       names=st.lists(st.sampled_from(NAMES), unique=True).filter(
           lambda names: {"image_frozen", "fusion_frozen"} <= set(names)))
def test_what_a_recipe_takes_does_not_depend_on_the_others(
    chosen: list[str], names: list[str]
) -> None:
    # The two recipes that are always there read every one of these settings.
    together = plan(*chosen, names=tuple(names))
    for name, run in together.items():
        own = [setting for setting in chosen
               if reads_setting(RECIPES[name](), setting.partition("=")[0])]
        assert list(run.settings) == own
        assert run.recipe == RECIPES[name]().with_settings(own)


@pytest.mark.parametrize(("setting", "problem"), [
    ("model.bakbone=x", ("--set model.bakbone=x: no setting 'model.bakbone'; did you mean "
                        "'model.backbone'?")),
    ("l2", "--set l2: write path=value, such as fit.l2=10"),
    ("resnet*:fit.l2=1", ("--set resnet*:fit.l2=1: no recipe of this study is called 'resnet*'; "
                         "it runs metadata_linear, prevalence")),
    ("image.size_px=64", ("--set image.size_px=64: no recipe of this study reads it "
                         "(metadata_linear, prevalence); leave it out, or name a recipe: "
                         "--set RECIPE:image.size_px=64")),
])
def test_a_setting_that_nobody_takes_is_refused(setting: str, problem: str) -> None:
    with pytest.raises(RecipeError) as caught:
        plan(setting, names=("metadata_linear", "prevalence"))
    assert str(caught.value) == problem


def test_an_unknown_recipe_is_refused() -> None:
    with pytest.raises(RecipeError) as caught:
        plan(names=("metadata_linear", "image_frozne"))
    assert str(caught.value) == "no recipe 'image_frozne'; did you mean 'image_frozen'?"
