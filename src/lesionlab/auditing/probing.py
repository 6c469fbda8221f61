"""Probe: how well something tells a class, by models that never saw the group they score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from lesionlab.auditing.association import ALPHA, LEAST_GROUPS, Separation, separate_class

NUM_FOLDS = 5
MOST_IMAGES = 4_000
"""Images that a probe looks at; more would make its interval narrower than anybody needs."""
MOST_COMPONENTS = 48
"""Principal components of features that a probe looks at."""
WIDEN = 1.5
"""How much more the AUROC of scores out of fold varies than that of one fixed model: the folds
share their training rows. On noise its standard deviation is this many standard errors."""
Kind = Literal["features", "columns"]


def choose_rows(frame: pd.DataFrame, column: str = "target") -> pd.DataFrame:
    """Rows for a probe of `column`: those that have a value, of whole groups, not too many."""
    rows = frame.dropna(subset=[column])
    if len(rows) <= MOST_IMAGES:
        return rows
    groups = rows["group_id"].drop_duplicates().sample(frac=1, random_state=0)
    place = rows["group_id"].map(pd.Series(range(len(groups)), index=groups.to_numpy()))
    sizes = place.value_counts().sort_index().cumsum()
    return rows[place < int((sizes <= MOST_IMAGES).sum())]


def score_out_of_fold(
    values: np.ndarray, labels: pd.Series, groups: pd.Series, *, kind: Kind,
    most_components: int = MOST_COMPONENTS,
) -> pd.DataFrame | None:
    """Probability of each label for each row, by a model of the other folds' groups.

    Args:
        values: (N, D) float32, what to tell by; NaN only for `columns`.
        labels: (N,) text by `isic_id`.
        groups: (N,) `group_id`, the same index; a group stands in one fold.
        kind: `features`, many and dense: logistic regression on principal components.
            `columns`, few and of any scale: gradient boosted trees.
        most_components: of features.

    Returns:
        (N, labels) float64 by `isic_id`, or None where fewer than two labels have the groups
        that folds need.
    """
    num_groups = groups.groupby(labels).nunique()
    is_usable = labels.isin(num_groups.index[num_groups >= LEAST_GROUPS]).to_numpy()
    names = sorted(labels[is_usable].unique())
    if len(names) < 2:
        return None
    scores = np.full((len(labels), len(names)), np.nan)
    places = np.flatnonzero(is_usable)
    folds = StratifiedGroupKFold(NUM_FOLDS, shuffle=True, random_state=0)
    known, of_group = labels.to_numpy()[places], groups.to_numpy()[places]
    for fit, score in folds.split(values[places], known, of_group):
        if len(set(known[fit])) < len(names):
            return None
        model = _make_model(kind, min(most_components, len(fit) // 4, values.shape[1]))
        with threadpool_limits(1):  # models this small lose more by waiting than they gain
            model.fit(values[places[fit]], known[fit])
            scores[places[score]] = model.predict_proba(values[places[score]])
    return pd.DataFrame(scores, index=labels.index, columns=names)


def _make_model(kind: Kind, num_components: int) -> Any:
    if kind == "columns":
        return HistGradientBoostingClassifier(max_iter=40, max_leaf_nodes=8, min_samples_leaf=10,
                                              learning_rate=0.15, random_state=0,
                                              early_stopping=False)  # pyright: ignore
    components = PCA(num_components, svd_solver="randomized", random_state=0,
                     iterated_power=2)  # pyright: ignore[reportArgumentType]
    return make_pipeline(StandardScaler(), components, StandardScaler(),
                         LogisticRegression(C=0.05, max_iter=300))


def probe(
    frame: pd.DataFrame, values: np.ndarray, *, kind: Kind, column: str = "target",
    classes: Sequence[str] | None = None,
) -> list[Separation]:
    """How well `values` tell each value of a column from the rest, the surest first.

    Args:
        frame: `group_id` and `column`, by `isic_id`, without gaps; see `choose_rows`.
        values: (N, D) float32 of the same rows.
        kind: of the values, see `score_out_of_fold`.
        column: what is to be told.
        classes: of the column; of two only the second is looked at. By default all it has.

    Returns:
        Nothing where the groups are too few.
    """
    labels = frame[column].astype(str)
    scores = score_out_of_fold(values, labels, frame["group_id"], kind=kind)
    if scores is None:
        return []
    names = [name for name in (classes or scores.columns) if name in scores]
    shown = names[1:] if len(names) == 2 else names
    rows = frame.assign(target=labels)
    found = [separate_class(rows, scores[name].dropna(), name, ALPHA / len(shown),
                            widen=WIDEN)
             for name in shown]
    return sorted((one for one in found if one is not None), key=lambda one: -one.low)
