"""Which images belong together: the same patient, the same lesion, the same picture."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

LINK_COLUMNS = ("patient_id", "lesion_id")
"""Columns whose equal values make images belong together."""


def link_groups(frame: pd.DataFrame, pairs: Iterable[tuple[str, str]]) -> pd.Series:
    """The group of each image: images linked directly or through others share one.

    Args:
        frame: indexed by `isic_id`, with those of `LINK_COLUMNS` that are known.
        pairs: ids of pictures that are copies of each other.

    Returns:
        `group_id` indexed by `isic_id`: the smallest id of the group.
    """
    ids = frame.index
    edges = [_column_edges(frame[name]) for name in LINK_COLUMNS if name in frame]
    copies = [(left, right) for left, right in pairs if left in ids and right in ids]
    if copies:
        sides = zip(*copies, strict=True)
        edges.append(np.array([ids.get_indexer(pd.Index(side)) for side in sides]))
    left, right = np.concatenate([np.zeros((2, 0), np.int64), *edges], axis=1)
    links = coo_array((np.ones(len(left), bool), (left, right)), shape=(len(ids), len(ids)))
    labels = connected_components(links, directed=False)[1]
    smallest = pd.Series(ids, index=ids).groupby(labels).transform("min")
    return smallest.rename("group_id")


def _column_edges(column: pd.Series) -> np.ndarray:
    """(2, edges) int64: each row of a value tied to the first row of that value."""
    codes = pd.factorize(column)[0]
    rows = np.flatnonzero(codes >= 0)
    _, first, inverse = np.unique(codes[rows], return_index=True, return_inverse=True)
    return np.stack([rows, rows[first][inverse]]).astype(np.int64)
