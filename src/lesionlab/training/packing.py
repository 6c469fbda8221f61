"""Packing what was trained into a bundle, checked against the training side on real images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors.numpy import save as to_safetensors
from scipy.special import softmax

import lesionlab
from lesionlab.core import artifacts
from lesionlab.core.cohort import list_some
from lesionlab.core.errors import BundleError
from lesionlab.core.licences import explain_licences
from lesionlab.core.predictions import Predictions
from lesionlab.core.recipe import Recipe
from lesionlab.core.terms import COLUMNS, RESEARCH_USE
from lesionlab.dataset.prepared import PreparedData
from lesionlab.evaluation.calibration import fit_temperature
from lesionlab.evaluation.decision import weigh_classes
from lesionlab.imaging.decoding import decode_rgb
from lesionlab.imaging.preprocessing import Preprocessing
from lesionlab.inference.bundle import FORMAT_VERSION, MODEL_FILE, ModelBundle, seal_manifest
from lesionlab.inference.predicting import predict_role
from lesionlab.inputs.metadata import MetadataEncoder
from lesionlab.training.graph import write_graph
from lesionlab.training.trained import TrainedModel

PARITY_TOLERANCE = 1e-4
"""Largest difference of a probability between the bundle and the training side."""
PARITY_ROWS = 32
"""Validation rows that the two are compared on."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainedParts:
    """All that training made."""

    recipe: Recipe
    encoder: MetadataEncoder
    preprocessing: Preprocessing | None
    model: TrainedModel
    logit_shift: np.ndarray | None = None
    """(K,) from the prior of training to the natural one; None where they are the same."""
    temperature: float = 1.0

    def probabilities(self, squares: np.ndarray | None, metadata: np.ndarray) -> np.ndarray:
        """(N, classes) float64 of (N, S, S, 3) uint8 and (N, M) float32, as training computes."""
        return self.calibrate(self.model.logits(squares, metadata))

    def calibrate(self, logits: np.ndarray) -> np.ndarray:
        """(N, classes) float64 probabilities of the model's logits."""
        shift = 0.0 if self.logit_shift is None else self.logit_shift
        return softmax((logits.astype(np.float64) + shift) / self.temperature, axis=1)

    def read_squares(self, data: PreparedData, rows: pd.DataFrame) -> np.ndarray | None:
        """(N, S, S, 3) uint8 of stored images; None for a model that sees none."""
        preprocessing = self.preprocessing
        if preprocessing is None:
            return None
        return np.stack([
            preprocessing.apply(decode_rgb(
                data.store.read(str(isic_id)), short_side=preprocessing.decode_side))
            for isic_id in rows.index])


def write_bundle(folder: Path, parts: TrainedParts, data: PreparedData) -> ModelBundle:
    """Write everything but thresholds and model card, which need the bundle's own predictions."""
    graph = write_graph(
        encoder=parts.encoder, write_model=parts.model.write, logit_shift=parts.logit_shift,
        temperature=parts.temperature, num_classes=len(data.classes),
        size_px=parts.preprocessing.size_px if parts.preprocessing else 0)
    artifacts.write_bytes(folder / MODEL_FILE, graph)
    tensors = parts.model.tensors()
    if tensors:
        artifacts.write_bytes(folder / "weights.safetensors", to_safetensors(tensors))
    seal_manifest(folder, _manifest(parts, data))
    return ModelBundle.load(folder)


def check_parity(bundle: ModelBundle, parts: TrainedParts, data: PreparedData) -> float:
    """The largest difference to the training side on validation rows, rows with gaps among them.

    Raises:
        BundleError: it is above `PARITY_TOLERANCE`; the bundle must not be used.
    """
    rows = data.rows("valid").iloc[:PARITY_ROWS]
    squares = parts.read_squares(data, rows)
    expected = parts.probabilities(squares, parts.encoder.encode(rows))
    return refuse_difference("the bundle does not compute what was trained:",
                             bundle.run(squares, rows), expected, rows.index)


def refuse_difference(
    claim: str, found: np.ndarray, expected: np.ndarray, ids: pd.Index
) -> float:
    """The largest difference of two (N, K) tables of probabilities, where it is allowed.

    Raises:
        BundleError: it is above `PARITY_TOLERANCE`; `claim` begins its message.
    """
    differences = np.abs(found - expected).max(axis=1)
    difference = float(differences.max())
    if not difference <= PARITY_TOLERANCE:
        worst = pd.Series(differences, index=ids).sort_values(ascending=False)
        raise BundleError(
            f"{claim} probabilities differ by up to {difference:.2g}, allowed is "
            f"{PARITY_TOLERANCE:g}, on {list_some(worst.index)}; the bundle was not written")
    return difference


def calibrate(bundle: ModelBundle, data: PreparedData) -> tuple[Predictions, float]:
    """Predictions of the valid role by a bundle of temperature 1, calibrated, and the temperature
    that they and the bundle then have.
    """
    raw = predict_role(bundle, data, "valid")
    logits = np.log(np.maximum(raw.probabilities, np.finfo(np.float32).tiny))
    temperature = fit_temperature(logits, raw.target_index, role="valid")
    return raw.replace_probabilities(softmax(logits / temperature, axis=1)), temperature


def find_decision_weights(recipe: Recipe, data: PreparedData) -> dict[str, float]:
    """What the probability of each class is multiplied by before the highest one decides."""
    counts = data.manifest["counts"]["roles"]["train"]["classes"]
    return weigh_classes(counts, recipe.fit.decision_power)


def _manifest(parts: TrainedParts, data: PreparedData) -> dict[str, Any]:
    """The manifest but for thresholds; see `inference.bundle` for what reads it."""
    inputs: list[dict[str, Any]] = []
    if parts.preprocessing:
        side = parts.preprocessing.size_px
        inputs.append({"name": "image", "dtype": "uint8", "shape": ["N", side, side, 3],
                       "meaning": "RGB pixels"})
    for name in parts.encoder.columns:
        is_number = COLUMNS[name].kind == "number"
        inputs.append({"name": name, "dtype": "float32" if is_number else "string",
                       "shape": ["N"], "missing": "NaN" if is_number else "",
                       "meaning": COLUMNS[name].meaning})
    return {
        "format_version": FORMAT_VERSION,
        "lesionlab_version": lesionlab.__version__,
        "notice": RESEARCH_USE,
        "recipe": parts.recipe.to_dict(),
        "target": data.target,
        "classes": list(data.classes),
        "inputs": inputs,
        "preprocessing": parts.preprocessing.to_dict() if parts.preprocessing else None,
        "metadata_encoder": parts.encoder.to_dict(),
        "temperature": parts.temperature,
        "decision_weights": find_decision_weights(parts.recipe, data),
        "logit_shift": None if parts.logit_shift is None else parts.logit_shift.tolist(),
        "digests": {"data": data.digest, "split": data.split.digest,
                    "recipe": parts.recipe.digest},
        "training": data.manifest["counts"]["roles"],
        "weights": parts.model.describe()["weights"],
        "licences": data.licences,
        "attributions": data.attributions,
        "licence_note": explain_licences(data.licences),
    }
