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
from lesionlab.core.recipe import Recipe
from lesionlab.core.terms import COLUMNS, RESEARCH_USE
from lesionlab.dataset.prepared import PreparedData
from lesionlab.imaging.decoding import decode_rgb
from lesionlab.imaging.preprocessing import Preprocessing
from lesionlab.inference.bundle import FORMAT_VERSION, MODEL_FILE, ModelBundle, seal_manifest
from lesionlab.inputs.metadata import MetadataEncoder
from lesionlab.models.backbones import ExportedBackbone, FrozenBackbone, embed_with_torch
from lesionlab.models.heads import Head
from lesionlab.training.graph import write_graph

PARITY_TOLERANCE = 1e-4
"""Largest difference of a probability between the bundle and the training side."""
PARITY_ROWS = 32
"""Validation rows that the two are compared on."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainedParts:
    """All that training made."""

    recipe: Recipe
    encoder: MetadataEncoder
    exported: ExportedBackbone | None
    preprocessing: Preprocessing | None
    head: Head
    temperature: float

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """(N, classes) float64 calibrated probabilities of (N, D) float32 features."""
        logits = self.head.logits(features).astype(np.float64)
        return softmax(logits / self.temperature, axis=1)

    @property
    def num_features(self) -> int:
        """D: of the image, then of the metadata."""
        image = self.exported.num_features if self.exported else 0
        return image + len(self.encoder.feature_names)


def write_bundle(folder: Path, parts: TrainedParts, data: PreparedData) -> ModelBundle:
    """Write everything but thresholds and model card, which need the bundle's own predictions."""
    graph = write_graph(
        encoder=parts.encoder, backbone=parts.exported.graph if parts.exported else None,
        head=parts.head, temperature=parts.temperature, num_classes=len(data.classes),
        size_px=parts.preprocessing.size_px if parts.preprocessing else 0,
        num_features=parts.num_features)
    artifacts.write_bytes(folder / MODEL_FILE, graph)
    tensors = parts.head.tensors()
    if tensors:
        artifacts.write_bytes(folder / "weights.safetensors", to_safetensors(tensors))
    seal_manifest(folder, _manifest(parts, data))
    return ModelBundle.load(folder)


def check_parity(
    bundle: ModelBundle, parts: TrainedParts, data: PreparedData, backbone: FrozenBackbone | None
) -> float:
    """The largest difference to the training side on validation rows, rows with gaps among them.

    Raises:
        BundleError: it is above `PARITY_TOLERANCE`; the bundle must not be used.
    """
    rows = data.rows("valid").iloc[:PARITY_ROWS]
    features = [parts.encoder.encode(rows)]
    images = None
    if backbone is not None:
        assert parts.preprocessing is not None
        images = np.stack([
            parts.preprocessing.apply(decode_rgb(
                data.store.read(str(isic_id)), short_side=parts.preprocessing.decode_side))
            for isic_id in rows.index])
        features.insert(0, embed_with_torch(backbone, images))
    expected = parts.probabilities(np.concatenate(features, axis=1))
    found = bundle.run(images, rows)
    differences = np.abs(found - expected).max(axis=1)
    difference = float(differences.max())
    if not difference <= PARITY_TOLERANCE:
        worst = pd.Series(differences, index=rows.index).sort_values(ascending=False)
        raise BundleError(
            f"the bundle does not compute what was trained: probabilities differ by up to "
            f"{difference:.2g}, allowed is {PARITY_TOLERANCE:g}, on {list_some(worst.index)}; "
            "the bundle was not written")
    return difference


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
    exported = parts.exported
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
        "digests": {"data": data.digest, "split": data.split.digest,
                    "recipe": parts.recipe.digest},
        "training": data.manifest["counts"]["roles"],
        "weights": {"origin": exported.weights_origin, "licence": exported.weights_licence,
                    "digest": exported.weights_digest} if exported else None,
        "licences": data.manifest["licences"],
    }
