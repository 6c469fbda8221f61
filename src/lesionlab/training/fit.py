"""train(): prepared data and a recipe to a run folder."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lesionlab.core import artifacts
from lesionlab.core.errors import InputError, MissingExtraError, RecipeError, StoreError
from lesionlab.core.recipe import Recipe
from lesionlab.core.split import Role
from lesionlab.dataset.prepared import PreparedData
from lesionlab.evaluation.calibration import fit_temperature
from lesionlab.evaluation.operating_point import choose_thresholds
from lesionlab.imaging.preprocessing import Preprocessing
from lesionlab.inference.bundle import ModelBundle, seal_manifest
from lesionlab.inference.predicting import predict_role
from lesionlab.inputs.metadata import MetadataEncoder
from lesionlab.training.card import write_card
from lesionlab.training.checked_files import read_checked, write_checked
from lesionlab.training.embedding import Embedder, default_cache

try:
    from lesionlab.models.backbones import (
        ExportedBackbone,
        FrozenBackbone,
        backbone_key,
        build_backbone,
        export_backbone,
    )
    from lesionlab.training.packing import TrainedParts, check_parity, write_bundle
    from lesionlab.training.solving import FittedHead, HeadRows, fit_head
except ImportError as error:
    raise MissingExtraError(f"training needs the extra 'train' ({error}); "
                            "pip install 'lesionlab[train]'") from error


@dataclass(frozen=True, kw_only=True)
class TrainedRun:
    """What `train` wrote."""

    folder: Path
    recipe: Recipe
    bundle: ModelBundle
    summary: dict[str, Any]
    """The content of training.json: the data's path from here, seconds by stage, parity, notes."""

    @classmethod
    def load(cls, folder: Path) -> TrainedRun:
        """Open a run folder.

        Raises:
            StoreError: it is not one.
        """
        if not (folder / "training.json").is_file():
            raise StoreError(f"{folder} is not a run: it has no training.json; "
                             f"make one with: lesionlab train DATA --recipe R --out {folder}")
        return cls(folder=folder, recipe=Recipe.load(folder / "recipe.json"),
                   bundle=ModelBundle.load(folder / "bundle"),
                   summary=artifacts.read_json(folder / "training.json"))


@dataclass
class _Clock:
    """Seconds of each stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    def time(self, stage: str, work: Callable[[], Any]) -> Any:
        """The result of `work()`, its seconds noted under `stage`."""
        start = time.perf_counter()
        result = work()
        self.seconds[stage] = round(time.perf_counter() - start, 3)
        return result


@dataclass(frozen=True, kw_only=True, eq=False)
class _Image:
    """The image side of a recipe."""

    backbone: FrozenBackbone
    exported: ExportedBackbone
    embedder: Embedder


def train(
    data: PreparedData, recipe: Recipe, out: Path, *, cache: Path | None = None
) -> TrainedRun:
    """Train a recipe on the train role, calibrate it on the valid role, pack it in `out`.

    A finished run of the same recipe on the same data is not repeated. A killed one leaves
    nothing at `out`, and its features in the cache.

    Raises:
        InputError: a role lacks a class that is needed, or no column has a value.
        RecipeError: the target is among the recipe's columns, or the backbone does not exist.
        StoreError: `out` holds something else.
        WeightsError: the backbone's weights are not on this machine.
        BundleError: the packed model does not compute what was trained.
    """
    if out.exists():
        return _finished(out, recipe, data)
    _check_roles(data)
    clock = _Clock()
    encoder = _fit_encoder(recipe, data)
    image = clock.time("backbone", lambda: _open_image(recipe, data, cache or default_cache()))
    train_rows, valid_rows = clock.time("features", lambda: [
        _head_rows(data, recipe, encoder, image, role) for role in ("train", "valid")])
    fitted: FittedHead = clock.time(
        "head", lambda: fit_head(recipe, train_rows, valid_rows, len(data.classes)))
    temperature = fit_temperature(
        fitted.head.logits(valid_rows.features), valid_rows.target_index, role="valid")
    if recipe.model.head == "prevalence":
        temperature = 1.0  # its one answer is right on average by construction
    parts = TrainedParts(
        recipe=recipe, encoder=encoder, head=fitted.head, temperature=temperature,
        exported=image.exported if image else None,
        preprocessing=image.embedder.preprocessing if image else None)
    with artifacts.new_folder(out) as folder:
        summary = clock.time("packing", lambda: _write_run(folder, parts, data, image, fitted))
        summary |= {"data": os.path.relpath(data.folder, out), "seconds": clock.seconds,
                    "notes": _notes(encoder)}
        artifacts.write_json(folder / "training.json", summary)
    return TrainedRun.load(out)


def _finished(out: Path, recipe: Recipe, data: PreparedData) -> TrainedRun:
    """The run at `out`, where it is of this recipe and these data."""
    if (out / "training.json").is_file():
        bundle = ModelBundle.load(out / "bundle")
        wanted = {"data": data.digest, "recipe": recipe.digest}
        if wanted.items() <= bundle.manifest["digests"].items():
            return TrainedRun.load(out)
    raise StoreError(f"{out} exists and is not a run of recipe {recipe.name!r} with these settings "
                     "on these data; remove it or choose another --out")


def _check_roles(data: PreparedData) -> None:
    roles = data.manifest["counts"]["roles"]
    for role in ("train", "valid"):
        present = [name for name, count in roles[role]["classes"].items() if count]
        if len(present) < 2:
            raise InputError(f"the {role} role holds {' and '.join(present) or 'no image'} alone; "
                             "two classes are needed: prepare more data or another --split")


def _fit_encoder(recipe: Recipe, data: PreparedData) -> MetadataEncoder:
    """The metadata encoder of a recipe; the target as a feature, or no feature, is refused."""
    if data.target in recipe.metadata.columns:
        raise RecipeError(f"metadata.columns holds {data.target!r}, the target of these data; "
                          "leave it out by --set metadata.columns=...")
    encoder = MetadataEncoder.fit(data.rows("train"), recipe.metadata.columns)
    sees_something = bool(recipe.model.backbone or encoder.columns)
    if not sees_something and recipe.model.head != "prevalence":
        raise InputError(
            f"{', '.join(encoder.unused)}: no image of the train role has a value in any of the "
            "columns that the recipe reads; choose others by --set metadata.columns=..., or a "
            "recipe that sees the image")
    return encoder


def _open_image(recipe: Recipe, data: PreparedData, cache: Path) -> _Image | None:
    """The backbone of a recipe, exported once and then found in the cache."""
    if not recipe.model.backbone:
        return None
    backbone, weights = build_backbone(recipe.model)
    key = backbone_key(recipe.model, recipe.image, weights.digest)
    graph = next(read_checked(cache / "backbones", key[:32], ".onnx"), None)
    if graph is None:
        exported = export_backbone(backbone, weights, recipe.image.size_px)
        write_checked(cache / "backbones", key[:32], ".onnx", exported.graph)
    else:
        exported = ExportedBackbone.read(graph, weights)
    embedder = Embedder(
        graph=exported.graph, key=key, seed=recipe.seed,
        preprocessing=Preprocessing(size_px=recipe.image.size_px, decode_side=data.size_px),
        cache=cache)
    return _Image(backbone=backbone, exported=exported, embedder=embedder)


def _head_rows(
    data: PreparedData, recipe: Recipe, encoder: MetadataEncoder, image: _Image | None, role: Role
) -> HeadRows:
    """Features and targets of a role; in training each view of an image is a row."""
    rows = data.rows(role)
    encoded = encoder.encode(rows)
    index = rows["target"].map({name: k for k, name in enumerate(data.classes)})
    target_index = index.to_numpy(np.int64)
    if image is None:
        return HeadRows(features=encoded, target_index=target_index)
    num_views = recipe.image.num_views if role == "train" else 1
    views = image.embedder.embed(data.store, list(map(str, rows.index)), num_views)
    metadata = np.repeat(encoded[:, None], num_views, axis=1)
    features = np.concatenate([views, metadata], axis=2)
    return HeadRows(features=features.reshape(-1, features.shape[2]),
                    target_index=np.repeat(target_index, num_views))


def _write_run(
    folder: Path, parts: TrainedParts, data: PreparedData, image: _Image | None,
    fitted: FittedHead,
) -> dict[str, Any]:
    parts.recipe.save(folder / "recipe.json")
    artifacts.write_text(folder / "history.csv", fitted.history.to_csv(index=False))
    bundle = write_bundle(folder / "bundle", parts, data)
    parity = check_parity(bundle, parts, data, image.backbone if image else None)
    predictions = predict_role(bundle, data, "valid")
    predictions.save(folder / "predictions_valid.parquet")
    manifest = bundle.manifest | {"thresholds": choose_thresholds(predictions)}
    write_card(bundle.folder, manifest, parity)
    seal_manifest(bundle.folder, manifest)
    return {"parity_difference": parity, "temperature": parts.temperature,
            "num_features": parts.num_features, "num_epochs": len(fitted.history)}


def _notes(encoder: MetadataEncoder) -> list[str]:
    if not encoder.unused:
        return []
    return [(f"{len(encoder.unused)} columns of the recipe have no value in the train role and are "
             f"not used: {', '.join(encoder.unused)}")]
