"""Which experiments a study runs, and what the original study published of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lesionlab.core.errors import InputError

Suite = Literal["original", "strong"]
Labels = Literal["as_prepared", "subtypes", "by_position"]

PUBLISHED: dict[str, str] = {
    "metadata_linear": "precision-recall curve only",
    "metadata_mlp": "accuracy 0.96, all benign",
    "image_cnn": "accuracy 0.49 to 0.50",
    "image_metadata_cnn": "accuracy 0.494",
    "mobilenetv2_5000": "AUC 0.4935",
    "mobilenetv2_10000": "as mobilenetv2_5000",
    "mobilenetv2_5000_unbalanced_valid": "AUC 0.4985",
    "mobilenetv2_5000_unbalanced": "all benign, recall 0.00",
    "mobilenetv2_5000_aug": "AUC 0.5034",
    "mobilenetv2_5000_aug_frozen": "AUC 0.5052; malignant precision 0.04, recall 0.63",
    "resnet50_5000": "malignant recall 0.90, specificity 0.10",
    "mobilenetv2_5000_metadata": "AUC 0.4699",
    "multiclass_frozen": "confusion matrix only",
    "multiclass_finetuned": "confusion matrix only",
}
"""The test result that the original study gave of each of its experiments, in its order."""

SUITES: dict[str, tuple[str, ...]] = {
    "original": ("prevalence", *PUBLISHED),
    "strong": ("image_frozen", "fusion_frozen", "finetuned", "fusion_concat", "fusion_metablock",
               "stack_boosting"),
}
"""The recipes of each suite, in the order in which they run."""

SUBTYPE_RECIPES = ("multiclass_frozen", "multiclass_finetuned")
"""Recipes that ask which malignancy, so that data prepared for malignancy get another target."""

CONTROLS: dict[str, str] = {"original": "mobilenetv2_5000_aug_frozen"}
"""The recipe that each suite trains once more on deliberately wrong labels."""

CONTROL = "control_joined_by_position"
"""Name of that experiment."""


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One row of a leaderboard to be: a recipe and the labels that it learns."""

    name: str
    recipe: str
    labels: Labels = "as_prepared"


def list_experiments(
    suite: Suite | None, recipes: Sequence[str], control: str | None
) -> list[Experiment]:
    """The experiments of a suite, then those of more recipes, then the control; each once.

    Args:
        suite: a name of `SUITES`, or None.
        recipes: names of recipes.
        control: recipe of the control; by default that of the suite, where it has one.

    Raises:
        InputError: there is no such suite, or nothing to run.
    """
    if suite is not None and suite not in SUITES:
        raise InputError(f"--suite {suite}: choose {' or '.join(SUITES)}")
    names = dict.fromkeys([*(SUITES[suite] if suite else ()), *recipes])
    if not names:
        raise InputError(f"nothing to study: name a suite, {' or '.join(SUITES)}, or recipes")
    control = control or CONTROLS.get(suite or "")
    experiments = [Experiment(name=name, recipe=name, labels=(
        "subtypes" if name in SUBTYPE_RECIPES else "as_prepared")) for name in names]
    if control:
        experiments.append(Experiment(name=CONTROL, recipe=control, labels="by_position"))
    return experiments
