"""The second pass of a bundle that compares the images of one patient with each other.

Its first pass predicts each image by itself, as any bundle does, and also gives its scores.
`patient_context` sets these beside those of the patient's other images, and the second graph
predicts again from scores, metadata and context. An image without others of its patient keeps
the first prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lesionlab.core.raw_values import as_number
from lesionlab.inference.bundle import ModelBundle
from lesionlab.inference.patient_context import add_patient_context, list_context_columns
from lesionlab.sources.image_files import strip_suffix
from lesionlab.sources.tables import read_header, read_table

PATIENT = "patient_id"


def read_patients(path: Path) -> pd.Series:
    """The patient of each image by `isic_id`, "" where unknown; empty without such a column.

    Args:
        path: a table that `read_inputs` has accepted.
    """
    if PATIENT not in read_header(path):
        return pd.Series(dtype=object)
    table = read_table(path)
    return table[PATIENT].set_axis(table["isic_id"].map(strip_suffix))


def compare_within_patients(
    bundle: ModelBundle, outputs: np.ndarray, metadata: pd.DataFrame
) -> np.ndarray:
    """The final probabilities, (N, classes) float32.

    Args:
        bundle: any; one without scores keeps what it predicted.
        outputs: (N, classes + scores) float32 of `ModelBundle.run_all`, NaN for a bad image.
        metadata: N rows, indexed by id, with `patient_id` where known.
    """
    num_classes = len(bundle.classes)
    probabilities, scores = outputs[:, :num_classes], outputs[:, num_classes:]
    if not bundle.score_names:
        return probabilities
    context = find_context(scores, metadata, names=bundle.score_names,
                           measure_names=bundle.measure_names)
    rows = np.flatnonzero(~np.isnan(context).all(axis=1))
    final = probabilities.copy()
    if len(rows):
        final[rows] = bundle.run_context(scores[rows], context[rows], metadata.iloc[rows])
    return final


def find_context(
    scores: np.ndarray, metadata: pd.DataFrame, *, names: Sequence[str],
    measure_names: Sequence[str],
) -> np.ndarray:
    """What the second pass is given, (N, F) float32 of `list_context_columns`.

    NaN throughout for an image that has no other of its patient beside it.

    Args:
        scores: (N, C) float32.
        metadata: N rows, indexed by id, with `patient_id` where known.
        names: of the C scores.
        measure_names: columns of `metadata` that are compared too, where it has them.
    """
    columns = [*list_context_columns(names)]
    if PATIENT not in metadata:
        return np.full((len(scores), len(columns)), np.nan, np.float32)
    keys = _row_keys(metadata)
    measures = {name: as_number(metadata[name]) for name in measure_names if name in metadata}
    compared = add_patient_context(
        pd.DataFrame(scores, index=keys, columns=[*names]),
        metadata[PATIENT].set_axis(keys), measures=pd.DataFrame(measures, index=keys))
    context = compared[columns].to_numpy(np.float32)
    # That it is the only one given tells of a choice, not of the lesion.
    context[np.isnan(context[:, 0])] = np.nan
    return context


def list_notes(bundle: ModelBundle, metadata: pd.DataFrame) -> list[str]:
    """What the user should know of the comparison, in one sentence; none for other models."""
    if not bundle.score_names:
        return []
    patients = metadata.get(PATIENT, pd.Series(dtype=object))
    known = patients[patients.notna() & (patients != "")]
    if known.empty:
        return [("the model also compares a patient's images with each other, and the patient of "
                 "no image is known; for that, give a metadata table with patient_id")]
    num_compared = int(known.duplicated(keep=False).sum())
    return [(f"{num_compared} of {len(metadata)} images were compared with others of their "
             "patient; what is predicted for them depends on which of these are given together")]


def _row_keys(metadata: pd.DataFrame) -> pd.Index:
    """A name for each row: its id, and which of the rows of that id it is."""
    ids = pd.Series(metadata.index.astype(str))
    return pd.Index(ids + "/" + ids.groupby(ids).cumcount().astype(str))
