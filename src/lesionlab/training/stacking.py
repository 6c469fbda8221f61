"""Fitting a stack: out-of-fold scores of images, and boosted trees on them.

In training the score of an image comes from a head that has not seen its group, later from the
mean of all heads; so the trees learn how far the score of a new image is to be trusted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from lesionlab.core.errors import InputError, RecipeError
from lesionlab.core.recipe import Recipe
from lesionlab.dataset.folds import deal_folds
from lesionlab.dataset.prepared import PreparedData
from lesionlab.dataset.splitting import name_strata
from lesionlab.inference.context_pass import find_context
from lesionlab.inputs.metadata import MetadataEncoder
from lesionlab.models.heads import DenseHead
from lesionlab.recipes import image_frozen
from lesionlab.training.features import (
    Clock,
    Fitted,
    build_head_rows,
    find_preprocessing,
    find_shift,
    open_backbone,
)
from lesionlab.training.packing import TrainedParts
from lesionlab.training.sampling import SampledRows, sample_rows
from lesionlab.training.solving import FittedHead, HeadRows, fit_head
from lesionlab.training.stacked_model import MEASURES, StackedModel, find_scores, name_scores
from lesionlab.training.trained import FeatureModel

NUM_FOLDS = 5
"""Of the train role; each is scored by a head that is fitted on the others."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FoldHeads:
    """A head for each fold."""

    head: DenseHead
    """The mean of all."""
    logits: np.ndarray
    """(N, K) float32 of each train image by the head that has not seen its group."""
    history: pd.DataFrame
    """As of `FittedHead`."""


def fit_stack(
    data: PreparedData, recipe: Recipe, encoder: MetadataEncoder, cache: Path, clock: Clock
) -> Fitted:
    """Heads as of `image_frozen`, and trees on their scores, metadata and patient context.

    `model` and `image` of the recipe are the heads' settings, `fit` is the trees'.

    Raises:
        RecipeError: the recipe has no backbone.
        InputError: the train role has fewer groups than there are folds.
    """
    if not recipe.model.backbone:
        raise RecipeError("a stack reads the scores of images, and model.backbone is empty: set "
                          "it, or take --recipe metadata_boosting")
    sampled = {role: sample_rows(data, recipe, role) for role in ("train", "valid")}
    folds = draw_folds_of_train(sampled["train"].rows, seed=recipe.seed)
    backbone, exported, embedder = clock.time(
        "backbone", lambda: open_backbone(recipe, data, cache))
    images = clock.time("features", lambda: {
        role: build_head_rows(data, recipe, MetadataEncoder(codes=()), embedder, rows, role)
        for role, rows in sampled.items()})
    heads, trees = clock.time(
        "head", lambda: _fit_levels(data, recipe, encoder, sampled, images, folds))
    width = trees.head.num_features
    model = StackedModel(
        scorer=FeatureModel(backbone=backbone, exported=exported, head=heads.head, num_metadata=0),
        judge=FeatureModel(backbone=None, exported=None, head=trees.head, num_metadata=width),
        classes=data.classes, measures=list_measures(encoder))
    parts = TrainedParts(
        recipe=recipe, encoder=encoder, model=model, preprocessing=find_preprocessing(recipe, data),
        logit_shift=find_shift(data, recipe, sampled["train"]))
    last = trees.history.assign(member=heads.history["member"].max() + 1)
    return Fitted(parts=parts, history=pd.concat([heads.history, last], ignore_index=True),
                  notes=tuple(note for rows in sampled.values() for note in rows.notes),
                  facts={"num_train": len(folds)})


def draw_folds_of_train(rows: pd.DataFrame, *, seed: int) -> pd.Series:
    """The fold, 0 to 4, of each row of the train role, by id; groups stay whole.

    Raises:
        InputError: there are fewer groups than folds.
    """
    num_groups = rows["group_id"].nunique()
    if num_groups < NUM_FOLDS:
        raise InputError(f"the train role holds {num_groups} groups, and a stack needs "
                         f"{NUM_FOLDS}, one for each fold of its scores; prepare more data")
    strata = name_strata(rows["target"].astype(str), rows.get("source"))
    return deal_folds(rows["group_id"], strata, NUM_FOLDS, seed=seed)[rows.index]


def list_measures(encoder: MetadataEncoder) -> tuple[str, ...]:
    """The columns that images of a patient are compared by, of those that the encoder reads."""
    return tuple(name for name in MEASURES if name in encoder.columns)


def fit_fold_heads(
    recipe: Recipe, train: HeadRows, valid: HeadRows, folds: np.ndarray, num_classes: int
) -> FoldHeads:
    """Heads with the stack's `model` and the `fit` of `image_frozen`, stopped on `valid`.

    Args:
        recipe: of the stack.
        train: all views of the first image, then those of the next; the first view is scored.
        valid: that stop each head.
        folds: (N,) int64 of each image.
        num_classes: K.
    """
    own = replace(recipe, model=replace(recipe.model, head="mlp"), fit=image_frozen().fit)
    num_views = len(train.target_index) // len(folds)
    plain = train.features[::num_views]
    logits = np.empty((len(folds), num_classes), np.float32)
    members, histories = [], []
    for fold in range(NUM_FOLDS):
        is_held_out = folds == fold
        rest = np.repeat(~is_held_out, num_views)
        fitted = fit_head(own, HeadRows(features=train.features[rest],
                                        target_index=train.target_index[rest]),
                          valid, num_classes)
        logits[is_held_out] = fitted.head.logits(plain[is_held_out])
        assert isinstance(fitted.head, DenseHead)
        histories.append(fitted.history.assign(member=fitted.history["member"] + len(members)))
        members += fitted.head.members
    return FoldHeads(head=DenseHead(members=tuple(members)), logits=logits,
                     history=pd.concat(histories, ignore_index=True))


def build_tree_rows(
    data: PreparedData, encoder: MetadataEncoder, sampled: SampledRows, scores: np.ndarray
) -> HeadRows:
    """Scores, encoded metadata and patient context of each row, and again without context.

    So the trees also know what to say of an image by itself. Where no patient is known, each row
    stands there once.
    """
    context = find_context(scores, sampled.rows, names=name_scores(data.classes),
                           measure_names=list_measures(encoder))
    unknown = np.full_like(context, np.nan)
    parts = [unknown] if np.isnan(context).all() else [context, unknown]
    encoded = encoder.encode(sampled.rows)
    return HeadRows(
        features=np.concatenate([np.concatenate([scores, encoded, part], axis=1)
                                 for part in parts]),
        target_index=np.tile(sampled.target_index, len(parts)))


def _fit_levels(
    data: PreparedData, recipe: Recipe, encoder: MetadataEncoder,
    sampled: dict[str, SampledRows], images: dict[str, HeadRows], folds: pd.Series,
) -> tuple[FoldHeads, FittedHead]:
    """The heads on images, and the trees on what they say."""
    num_classes = len(data.classes)
    heads = fit_fold_heads(recipe, images["train"], images["valid"], folds.to_numpy(), num_classes)
    logits = {"train": heads.logits, "valid": heads.head.logits(images["valid"].features)}
    rows = {role: build_tree_rows(data, encoder, sampled[role], find_scores(logits[role]))
            for role in logits}
    own = replace(recipe, model=replace(recipe.model, head="boosting"))
    return heads, fit_head(own, rows["train"], rows["valid"], num_classes)
