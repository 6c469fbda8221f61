"""train(): prepared data and a recipe to a run folder."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from lesionlab.core import artifacts
from lesionlab.core.errors import InputError, MissingExtraError, RecipeError, StoreError
from lesionlab.core.recipe import Recipe
from lesionlab.dataset.prepared import PreparedData
from lesionlab.evaluation.operating_point import choose_thresholds
from lesionlab.inference.bundle import ModelBundle, seal_manifest
from lesionlab.inference.external_data import RECORD_FILE, describe_training_images
from lesionlab.inference.predicting import predict_role
from lesionlab.inputs.metadata import MetadataEncoder
from lesionlab.recipes import list_unused
from lesionlab.training.card import write_card
from lesionlab.training.run import TrainedRun

try:
    from lesionlab.training.checkpoint import CheckpointFolder
    from lesionlab.training.embedding import default_cache
    from lesionlab.training.ensembling import pack_ensemble
    from lesionlab.training.features import Clock, Fitted, find_preprocessing, fit_features
    from lesionlab.training.packing import TrainedParts, calibrate, check_parity, write_bundle
    from lesionlab.training.stacked_model import check_stack_parity, write_stack
    from lesionlab.training.stacking import fit_stack
    from lesionlab.training.trained import NetworkModel
    from lesionlab.training.tuning import fit_network, is_first_process, wait_for_all
except ImportError as error:
    raise MissingExtraError(f"training needs the extra 'train' ({error}); "
                            "pip install 'lesionlab[train]'") from error

MOST_CACHE_BYTES = 20 << 30
"""Most that the output of frozen stages may take unless the user says otherwise."""


def train(
    data: PreparedData, recipe: Recipe, out: Path, *, cache: Path | None = None,
    most_cache_bytes: int = MOST_CACHE_BYTES,
) -> TrainedRun:
    """Train a recipe on the train role, calibrate it on the valid role, pack it in `out`.

    A finished run of the same recipe on the same data is not repeated. A killed one leaves
    nothing at `out`; run again, a network goes on from its last checkpoint, which stands beside
    `out`, and features are found in the cache.

    Args:
        data: prepared folder.
        recipe: what to train.
        out: folder to write.
        cache: folder of what is computed once; by default the user's cache.
        most_cache_bytes: most that the output of frozen stages may take there.

    Raises:
        InputError: a role lacks a class that is needed, no column has a value, or the cache would
            grow beyond its limit.
        RecipeError: the target is among the recipe's columns, or the backbone does not exist.
        StoreError: `out` holds something else.
        WeightsError: the backbone's weights are not on this machine.
        BundleError: the packed model does not compute what was trained.
    """
    if out.exists():
        return _finished(out, recipe, data)
    _check_roles(data)
    if recipe.model.head == "ensemble":
        return pack_ensemble(data, recipe, [Path(member) for member in recipe.model.members], out)
    clock = Clock()
    encoder = _fit_encoder(recipe, data)
    cache = cache or default_cache()
    if recipe.model.tuning == "network":
        fitted = _fit_network(data, recipe, encoder, out, cache, most_cache_bytes, clock)
    else:
        fit = fit_stack if recipe.model.head == "stack" else fit_features
        fitted = fit(data, recipe, encoder, cache, clock)
    if is_first_process():
        with artifacts.new_folder(out) as folder:
            summary = clock.time("packing", lambda: _write_run(folder, fitted, data))
            notes = [*_notes(recipe, encoder), *fitted.notes]
            summary |= {"data": os.path.relpath(data.folder, out), "seconds": clock.seconds,
                        "notes": notes, "computed": fitted.facts}
            artifacts.write_json(folder / "training.json", summary)
        CheckpointFolder.beside(out, "").remove()
    wait_for_all()
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


def _fit_network(
    data: PreparedData, recipe: Recipe, encoder: MetadataEncoder, out: Path, cache: Path,
    most_cache_bytes: int, clock: Clock,
) -> Fitted:
    fitted = fit_network(data, recipe, encoder, out, cache=cache,
                         most_cache_bytes=most_cache_bytes, on_stage=clock.lap)
    parts = TrainedParts(
        recipe=recipe, encoder=encoder, preprocessing=find_preprocessing(recipe, data),
        logit_shift=fitted.logit_shift,
        model=NetworkModel(built=fitted.built, size_px=recipe.image.size_px,
                           num_test_views=recipe.image.num_test_views,
                           num_metadata=len(encoder.feature_names)))
    return Fitted(parts=parts, history=fitted.history, notes=fitted.notes, facts=fitted.facts)


def _write_run(folder: Path, fitted: Fitted, data: PreparedData) -> dict[str, Any]:
    parts = fitted.parts
    parts.recipe.save(folder / "recipe.json")
    artifacts.write_text(folder / "history.csv", fitted.history.to_csv(index=False))
    artifacts.write_parquet(folder / RECORD_FILE, describe_training_images(data))
    is_stack = parts.recipe.model.head == "stack"
    write, check = (write_stack, check_stack_parity) if is_stack else (write_bundle, check_parity)
    bundle = write(folder / "bundle", parts, data)
    if parts.recipe.model.head == "prevalence":  # right on average by construction
        predictions = predict_role(bundle, data, "valid")
    else:
        predictions, temperature = calibrate(bundle, data)
        parts = replace(parts, temperature=temperature)
        bundle = write(folder / "bundle", parts, data)
    parity = check(bundle, parts, data)
    predictions.save(folder / "predictions_valid.parquet")
    manifest = bundle.manifest | {"thresholds": choose_thresholds(predictions)}
    write_card(bundle.folder, manifest, parity)
    seal_manifest(bundle.folder, manifest)
    facts = parts.model.describe()
    return {"parity_difference": parity, "temperature": parts.temperature,
            "num_features": facts["num_features"], "num_parameters": facts["num_parameters"],
            "num_epochs": len(fitted.history)}


def _notes(recipe: Recipe, encoder: MetadataEncoder) -> list[str]:
    notes = []
    if unused := list_unused(recipe):
        notes.append(f"recipe {recipe.name} does not use {', '.join(unused)}: what was set there "
                     "changes nothing")
    if encoder.unused:
        notes.append(f"{len(encoder.unused)} columns of the recipe have no value in the train role "
                     f"and are not used: {', '.join(encoder.unused)}")
    return notes
