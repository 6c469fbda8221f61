"""Rivals: simple models of a table alone, which a model of images has to beat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from threadpoolctl import threadpool_limits

from lesionlab.core.raw_values import as_number, as_text
from lesionlab.core.terms import COLUMNS
from lesionlab.evaluation.background import Rival

METADATA = "metadata alone"
SHORTCUTS = "file and provenance alone"
NUM_STEPS = 10
"""Steps into which a number is cut, each with as many train rows."""
MOST_LEVELS = 50
"""Levels of a column; rarer ones count as one."""
MOST_PER_CLASS = 20_000
"""Train rows of a class that are fitted to; an AUROC does not ask how common a class is."""


def fit_metadata_rival(
    train: pd.DataFrame, rows: pd.DataFrame, classes: Sequence[str], target: str
) -> Rival | None:
    """What the input columns of a cohort say; None where none has a value to tell by.

    Args:
        train: rows of the train role by id, `target` among their columns.
        rows: the rows to be scored.
        classes: of the target.
        target: its name, which may be that of a column.
    """
    names = [name for name, column in COLUMNS.items() if column.role == "input"]
    return _fit(METADATA, names, train, rows, classes, target)


def fit_shortcut_rival(
    train: pd.DataFrame, rows: pd.DataFrame, classes: Sequence[str], target: str
) -> Rival | None:
    """What size and source of the files say; arguments and result as of `fit_metadata_rival`."""
    names = [name for name, column in COLUMNS.items() if column.role == "provenance"]
    return _fit(SHORTCUTS, [*names, "image_type"], train, rows, classes, target)


def _fit(
    label: str, names: Sequence[str], train: pd.DataFrame, rows: pd.DataFrame,
    classes: Sequence[str], target: str,
) -> Rival | None:
    """A logistic regression on levels, so that no order or scale of a column has to be known."""
    fitted = _take_rows(train, classes)
    edges = {name: _find_edges(fitted[name]) if COLUMNS[name].kind == "number" else None
             for name in names if name != target and name in train and name in rows}
    levels = {name: _cut(fitted[name], cuts) for name, cuts in edges.items()}
    used = [name for name, values in levels.items() if len(set(values)) > 1]
    if not used or fitted["target"].nunique() < 2:
        return None
    model = make_pipeline(
        OneHotEncoder(handle_unknown="ignore", max_categories=MOST_LEVELS),
        LogisticRegression(max_iter=1000))
    scored = np.stack([_cut(rows[name], edges[name]) for name in used], axis=1)
    with threadpool_limits(1):
        model.fit(np.stack([levels[name] for name in used], axis=1), fitted["target"].to_numpy(str))
        shares = model.predict_proba(scored)
    table = pd.DataFrame(shares, index=rows.index, columns=list(model.classes_))
    return Rival(label=label, columns=tuple(used),
                 probabilities=table.reindex(columns=list(classes), fill_value=0.0))


def _take_rows(train: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Rows of each class, all or as many as are fitted to, the same ones for the same rows."""
    kept = [rows.sample(min(len(rows), MOST_PER_CLASS), random_state=0).sort_index()
            for name in classes if len(rows := train[train["target"] == name])]
    return pd.concat(kept)


def _find_edges(values: pd.Series) -> np.ndarray:
    """(S,) float64 numbers that cut the known values into steps."""
    known = as_number(values).astype(np.float64)
    known = known[np.isfinite(known)]
    return np.unique(np.quantile(known, np.arange(1, NUM_STEPS) / NUM_STEPS)) if len(known) else (
        np.zeros(0))


def _cut(values: pd.Series, edges: np.ndarray | None) -> np.ndarray:
    """(N,) object of str: the level of each value, empty where it is missing."""
    if edges is None:
        return as_text(values)
    numbers = as_number(values).astype(np.float64)
    steps = np.searchsorted(edges, numbers, side="left").astype(str).astype(object)
    return np.where(np.isfinite(numbers), steps, "")
