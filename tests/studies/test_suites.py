"""What a suite holds, in the order in which it runs."""

import pytest

from lesionlab.core.errors import InputError
from lesionlab.studies.suites import CONTROL, PUBLISHED, list_experiments


def names(suite: str | None, *recipes: str, control: str | None = None) -> list[str]:
    return [one.name for one in list_experiments(suite, recipes, control)]  # type: ignore[arg-type]


def test_the_original_suite_is_the_study_with_a_floor_and_a_control() -> None:
    assert names("original") == ["prevalence", *PUBLISHED, CONTROL]
    assert len(PUBLISHED) == 14


def test_the_control_learns_labels_joined_by_position() -> None:
    labels = {one.name: one.labels for one in list_experiments("original", [], None)}
    assert [name for name, kind in labels.items() if kind == "by_position"] == [CONTROL]
    assert [name for name, kind in labels.items() if kind == "subtypes"] == [
        "multiclass_frozen", "multiclass_finetuned"]


def test_a_recipe_runs_once_however_often_it_is_named() -> None:
    assert names(None, "metadata_linear", "prevalence", "metadata_linear") == [
        "metadata_linear", "prevalence"]
    assert names("strong", "image_frozen", "prevalence")[-2:] == ["stack_boosting", "prevalence"]
    assert names(None, "prevalence", control="metadata_linear") == ["prevalence", CONTROL]


@pytest.mark.parametrize(("suite", "problem"), [
    ("weak", "--suite weak: choose original or strong"),
    (None, "nothing to study: name a suite, original or strong, or recipes"),
])
def test_nothing_to_run_is_an_error(suite: str | None, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        names(suite)
    assert str(caught.value) == problem
