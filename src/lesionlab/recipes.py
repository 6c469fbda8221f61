"""The named recipes."""

from __future__ import annotations

import difflib
from collections.abc import Callable

from lesionlab.core.errors import RecipeError
from lesionlab.core.recipe import (
    FitSettings,
    ImageSettings,
    MetadataSettings,
    ModelSettings,
    Recipe,
)
from lesionlab.core.terms import STUDY_INPUTS, WIDE_INPUTS


def prevalence() -> Recipe:
    """The share of each class, whatever the image: what every model has to beat."""
    return Recipe(name="prevalence", model=ModelSettings(head="prevalence"))


def metadata_linear() -> Recipe:
    """Logistic regression on the study's three columns: age, sex and size."""
    return Recipe(name="metadata_linear", model=ModelSettings(head="linear"),
                  metadata=MetadataSettings(columns=STUDY_INPUTS))


def metadata_mlp() -> Recipe:
    """The study's metadata network: Dense 64, dropout 0.3, Dense 64; batch 128, Adam 1e-3."""
    return Recipe(
        name="metadata_mlp",
        model=ModelSettings(head="mlp", hidden_units=(64, 64), dropout=0.3),
        metadata=MetadataSettings(columns=STUDY_INPUTS),
        fit=FitSettings(l2=0.0, learning_rate=1e-3, batch_size=128, max_epochs=800, patience=50))


def metadata_boosting() -> Recipe:
    """Gradient-boosted trees on all that is known before the lesion is looked at."""
    return Recipe(name="metadata_boosting", model=ModelSettings(head="boosting"),
                  metadata=MetadataSettings(columns=WIDE_INPUTS),
                  fit=FitSettings(l2=1.0, learning_rate=0.05, max_epochs=500, patience=30))


def image_frozen() -> Recipe:
    """Frozen EfficientNet-Lite0 and a small head: the study's best model, put right."""
    return Recipe(
        name="image_frozen",
        model=ModelSettings(backbone="tf_efficientnet_lite0", head="mlp", hidden_units=(128,),
                            dropout=0.5),
        image=ImageSettings(size_px=224, num_views=4),
        fit=FitSettings(l2=0.1, learning_rate=1e-3, schedule="one_cycle", batch_size=256,
                        max_epochs=6, patience=6))


def fusion_frozen() -> Recipe:
    """`image_frozen` with age, sex, site and the other known columns beside the image."""
    image = image_frozen()
    return Recipe(name="fusion_frozen", model=image.model, image=image.image, fit=image.fit,
                  metadata=MetadataSettings(columns=WIDE_INPUTS))


RECIPES: dict[str, Callable[[], Recipe]] = {
    recipe.__name__: recipe
    for recipe in (prevalence, metadata_linear, metadata_mlp, metadata_boosting, image_frozen,
                   fusion_frozen)
}
"""Every recipe by name; each call gives a new one."""


def find_recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        RecipeError: there is none; the message names the nearest.
    """
    if name in RECIPES:
        return RECIPES[name]()
    close = difflib.get_close_matches(name, RECIPES, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(RECIPES)}"
    raise RecipeError(f"no recipe {name!r}; {hint}")
