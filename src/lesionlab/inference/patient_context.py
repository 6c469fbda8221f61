"""How an image stands out among its patient's other images."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import numpy as np
import pandas as pd

from lesionlab.core.cohort import list_some
from lesionlab.core.errors import InputError

SCORE_FEATURES = ("z_in_patient", "rank_in_patient", "minus_patient_mean", "minus_patient_max")
"""Of each score, behind its name: standardised, rank in (0, 1], distance to mean and highest."""
PATIENT_FEATURES = ("log_num_images_of_patient", "outlier_factor_in_patient")
"""Of all scores together: natural logarithm of the count, and local outlier factor."""

MIN_IMAGES = 2
"""A patient's images from which one of them is compared with the others."""
MIN_OUTLIER_IMAGES = 3
NUM_NEIGHBOURS = 20
"""Of the outlier factor; all others where the patient has fewer. scikit-learn's default."""
MAX_OUTLIER_FACTOR = 100.0
"""Beside images that are the same, the factor of another one has no limit of its own."""


def list_context_columns(scores: Iterable[str]) -> tuple[str, ...]:
    """The columns that `add_patient_context` adds, in order.

    >>> list_context_columns(["p"])[:2]
    ('p_z_in_patient', 'p_rank_in_patient')
    """
    each = (f"{score}_{feature}" for score in scores for feature in SCORE_FEATURES)
    return *each, *PATIENT_FEATURES


def add_patient_context(
    scores: pd.DataFrame, patients: pd.Series, *, measures: pd.DataFrame | None = None
) -> pd.DataFrame:
    """The scores, and how each stands among those of the same patient's images.

    A melanoma is often the patient's "ugly duckling"; such features won the ISIC 2024 challenge
    (https://www.kaggle.com/competitions/isic-2024-challenge). Neither another patient's image nor
    the order of rows changes a row. An image whose scores are not finite counts for nobody.

    Args:
        scores: indexed by `isic_id`, (N, C) float probabilities or logits.
        patients: patient of an image by `isic_id`; missing, or not there, where unknown.
        measures: numbers by `isic_id` that the outlier factor also looks at, such as sizes; a
            missing one counts as the patient's mean.

    Returns:
        Rows and columns of `scores`, then `list_context_columns` float64: NaN where the patient is
        unknown or has fewer than 2 images, 3 for the outlier factor.

    Raises:
        InputError: an id stands in several rows.
    """
    _check_ids(scores=scores, patients=patients, measures=measures)
    # Sorted, because sums and equally near neighbours depend on the order in the last digit.
    patient = patients.astype(object).reindex(scores.index.sort_values())
    patient = patient[patient.notna() & (patient != "")]
    values = scores.loc[patient.index].astype(np.float64)
    values = values[np.isfinite(values).all(axis=1)]
    assert isinstance(values, pd.DataFrame)
    patient = patient[values.index]
    context = _score_features(values, patient)
    context[PATIENT_FEATURES[0]] = np.log(_count(patient))
    points = values
    if measures is not None:
        numbers = measures.astype(np.float64).add_prefix("measure_")
        points = values.join(numbers.where(np.isfinite(numbers)))
    context[PATIENT_FEATURES[1]] = _outlier_factors(_standardise(points, patient), patient)
    return scores.join(context[[*list_context_columns(map(str, scores))]])


def _check_ids(**tables: pd.DataFrame | pd.Series | None) -> None:
    for name, table in tables.items():
        repeated = table.index[table.index.duplicated()].unique() if table is not None else []
        if len(repeated):
            raise InputError(f"{name}: {len(repeated)} ids stand in more than one row: "
                             f"{list_some(repeated)}; keep one row an id")


def _score_features(values: pd.DataFrame, patient: pd.Series) -> pd.DataFrame:
    """The `SCORE_FEATURES` of each column, where the patient has images enough."""
    groups = values.groupby(patient)
    parts = (_standardise(values, patient), groups.rank(pct=True),
             values - _mean(values, patient), values - groups.transform("max"))
    features = pd.concat([part.add_suffix(f"_{name}")
                          for name, part in zip(SCORE_FEATURES, parts, strict=True)], axis=1)
    return features.where(_count(patient) >= MIN_IMAGES)


def _count(patient: pd.Series) -> pd.Series:
    """The number of images of the patient of each row, as float64."""
    return patient.groupby(patient).transform("size").astype(np.float64)


def _mean(values: pd.DataFrame, patient: pd.Series) -> pd.DataFrame:
    """The patient's mean in each row; that of equal values is that value to the last digit."""
    groups = values.groupby(patient)
    lowest, highest = groups.transform("min"), groups.transform("max")
    return _average(values, patient).clip(lowest, highest)  # type: ignore[call-overload]


def _average(values: pd.DataFrame, patient: pd.Series) -> pd.DataFrame:
    """Sum over count of the patient's known values, NaN where none is.

    Not pandas' own mean: its last digit depends on which other groups there are.
    """
    codes, _ = pd.factorize(patient)
    tables = values.fillna(0.0), values.notna()
    sums, counts = (
        np.stack([np.bincount(codes, column)[codes] for column in table.to_numpy(np.float64).T])
        for table in tables)
    average = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    return pd.DataFrame(average.T, index=values.index, columns=values.columns)


def _standardise(values: pd.DataFrame, patient: pd.Series) -> pd.DataFrame:
    """Each column less the patient's mean, over the patient's deviation; 0 where all are equal."""
    centred = values - _mean(values, patient)
    deviation = _average(centred * centred, patient) ** 0.5
    return (centred / deviation).where(deviation > 0, 0.0)


def _outlier_factors(points: pd.DataFrame, patient: pd.Series) -> np.ndarray:
    """(N,) float64 of Breunig et al. 2000, from 1 for an image among like ones; NaN for few."""
    from sklearn.neighbors import LocalOutlierFactor  # a second to load, and most models do without

    found = np.full(len(points), np.nan)
    filled = points.fillna(0.0).to_numpy(np.float64)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Duplicate values")  # limited below
        for rows in patient.groupby(patient).indices.values():
            if len(rows) < MIN_OUTLIER_IMAGES:
                continue
            # A tree measures each distance alone; "auto" may take a product that rounds.
            factor = LocalOutlierFactor(
                n_neighbors=min(NUM_NEIGHBOURS, len(rows) - 1), algorithm="kd_tree")
            found[rows] = -factor.fit(filled[rows]).negative_outlier_factor_
    return np.minimum(found, MAX_OUTLIER_FACTOR)
