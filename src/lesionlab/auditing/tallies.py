"""Tallies: how many images of each class have which value, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

MISSING = "missing"
OTHER_CLASSES = "other classes"
MOST_VALUES = 12
"""Values that are counted each; of more, the rarer ones together."""
MOST_CLASSES = 8
"""Classes that are counted each; there are so many colours that all readers can tell apart."""
LEAST_PAIRS = 10
"""Images with both values known under which nothing is said of a correlation."""

_NUM_BINS = 24
_TAIL = 0.005


def fold_classes(target: pd.Series, classes: Sequence[str]) -> tuple[pd.Series, tuple[str, ...]]:
    """The target and its classes, in their order; of more than `MOST_CLASSES` the rarest as one."""
    if len(classes) <= MOST_CLASSES:
        return target, tuple(classes)
    kept = set(target.value_counts().index[:MOST_CLASSES - 1])
    names = tuple(name for name in classes if name in kept)
    return target.where(target.isin(kept), OTHER_CLASSES), (*names, OTHER_CLASSES)


def name_values(values: pd.Series, order: Sequence[str] = ()) -> tuple[pd.Series, list[str]]:
    """Each value as text, and the texts that occur, the missing one last.

    Args:
        values: of any kind; of more than `MOST_VALUES` texts the rarer ones become one.
        order: texts that come first and are never joined; the others follow by their number.
    """
    counts = values.value_counts()
    texts = {value: _name_value(value) for value in counts.index}
    first = [name for name in order if name in texts.values()]
    rest = [name for name in dict.fromkeys(texts.values()) if name not in order]
    most = max(MOST_VALUES - len(first), 1)
    names = [*first, *rest]
    if len(rest) > most + 1:
        names = [*first, *rest[:most]]
        other = f"other ({len(rest) - most:,} values)"
        texts |= {value: other for value, name in texts.items() if name not in names}
        names.append(other)
    named = values.map(texts).astype(object)
    if named.isna().any():
        named, names = named.where(named.notna(), MISSING), [*names, MISSING]
    return named, names


def _name_value(value: object) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    return str(value)


def count_values(
    values: pd.Series, target: pd.Series, classes: Sequence[str], order: Sequence[str] = ()
) -> pd.DataFrame:
    """`value`, `class`, `n_images`, `share` of the images with this value: a row per pair.

    Args:
        values: what to count, of any kind, indexed by id.
        target: the class of each image, the same index.
        classes: in the order of the rows.
        order: as in `name_values`.
    """
    named, names = name_values(values, order)
    counts = pd.crosstab(named, target).reindex(index=names, columns=list(classes), fill_value=0)
    return _lengthen(counts, counts.sum(axis=1), "value", "class")


def _lengthen(counts: pd.DataFrame, totals: pd.Series, row: str, column: str) -> pd.DataFrame:
    """A row per cell, with its share of the total of its row."""
    shares = counts.div(totals.where(totals > 0), axis=0)
    return pd.DataFrame({
        row: np.repeat(counts.index, counts.shape[1]), column: np.tile(counts.columns, len(counts)),
        "n_images": counts.to_numpy().ravel(), "share": shares.to_numpy(float).ravel()})


def find_edges(numbers: pd.Series, *, is_log: bool = False) -> np.ndarray:
    """(n,) float64 edges of bins at round numbers, those of a logarithmic scale at even ratios.

    They leave out the outermost halves of a percent, where codes for unknown and wrong units lie.
    """
    low, high = np.quantile(numbers.dropna(), [_TAIL, 1 - _TAIL])
    if is_log and low > 0 and high > low:
        return np.geomspace(low, high, _NUM_BINS + 1)
    edges = MaxNLocator(nbins=_NUM_BINS, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    return np.asarray(edges, dtype=np.float64)


def bin_numbers(
    numbers: pd.Series, target: pd.Series, classes: Sequence[str], edges: np.ndarray
) -> pd.DataFrame:
    """`low`, `high`, `class`, `n_images`, `share` of the class's images with a known number.

    The outermost bins hold what lies beyond them, too.
    """
    numbers = numbers.dropna()
    places = np.clip(np.digitize(numbers, edges) - 1, 0, len(edges) - 2)
    # The last bin holds its upper edge, as the bins of numpy do.
    codes = pd.Categorical(target.loc[numbers.index], categories=list(classes)).codes
    num_bins, parts = len(edges) - 1, []
    for code, name in enumerate(classes):
        counts = np.bincount(places[codes == code], minlength=num_bins)
        parts.append(pd.DataFrame({
            "low": edges[:-1], "high": edges[1:], "class": name, "n_images": counts,
            "share": counts / counts.sum() if counts.sum() else np.nan}))
    return pd.concat(parts, ignore_index=True)


def measure_gaps(frame: pd.DataFrame, parts: Mapping[str, pd.Series]) -> pd.DataFrame:
    """`column`, `part`, `n_missing`, `share` of the part's images, the emptiest column first.

    Args:
        frame: the columns to look at.
        parts: which rows each part holds, bool, by its name.
    """
    missing = frame.isna()
    order = missing.mean().sort_values(ascending=False, kind="stable").index
    counts = {name: missing.loc[is_part, order].sum() for name, is_part in parts.items()}
    rows = [{"column": column, "part": part, "n_missing": int(counts[part][column]),
             "share": counts[part][column] / max(1, int(parts[part].sum()))}
            for column in order for part in parts]
    return pd.DataFrame(rows, columns=["column", "part", "n_missing", "share"])


def correlate(numbers: pd.DataFrame) -> pd.DataFrame:
    """`row`, `column`, `correlation` (Pearson's), `n_images` with both known: a row per pair.

    Undefined where one of the two never changes, or fewer than `LEAST_PAIRS` are known.
    """
    known = numbers.notna().to_numpy(np.float64)
    values = numbers.corr(min_periods=LEAST_PAIRS).to_numpy()
    names = numbers.columns
    return pd.DataFrame({
        "row": np.repeat(names, len(names)), "column": np.tile(names, len(names)),
        "correlation": values.ravel(), "n_images": (known.T @ known).astype(int).ravel()})


def spread_values(values: pd.Series, label: str, most: int) -> pd.DataFrame:
    """A column of 0 and 1 per value, missing where the value is; the `most` most frequent ones."""
    names = values.value_counts().index[:most]
    return pd.DataFrame({f"{label}: {_name_value(name)}":
                         (values == name).astype(float).where(values.notna()) for name in names},
                        index=values.index)
