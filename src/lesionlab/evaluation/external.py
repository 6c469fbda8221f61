"""Predictions of any other tool, read from CSV or Parquet and joined to the truth by id."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from lesionlab.core.cohort import join_problems, list_some
from lesionlab.core.errors import PredictionsError
from lesionlab.core.predictions import SUM_TOLERANCE, Predictions

ID_COLUMNS = ("isic_id", "image_id", "image_name", "image")
"""Columns that may hold the id; the first that is there is read, a file extension dropped."""
SCORE_COLUMNS = ("probability", "score", "target")
"""Columns that may hold the probability of the positive (last) class where there are two."""
_EXTENSIONS = r"\.(?i:jpe?g|png|tiff?|bmp|dcm)$"


def read_predictions(
    path: Path, truth: pd.DataFrame, *, classes: tuple[str, ...], role: str,
    data_digest: str | None = None,
) -> Predictions:
    """The predictions in `path`, targets and groups taken from `truth`.

    The file needs an id column (see `ID_COLUMNS`) and a column `p_<class>` or `<class>` for each
    class, as the ISIC challenges write it. For two classes the column of the positive (last)
    class is enough, or one of `SCORE_COLUMNS`; the other class gets what is left to 1.

    Args:
        path: a `.csv` or `.parquet` file.
        truth: indexed by `isic_id`, columns `role`, `group_id` and `target` (class name or
            missing); the rows of other roles are ignored.
        classes: class names, the positive one last.
        role: the role whose images the file must hold, each once.
        data_digest: digest of the prepared data that `truth` comes from.

    Raises:
        PredictionsError: the file cannot be read, lacks a column, misses, repeats or adds an id,
            or holds a value that is not a probability.
    """
    frame = _read_table(path)
    ids = _read_ids(frame, path)
    wanted = truth[truth["role"] == role]
    _check_ids(ids, wanted.index, role, path)
    scores = _read_scores(frame, classes, path)
    _check_scores(scores, ids, path)
    wanted = wanted.loc[ids]
    targets = [None if pd.isna(value) else str(value) for value in wanted["target"]]
    return Predictions.from_arrays(
        ids=list(ids), groups=list(wanted["group_id"]), targets=targets, classes=classes,
        probabilities=scores, role=role, data_digest=data_digest)


def _read_table(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise PredictionsError(f"{path} is not a file; give a .csv or .parquet file of predictions")
    try:
        if path.suffix.lower() == ".parquet":
            return pd.read_parquet(path).reset_index()
        return pd.read_csv(path, dtype=dict.fromkeys(ID_COLUMNS, str))
    except (ValueError, OSError) as error:
        raise PredictionsError(f"{path} cannot be read as a table: {error}") from error


def _read_ids(frame: pd.DataFrame, path: Path) -> pd.Index:
    """(N,) str ids of the rows, without a file extension."""
    found = [name for name in ID_COLUMNS if name in frame.columns]
    if not found:
        raise PredictionsError(f"{path} has no id column; it needs one of {', '.join(ID_COLUMNS)}, "
                               f"and has {list_some(frame.columns)}")
    ids = frame[found[0]]
    empty = np.flatnonzero(ids.isna())
    if len(empty):
        raise PredictionsError(f"{path}: {len(empty)} rows have no {found[0]}, "
                               f"the first is row {empty[0] + 1}; every row needs an id")
    return pd.Index(ids.astype(str).str.strip().str.replace(_EXTENSIONS, "", regex=True))


def _check_ids(ids: pd.Index, wanted: pd.Index, role: str, path: Path) -> None:
    repeated = ids[ids.duplicated()].unique().sort_values()
    missing = wanted.difference(ids)
    extra = ids.unique().difference(wanted)
    problems = [f"{len(found)} {what}: {list_some(found)}" for found, what in (
        (repeated, "ids stand in more than one row"),
        (missing, f"images of role '{role}' have no row"),
        (extra, f"ids are not images of role '{role}'")) if len(found)]
    if problems:
        title = (f"{path} cannot be joined to the {len(wanted)} images of role '{role}'; "
                 f"give each of them one row")
        raise PredictionsError(join_problems(title, problems))


def _read_scores(frame: pd.DataFrame, classes: tuple[str, ...], path: Path) -> np.ndarray:
    """(N, K) float64 as the file has them."""
    columns = [_find_column(frame, (f"p_{name}", name)) for name in classes]
    if len(classes) == 2 and columns[0] is None:
        positive = columns[1] or _find_column(frame, SCORE_COLUMNS)
        if positive is not None:
            score = _read_numbers(frame, positive, path)
            return np.stack([1 - score, score], axis=1)
    missing = [f"p_{name}" for name, found in zip(classes, columns, strict=True) if found is None]
    if missing:
        raise PredictionsError(f"{path} lacks the columns {list_some(missing)}; "
                               f"it has {list_some(frame.columns, 10)}")
    return np.stack([_read_numbers(frame, name, path) for name in columns if name], axis=1)


def _find_column(frame: pd.DataFrame, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in frame.columns), None)


def _read_numbers(frame: pd.DataFrame, name: str, path: Path) -> np.ndarray:
    numbers = pd.to_numeric(frame[name], errors="coerce").to_numpy(np.float64)
    wrong = np.flatnonzero(~np.isfinite(numbers))
    if len(wrong):
        raise PredictionsError(
            f"{path}: column '{name}' has {len(wrong)} values that are not numbers, the first is "
            f"{frame[name].iloc[wrong[0]]!r} in row {wrong[0] + 1}; give a probability, 0 to 1")
    return numbers


def _check_scores(scores: np.ndarray, ids: pd.Index, path: Path) -> None:
    outside = np.any((scores < 0) | (scores > 1), axis=1)
    off = np.logical_not(outside) & (np.abs(scores.sum(axis=1) - 1) > SUM_TOLERANCE)
    found = {"have a value outside 0 to 1": ids[np.flatnonzero(outside)],
             "do not sum to 1": ids[np.flatnonzero(off)]}
    problems = [f"{len(rows)} rows {what}: {list_some(rows)}"
                for what, rows in found.items() if len(rows)]
    if problems:
        title = f"{path} does not hold probabilities; give softmax outputs, not logits or scores"
        raise PredictionsError(join_problems(title, problems))
