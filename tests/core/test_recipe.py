"""A recipe round-trips, and a setting that does not exist or is out of range is said."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionlab.core.errors import RecipeError
from lesionlab.core.recipe import Recipe
from lesionlab.core.settings import (
    FitSettings,
    ImageSettings,
    MetadataSettings,
    ModelSettings,
    refuse_feature,
)
from lesionlab.core.terms import WIDE_INPUTS

models = st.builds(
    ModelSettings,
    backbone=st.sampled_from(["resnet50", "tf_efficientnet_lite0"]),
    weights=st.sampled_from(["package", "hub", "file:/weights=1.safetensors"]),
    head=st.sampled_from(["prevalence", "linear", "mlp", "boosting"]),
    hidden_units=st.lists(st.integers(1, 512), max_size=3).map(tuple),
    dropout=st.floats(0, 1, exclude_max=True), num_members=st.integers(1, 50))
recipes = st.builds(
    Recipe, name=st.text(min_size=1, max_size=5), seed=st.integers(0, 2**31 - 1), model=models,
    image=st.builds(ImageSettings, size_px=st.integers(32, 1024), num_views=st.integers(1, 64)),
    metadata=st.builds(MetadataSettings, columns=st.lists(
        st.sampled_from(WIDE_INPUTS), unique=True).map(tuple)),
    fit=st.builds(FitSettings, l2=st.floats(0, 1e9), batch_size=st.integers(1, 999),
                  learning_rate=st.floats(0, 1, exclude_min=True)))

PLAIN = Recipe(name="plain", model=ModelSettings(head="prevalence"))


@given(recipes)
def test_saving_and_loading_is_identity(recipe: Recipe) -> None:
    with tempfile.TemporaryDirectory() as folder:
        recipe.save(Path(folder) / "recipe.json")
        loaded = Recipe.load(Path(folder) / "recipe.json")
    assert loaded == recipe
    assert loaded.digest == recipe.digest
    assert hash(loaded) == hash(recipe)


@given(recipes, recipes)
def test_recipes_that_differ_have_other_digests(left: Recipe, right: Recipe) -> None:
    assert (left == right) == (left.digest == right.digest)


@given(recipes)
def test_every_setting_can_be_set_by_its_path(recipe: Recipe) -> None:
    settings = []
    for path, value in flatten(recipe.to_dict()).items():
        text = ",".join(map(str, value)) if isinstance(value, list) else (
            str(value).lower() if isinstance(value, bool) else value)
        settings.append(f"{path}={text}")
    name = recipe.name.strip()
    if name:
        changed = PLAIN.with_settings(s for s in settings if not s.startswith("name="))
        assert changed.to_dict() | {"name": recipe.name} == recipe.to_dict()


def flatten(tree: dict, prefix: str = "") -> dict:
    leaves = {}
    for name, value in tree.items():
        leaves |= flatten(value, f"{name}.") if isinstance(value, dict) else {prefix + name: value}
    leaves.pop("format_version", None)
    return leaves


def test_equal_recipes_have_one_digest_whatever_they_were_written_as() -> None:
    loose = Recipe(name="r", fit=FitSettings(l2=1),
                   metadata=MetadataSettings(columns=["sex"]))  # type: ignore[arg-type]
    strict = Recipe(name="r", fit=FitSettings(l2=1.0), metadata=MetadataSettings(columns=("sex",)))
    assert loose == strict
    assert loose.digest == strict.digest


def test_settings_are_checked_together_not_one_by_one() -> None:
    changed = PLAIN.with_settings(["model.head=linear", "metadata.columns=sex, age_approx"])
    assert (changed.model.head, changed.metadata.columns) == ("linear", ("sex", "age_approx"))


@pytest.mark.parametrize(("setting", "message"), [
    ("fit", "--set fit: write path=value, such as fit.l2=10"),
    ("fit.l3=1", "--set fit.l3=1: no setting 'fit.l3'; did you mean 'fit.l2'?"),
    ("dropout=0", "--set dropout=0: no setting 'dropout'; did you mean 'model.dropout'?"),
    ("fit=1", "--set fit=1: no setting 'fit'; did you mean 'fit.l2'?"),
    ("fit.l2.x=1", "--set fit.l2.x=1: no setting 'fit.l2.x'; did you mean 'fit.l2'?"),
    ("fit.l2=ten", "--set fit.l2 is 'ten', not a number"),
    ("fit.l2=", "--set fit.l2 is '', not a number"),
    ("fit.l2=-1", "fit settings are out of range:\n  - l2 is -1.0, not a number from 0"),
    ("fit.l2=NaN", "fit settings are out of range:\n  - l2 is nan, not a number from 0"),
    ("fit.l2=1e999", "fit settings are out of range:\n  - l2 is inf, not a number from 0"),
    ("seed=1.5", "--set seed is 1.5, not a whole number"),
    ("seed=true", "--set seed is True, not a whole number"),
    ("seed=-1", "the recipe is out of range:\n  - seed is -1, not in 0 to 2147483647"),
    ("name=", "the recipe is out of range:\n  - name is empty"),
    ("image.size_px=9999", ("image settings are out of range:\n  - size_px is 9999, "
     "not in 32 to 1024")),
    ("model.hidden_units=64,x", "--set model.hidden_units is 'x', not a whole number"),
    ("model.hidden_units=64,0", ("model settings are out of range:\n"
     "  - hidden_units is (64, 0), not all above 0")),
    ("model.weights=file:", ("model settings are out of range:\n"
     "  - weights is 'file:', not package, file:PATH, hub or random")),
    ("model.head=tree", ("--set model.head is 'tree'; choose prevalence, linear, mlp, boosting, "
     "stack, ensemble")),
    ("fit.schedule=cosine", ("the recipe is out of range:\n  - fit.schedule is cosine, which "
     "is for networks: a head takes one_cycle")),
    ("image.num_test_views=3", "--set image.num_test_views is '3'; choose 1, 2, 4, 8"),
    ("sample.valid_images=-1", ("sample settings are out of range:\n"
     "  - valid_images is -1, below 0")),
    ("fit.warm_up=1", "fit settings are out of range:\n  - warm_up is 1.0, not in [0, 1)"),
    ("model.members=a,b", ("the recipe is out of range:\n  - model.members names the runs of an "
     "ensemble: set it for model.head=ensemble alone")),
    ("model.head=mlp", ("the recipe is out of range:\n  - the model sees neither image nor "
     "metadata: set model.backbone or metadata.columns")),
    ("metadata.columns=dx,lesion_id,hairy,mel_ulcer", ("metadata.columns is out of range:\n"
     "  - 'dx' cannot be a feature: it is the diagnosis itself\n"
     "  - 'lesion_id' cannot be a feature: it names an image, lesion or patient; a model would "
     "learn them by heart\n"
     "  - 'hairy' cannot be a feature: it tells where the image comes from, not what it shows\n"
     "  - 'mel_ulcer' cannot be a feature: it is known only because of the diagnosis")),
    ("metadata.columns=sex,sex", ("metadata.columns is out of range:\n"
     "  - 'sex' stands more than once")),
])
def test_a_setting_that_makes_no_sense_is_refused(setting: str, message: str) -> None:
    with pytest.raises(RecipeError) as error:
        PLAIN.with_settings([setting])
    assert str(error.value) == message


def test_a_path_like_no_other_is_refused_with_all_paths() -> None:
    with pytest.raises(RecipeError) as error:
        PLAIN.with_settings(["zzz=1"])
    assert str(error.value) == (
        f"--set zzz=1: no setting 'zzz'; known are {', '.join(flatten(PLAIN.to_dict()))}")


@pytest.mark.parametrize(("change", "message"), [
    ({"format_version": 9}, "recipe of format 9; this version reads 1"),
    ({"sed": 1, "fitt": {}}, ("the recipe has settings that do not exist:\n"
     "  - no setting 'sed'; did you mean 'seed'?\n  - no setting 'fitt'; did you mean 'fit'?")),
    ({"fit": {"l3": 1}}, ("the recipe has settings that do not exist:\n"
     "  - no setting 'fit.l3'; did you mean 'fit.l2'?")),
    ({"fit": None}, "fit is None, not an object of settings"),
    ({"seed": "1"}, "seed is '1', not a whole number"),
    ({"metadata": {"columns": "sex"}}, "metadata.columns is 'sex', not a list"),
])
def test_a_file_of_other_settings_is_refused(change: dict, message: str) -> None:
    with pytest.raises(RecipeError) as error:
        Recipe.from_dict(PLAIN.to_dict() | change)
    assert str(error.value) == message


@pytest.mark.parametrize(("text", "message"), [
    ("{", ("{path} is not JSON: Expecting property name enclosed in double quotes: "
     "line 1 column 2 (char 1)")),
    ("[]", "recipe of format None; this version reads 1"),
    ('{"format_version": 1}', "the recipe has no name"),
])
def test_a_file_that_is_no_recipe_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(text)
    with pytest.raises(RecipeError) as error:
        Recipe.load(path)
    assert str(error.value) == message.replace("{path}", str(path))


def test_a_value_of_another_type_is_refused() -> None:
    with pytest.raises(RecipeError) as error:
        FitSettings(batch_size=1.5)  # type: ignore[arg-type]
    assert str(error.value) == "batch_size is 1.5, not a whole number"


@pytest.mark.parametrize(("name", "reason"), [
    ("sex", ""),
    ("Sex", "it is not a known input column; did you mean 'sex'?"),
    ("age", "it is not a known input column; did you mean 'age_approx'?"),
    ("fitzpatrick", "it is not a known input column; did you mean 'fitzpatrick_skin_type'?"),
    ("weather", "it is not a known input column"),
    *[(name, "it is the diagnosis itself") for name in (
        "dx", "diagnosis", "diagnosis_1", "benign_malignant", "mel_class", "mel_type",
        "nevus_type", "target", "label")],
    *[(name, "it is known only because of the diagnosis") for name in (
        "dx_type", "biopsed", "histology", "diagnosis_confirm_type", "concomitant_biopsy",
        "mel_thick_mm")],
])
def test_only_what_is_known_before_the_diagnosis_becomes_a_feature(name: str, reason: str) -> None:
    assert refuse_feature(name) == reason
