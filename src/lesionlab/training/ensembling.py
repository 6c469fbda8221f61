"""pack_ensemble(): finished runs to a run whose one graph averages their probabilities."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import lesionlab
from lesionlab.core import artifacts
from lesionlab.core.errors import StoreError
from lesionlab.core.licences import explain_licences
from lesionlab.core.predictions import Predictions
from lesionlab.core.recipe import Recipe
from lesionlab.core.terms import RESEARCH_USE
from lesionlab.dataset.prepared import PreparedData
from lesionlab.evaluation.calibration import fit_temperature
from lesionlab.evaluation.operating_point import choose_thresholds
from lesionlab.inference.bundle import FORMAT_VERSION, MODEL_FILE, ModelBundle, seal_manifest
from lesionlab.inference.external_data import RECORD_FILE, describe_training_images
from lesionlab.inference.predicting import predict_role, run_bundle
from lesionlab.training.card import write_card
from lesionlab.training.ensemble_members import check_members, temper
from lesionlab.training.joined_graph import FLOOR, join_graphs
from lesionlab.training.packing import PARITY_ROWS, find_decision_weights, refuse_difference
from lesionlab.training.run import TrainedRun


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """All that an ensemble is made of."""

    data: PreparedData
    recipe: Recipe
    members: tuple[TrainedRun, ...]
    out: Path
    """Where the run will stand; paths in its files start there."""
    unseen: Predictions | None
    temperature: float


def pack_ensemble(
    data: PreparedData, recipe: Recipe, members: Sequence[Path], out: Path, *,
    unseen: Predictions | None = None,
) -> TrainedRun:
    """Pack the bundles of finished runs as one run at `out`, the mean of their probabilities.

    The members are calibrated already, so the temperature is 1; thresholds are chosen on the valid
    role. Members of a cross-validation have seen the valid role: then thresholds, and a
    temperature of each member's probabilities before the mean, come from `unseen`.

    Args:
        data: what the ensemble is for; each member was trained on them, or on data derived from
            them.
        recipe: is written as the ensemble's own.
        members: folders of two or more runs.
        out: the new run folder; the same ensemble is found again there.
        unseen: predictions of images by members that were not trained on them.

    Raises:
        InputError: the members differ in what they predict or see, or one was trained on test
            images of `data`, on other targets, or without `unseen` on valid images.
        StoreError: a run or its data are missing, or `out` holds something else.
        BundleError: a bundle is damaged, or the packed graph does not give the mean.
    """
    start = time.perf_counter()
    opened = tuple(map(TrainedRun.load, members))
    if out.exists():
        return _find_packed(out, data, recipe, opened)
    check_members(opened, data, may_have_seen_valid=unseen is not None)
    parts = _Parts(data=data, recipe=recipe, members=opened, out=out, unseen=unseen,
                   temperature=_fit_temperature(unseen))
    with artifacts.new_folder(out) as folder:
        summary = _write_run(folder, parts)
        seconds = sum(sum(member.summary["seconds"].values()) for member in opened)
        summary["seconds"] = {"members": round(seconds, 3),
                              "packing": round(time.perf_counter() - start, 3)}
        artifacts.write_json(folder / "training.json", summary)
    return TrainedRun.load(out)


def _find_packed(
    out: Path, data: PreparedData, recipe: Recipe, members: Sequence[TrainedRun]
) -> TrainedRun:
    """The run at `out`, where it is of just this ensemble."""
    if (out / "training.json").is_file():
        run = TrainedRun.load(out)
        wanted = {"data": data.digest, "recipe": recipe.digest}
        packed = [member["bundle"] for member in run.bundle.manifest.get("members", [])]
        if (wanted.items() <= run.bundle.manifest["digests"].items()
                and packed == [member.bundle.digest for member in members]):
            return run
    raise StoreError(f"{out} exists and is not the ensemble of these runs on these data; remove it "
                     "or choose another --out")


def _fit_temperature(unseen: Predictions | None) -> float:
    if unseen is None:
        return 1.0
    logits = np.log(np.maximum(unseen.probabilities, FLOOR))
    return fit_temperature(logits, unseen.target_index, role=unseen.role)


def _write_run(folder: Path, parts: _Parts) -> dict[str, Any]:
    """Write all but training.json; returns what that says."""
    parts.recipe.save(folder / "recipe.json")
    artifacts.write_text(folder / "history.csv", _list_members(parts).to_csv(index=False))
    artifacts.write_parquet(folder / RECORD_FILE, describe_training_images(parts.data))
    bundle_folder = folder / "bundle"
    artifacts.write_bytes(bundle_folder / MODEL_FILE, join_graphs(
        [(member.bundle.folder / MODEL_FILE).read_bytes() for member in parts.members],
        parts.temperature))
    seal_manifest(bundle_folder, _manifest(parts))
    bundle = ModelBundle.load(bundle_folder)
    predictions = predict_role(bundle, parts.data, "valid")
    predictions.save(folder / "predictions_valid.parquet")
    parity = _check_parity(bundle, parts)
    scored = predictions if parts.unseen is None else parts.unseen.replace_probabilities(
        temper(parts.unseen.probabilities, parts.temperature))
    manifest = bundle.manifest | {"thresholds": choose_thresholds(scored)}
    write_card(bundle_folder, manifest, parity)
    seal_manifest(bundle_folder, manifest)
    counts = [member.summary.get("num_parameters") for member in parts.members]
    known = [count for count in counts if count is not None]
    return {"parity_difference": parity, "temperature": parts.temperature,
            "num_parameters": sum(known) if len(known) == len(counts) else None,
            "num_epochs": sum(member.summary["num_epochs"] for member in parts.members),
            "data": os.path.relpath(parts.data.folder, parts.out),
            "notes": [_describe_calibration(parts)]}


def _list_members(parts: _Parts) -> pd.DataFrame:
    """A row per member: `member, run, recipe, num_epochs, seconds`."""
    return pd.DataFrame([{
        "member": number, "run": os.path.relpath(member.folder, parts.out),
        "recipe": member.bundle.manifest["recipe"]["name"],
        "num_epochs": member.summary["num_epochs"],
        "seconds": round(sum(member.summary["seconds"].values()), 3),
    } for number, member in enumerate(parts.members)])


def _describe_calibration(parts: _Parts) -> str:
    """What thresholds and temperature were chosen on."""
    if parts.unseen is None:
        return (f"The thresholds are chosen on the {len(parts.data.rows('valid')):,} images of the "
                "valid role; each member is calibrated on its own, and their mean is not again.")
    return (f"The thresholds, and the temperature of each member before the mean, are chosen on "
            f"{len(parts.unseen):,} predictions of role {parts.unseen.role}, each by a member that "
            "had not seen the image. Members were trained on images of the valid role, so the "
            "scores of predictions_valid.parquet are too good.")


def _check_parity(bundle: ModelBundle, parts: _Parts) -> float:
    """The largest difference to the mean of the members' own bundles on validation rows.

    Raises:
        BundleError: it is above `PARITY_TOLERANCE`; the bundle must not be used.
    """
    rows = parts.data.rows("valid").iloc[:PARITY_ROWS]
    ids = [str(isic_id) for isic_id in rows.index]
    reads = [partial(parts.data.store.read, isic_id) for isic_id in ids]

    def run(model: ModelBundle) -> np.ndarray:
        return run_bundle(model, reads, rows.reset_index(drop=True))[0].astype(np.float64)

    expected = np.mean([temper(run(member.bundle), parts.temperature)
                        for member in parts.members], axis=0)
    return refuse_difference("the ensemble does not give the mean of its members:", run(bundle),
                             expected, pd.Index(ids))


def _manifest(parts: _Parts) -> dict[str, Any]:
    """The manifest but for thresholds: that of any bundle, and the members."""
    data, manifests = parts.data, [member.bundle.manifest for member in parts.members]
    inputs = {item["name"]: item for manifest in manifests for item in manifest["inputs"]}
    return {
        "format_version": FORMAT_VERSION,
        "lesionlab_version": lesionlab.__version__,
        "notice": RESEARCH_USE,
        "recipe": parts.recipe.to_dict(),
        "target": data.target,
        "classes": list(data.classes),
        "inputs": list(inputs.values()),
        "preprocessing": next((manifest["preprocessing"] for manifest in manifests
                               if manifest["preprocessing"]), None),
        "metadata_encoder": None,
        "temperature": parts.temperature,
        "decision_weights": find_decision_weights(parts.recipe, data),
        "digests": {"data": data.digest, "split": data.split.digest,
                    "recipe": parts.recipe.digest},
        "training": data.manifest["counts"]["roles"],
        "weights": None,
        "members": [{
            "run": os.path.relpath(member.folder, parts.out),
            "recipe": member.bundle.manifest["recipe"]["name"],
            "bundle": member.bundle.digest,
            "data": member.bundle.manifest["digests"]["data"],
            "backbone": member.bundle.manifest["recipe"]["model"]["backbone"],
            "weights": member.bundle.manifest["weights"],
        } for member in parts.members],
        "calibration": _describe_calibration(parts),
        "licences": data.licences,
        "attributions": data.attributions,
        "licence_note": explain_licences(data.licences),
    }
