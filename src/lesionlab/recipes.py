"""The named recipes."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable
from dataclasses import replace

from lesionlab.core.errors import RecipeError
from lesionlab.core.recipe import Recipe
from lesionlab.core.settings import (
    FitSettings,
    ImageSettings,
    MetadataSettings,
    ModelSettings,
    SampleSettings,
)
from lesionlab.core.terms import STUDY_INPUTS, WIDE_INPUTS
from lesionlab.core.typed_tree import list_leaves
from lesionlab.core.used_settings import uses_setting


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


def stack_boosting() -> Recipe:
    """Boosted trees on out-of-fold image scores, metadata and the patient's other images.

    As won the ISIC 2024 challenge; the image scores are those of `image_frozen`.
    """
    image = image_frozen()
    return replace(metadata_boosting(), name="stack_boosting", image=image.image,
                   model=replace(image.model, head="stack"))


def image_cnn() -> Recipe:
    """The study's small CNN: two convolutions, Dense 128; as many images of each class."""
    return Recipe(
        name="image_cnn", image=ImageSettings(size_px=128),
        model=ModelSettings(backbone="study_cnn", weights="random", tuning="network", head="mlp",
                            hidden_units=()),
        sample=SampleSettings(train_per_class=13126, valid_per_class=3281),
        fit=_study_fit(batch_size=32, patience=3))


def image_metadata_cnn() -> Recipe:
    """The study's small CNN with a metadata branch, Dense 32 and 16, joined by Dense 64."""
    cnn = image_cnn()
    return replace(cnn, name="image_metadata_cnn", metadata=STUDY_METADATA,
                   model=replace(cnn.model, hidden_units=(64,)),
                   fit=replace(cnn.fit, batch_size=64, patience=5))


def mobilenetv2_5000() -> Recipe:
    """The study's MobileNetV2, frozen, then unfrozen; 4,000 + 1,000 images of each class."""
    return _study_transfer("mobilenetv2_5000", 4000, 1000)


def mobilenetv2_10000() -> Recipe:
    """`mobilenetv2_5000` with twice the images."""
    return _study_transfer("mobilenetv2_10000", 8000, 2000)


def mobilenetv2_5000_unbalanced_valid() -> Recipe:
    """`mobilenetv2_5000` stopped on images at their natural prevalence."""
    recipe = _study_transfer("mobilenetv2_5000_unbalanced_valid", 4000, 0)
    return replace(recipe, sample=replace(recipe.sample, valid_images=2000))


def mobilenetv2_5000_unbalanced() -> Recipe:
    """`mobilenetv2_5000` with all images at their natural prevalence."""
    recipe = _study_transfer("mobilenetv2_5000_unbalanced", 0, 0)
    return replace(recipe, sample=SampleSettings(train_images=8000, valid_images=2000))


def mobilenetv2_5000_aug() -> Recipe:
    """`mobilenetv2_5000` with an augmented copy of each image: flipped, turned, zoomed."""
    recipe = _study_transfer("mobilenetv2_5000_aug", 4000, 1000)
    return replace(recipe, image=STUDY_COPIES)


def mobilenetv2_5000_aug_frozen() -> Recipe:
    """The study's best: `mobilenetv2_5000_aug` with the backbone frozen to the end."""
    recipe = mobilenetv2_5000_aug()
    return replace(recipe, name="mobilenetv2_5000_aug_frozen",
                   model=replace(recipe.model, num_frozen_stages=-1),
                   fit=_study_fit(batch_size=64, patience=10))


def resnet50_5000() -> Recipe:
    """`mobilenetv2_5000` on ResNet-50."""
    recipe = _study_transfer("resnet50_5000", 4000, 1000)
    return replace(recipe, model=replace(recipe.model, backbone="resnet50"))


def mobilenetv2_5000_metadata() -> Recipe:
    """`mobilenetv2_5000` with a metadata branch, Dense 32 and 16, beside the image."""
    recipe = _study_transfer("mobilenetv2_5000_metadata", 4000, 1000)
    return replace(recipe, metadata=STUDY_METADATA, fit=replace(recipe.fit, patience=5))


def multiclass_frozen() -> Recipe:
    """The study's five classes (`malignant_subtype`), 400 + 100 of each, MobileNetV2 frozen."""
    recipe = _study_transfer("multiclass_frozen", 400, 100)
    return replace(recipe, model=replace(recipe.model, num_frozen_stages=-1),
                   fit=_study_fit(batch_size=64, patience=10))


def multiclass_finetuned() -> Recipe:
    """`multiclass_frozen`, unfrozen after."""
    return _study_transfer("multiclass_finetuned", 400, 100)


def _study_fit(*, batch_size: int, patience: int) -> FitSettings:
    """Adam at 1e-3, no decay, best weights by validation loss."""
    return FitSettings(optimizer="adam", l2=0.0, learning_rate=1e-3, batch_size=batch_size,
                       max_epochs=50, patience=patience)


def _study_transfer(name: str, train_per_class: int, valid_per_class: int) -> Recipe:
    """MobileNetV2 at 128 px, Dense 64: the head at 1e-3 on the frozen backbone, then all at 1e-5.

    The study does not say how many epochs it allowed; 50 of each kind are.
    """
    return Recipe(
        name=name, image=ImageSettings(size_px=128),
        model=ModelSettings(backbone="mobilenetv2_100", weights="hub", tuning="network",
                            head="mlp", hidden_units=(64,)),
        sample=SampleSettings(train_per_class=train_per_class, valid_per_class=valid_per_class),
        fit=replace(_study_fit(batch_size=64, patience=10), learning_rate=1e-5, frozen_epochs=50,
                    frozen_learning_rate=1e-3))


STUDY_METADATA = MetadataSettings(columns=STUDY_INPUTS)
STUDY_COPIES = ImageSettings(size_px=128, num_views=2, views_per_epoch=2, augmentation="study")


def finetuned() -> Recipe:
    """EfficientNet-Lite0 at 224 px, fine-tuned behind its first stages, which are cached."""
    return Recipe(
        name="finetuned",
        model=ModelSettings(backbone="tf_efficientnet_lite0", tuning="network", head="mlp",
                            hidden_units=(), dropout=0.3, num_frozen_stages=3,
                            metadata_units=(64, 64)),
        image=ImageSettings(size_px=224, num_views=6, augmentation="strong", num_test_views=8),
        fit=FitSettings(
            l2=0.05, learning_rate=1e-3, schedule="cosine", warm_up=0.1, batch_size=64,
            max_epochs=12, patience=12, clip_norm=5.0, label_smoothing=0.05,
            class_weight_power=0.5, decision_power=0.25, mixup=0.2, ema_decay=0.998))


def fusion_concat() -> Recipe:
    """`finetuned` with metadata beside the image; half of the training images hide theirs."""
    return replace(finetuned(), name="fusion_concat",
                   metadata=MetadataSettings(columns=WIDE_INPUTS, dropout=0.5))


def fusion_metablock() -> Recipe:
    """`fusion_concat` with metadata that scale the image's channels instead (MetaBlock)."""
    recipe = fusion_concat()
    return replace(recipe, name="fusion_metablock",
                   model=replace(recipe.model, fusion="metablock"))


def ensemble() -> Recipe:
    """The mean of finished runs, as one bundle: --set model.members=RUN,RUN names them."""
    return Recipe(name="ensemble", model=ModelSettings(head="ensemble"),
                  fit=FitSettings(decision_power=0.25))


STUDY = (
    metadata_linear, metadata_mlp, image_cnn, image_metadata_cnn, mobilenetv2_5000,
    mobilenetv2_10000, mobilenetv2_5000_unbalanced_valid, mobilenetv2_5000_unbalanced,
    mobilenetv2_5000_aug, mobilenetv2_5000_aug_frozen, resnet50_5000, mobilenetv2_5000_metadata,
    multiclass_frozen, multiclass_finetuned)
"""The experiments of the original study, in its order."""

RECIPES: dict[str, Callable[[], Recipe]] = {
    recipe.__name__: recipe
    for recipe in (prevalence, *STUDY, metadata_boosting, image_frozen, fusion_frozen,
                   stack_boosting, finetuned, fusion_concat, fusion_metablock, ensemble)
}
"""Every recipe by name; each call gives a new one."""


def list_unused(recipe: Recipe) -> list[str]:
    """The settings that were changed from the named recipe's and have no part in its training.

    >>> list_unused(image_frozen().with_settings(["fit.ema_decay=0.9", "fit.l2=10"]))
    ['fit.ema_decay']
    """
    if recipe.name not in RECIPES:
        return []
    named = RECIPES[recipe.name]()

    def read(owner: Recipe, path: str) -> object:
        return functools.reduce(getattr, path.split("."), owner)

    return [path for path in list_leaves(Recipe)
            if read(recipe, path) != read(named, path) and not uses_setting(recipe, path)]


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
