"""Fitting a head to frozen features, metadata or both."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lesionlab.core.recipe import Recipe
from lesionlab.dataset.prepared import PreparedData
from lesionlab.imaging.preprocessing import Preprocessing
from lesionlab.inputs.metadata import MetadataEncoder
from lesionlab.models.backbones import (
    ExportedBackbone,
    FrozenBackbone,
    backbone_key,
    build_backbone,
    export_backbone,
)
from lesionlab.training.checked_files import find_or_write
from lesionlab.training.embedding import Embedder, FeatureViews
from lesionlab.training.packing import TrainedParts
from lesionlab.training.sampling import SampledRows, find_natural_shift, sample_rows
from lesionlab.training.solving import FittedHead, HeadRows, fit_head
from lesionlab.training.trained import FeatureModel


@dataclass(frozen=True, kw_only=True, eq=False)
class Fitted:
    """A model after its fit, and what is said of it."""

    parts: TrainedParts
    history: pd.DataFrame
    notes: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass
class Clock:
    """Seconds of each stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.last = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Note the seconds since the last note, or the beginning, under `stage`."""
        now = time.perf_counter()
        self.seconds[stage], self.last = round(now - self.last, 3), now

    def time(self, stage: str, work: Callable[[], Any]) -> Any:
        """The result of `work()`, its seconds noted under `stage`."""
        self.last = time.perf_counter()
        result = work()
        self.lap(stage)
        return result


def fit_features(
    data: PreparedData, recipe: Recipe, encoder: MetadataEncoder, cache: Path, clock: Clock
) -> Fitted:
    """A head of any kind on frozen features, metadata or both."""
    backbone, exported, embedder = clock.time(
        "backbone", lambda: open_backbone(recipe, data, cache))
    sampled = {role: sample_rows(data, recipe, role) for role in ("train", "valid")}
    train_rows, valid_rows = clock.time("features", lambda: [
        build_head_rows(data, recipe, encoder, embedder, rows, role)
        for role, rows in sampled.items()])
    fitted: FittedHead = clock.time(
        "head", lambda: fit_head(recipe, train_rows, valid_rows, len(data.classes)))
    parts = TrainedParts(
        recipe=recipe, encoder=encoder, logit_shift=find_shift(data, recipe, sampled["train"]),
        preprocessing=find_preprocessing(recipe, data) if backbone else None,
        model=FeatureModel(backbone=backbone, exported=exported, head=fitted.head,
                           num_metadata=len(encoder.feature_names)))
    notes = tuple(note for rows in sampled.values() for note in rows.notes)
    return Fitted(parts=parts, history=fitted.history, notes=notes,
                  facts={"num_train": len(sampled["train"].rows)})


def find_shift(data: PreparedData, recipe: Recipe, train: SampledRows) -> np.ndarray | None:
    """From the prior of a sample that was made balanced to that of the valid role."""
    if not recipe.sample.train_per_class:
        return None
    return find_natural_shift(data, recipe, train.target_index)


def find_preprocessing(recipe: Recipe, data: PreparedData) -> Preprocessing:
    """How a recipe turns the stored images of `data` into squares."""
    return Preprocessing(size_px=recipe.image.size_px, decode_side=data.size_px)


def open_backbone(
    recipe: Recipe, data: PreparedData, cache: Path
) -> tuple[FrozenBackbone | None, ExportedBackbone | None, Embedder | None]:
    """The backbone of a recipe, exported once and then found in the cache."""
    if not recipe.model.backbone:
        return None, None, None
    backbone, weights = build_backbone(recipe.model)
    key = backbone_key(recipe.model, recipe.image, weights.digest)
    graph = find_or_write(
        cache / "backbones", key[:32], ".onnx",
        lambda: export_backbone(backbone, weights, recipe.image.size_px).graph)
    exported = ExportedBackbone.read(graph, weights)
    views = FeatureViews(preprocessing=find_preprocessing(recipe, data), seed=recipe.seed)
    return backbone, exported, Embedder(graph=exported.graph, key=key, views=views, cache=cache)


def build_head_rows(
    data: PreparedData, recipe: Recipe, encoder: MetadataEncoder, embedder: Embedder | None,
    sampled: SampledRows, role: str,
) -> HeadRows:
    """Features and targets of a role; in training each view of an image is a row."""
    encoded = encoder.encode(sampled.rows)
    if embedder is None:
        return HeadRows(features=encoded, target_index=sampled.target_index)
    num_views = recipe.image.num_views if role == "train" else 1
    views = embedder.embed(data.store, list(map(str, sampled.rows.index)), num_views)
    metadata = np.repeat(encoded[:, None], num_views, axis=1)
    features = np.concatenate([views, metadata], axis=2)
    return HeadRows(features=features.reshape(-1, features.shape[2]),
                    target_index=np.repeat(sampled.target_index, num_views))
