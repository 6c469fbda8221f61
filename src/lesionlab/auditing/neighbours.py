"""Nearest neighbours among pictures, by features in which an altered copy stays near."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
from sklearn.utils.extmath import randomized_svd

NUM_DIMENSIONS = 128
"""Dimensions of the space that is searched."""
MOST_EXACT = 20_000
"""Pictures up to which every one is compared with every other; more go by an inverted index."""
BLOCK = 32_768
"""Pictures that are worked on at once."""

_NOISE = 0.2
# Share of the mean variance by alteration that is added to each direction; 0.1 to 1 do alike.
_PER_DIMENSION = 4
# Pictures that a dimension needs.
_PER_CELL = 64
# Pictures that a cell of the index is learnt from.
_NUM_PROBES = 24
# Cells in which neighbours are looked for.


@dataclass(frozen=True, kw_only=True, eq=False)
class CopyMetric:
    """A space in which cosines say whether two pictures may be one, altered.

    Linear discriminant analysis with a class for each picture and its alterations: directions of
    the features count by how much pictures differ in them, and by how little alterations do. Of
    2,375 altered copies of HAM10000 pictures, 99 % have their original among the four nearest of
    9,885, against 96 % in principal components alone (84 % of turned ones).
    """

    centre: np.ndarray
    """(D,) float32."""
    projection: np.ndarray
    """(D, d) float32, scales included."""

    @classmethod
    def learn(
        cls, features: np.ndarray, originals: np.ndarray, altered: np.ndarray
    ) -> CopyMetric:
        """Learn the space from a cohort.

        Args:
            features: (N, D) float32 of any pictures of the cohort; some thousands are enough.
            originals: (M, D) float32 of some pictures.
            altered: (M, A, D) float32 of the same, altered.
        """
        centre, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
        num = max(1, min(NUM_DIMENSIONS, len(features) // _PER_DIMENSION, features.shape[1]))
        _, lengths, axes = randomized_svd((features - centre) / scale, num, random_state=0)
        spread = lengths / len(features) ** 0.5 + 1e-6
        whitened = (axes / spread[:, None]).T / scale[:, None]
        moved = ((altered - originals[:, None]) @ whitened).reshape(-1, num).astype(np.float64)
        values, vectors = np.linalg.eigh(moved.T @ moved / max(len(moved), 1))
        weights = 1 / np.sqrt(values.clip(0) + _NOISE * max(values.mean(), 1e-9))
        return cls(centre=centre.astype(np.float32),
                   projection=(whitened @ (vectors * weights)).astype(np.float32))

    def project(self, features: np.ndarray) -> np.ndarray:
        """(N, d) float32 of length 1, of (N, D) float32 features."""
        placed = (features - self.centre) @ self.projection
        return placed / np.maximum(np.linalg.norm(placed, axis=1, keepdims=True), 1e-9)


def find_nearest(vectors: np.ndarray, num_neighbours: int) -> np.ndarray:
    """(N, num_neighbours) int64 rows of the nearest others of each row, -1 where there are fewer.

    Up to `MOST_EXACT` rows the answer is exact; above it is that of an index which compares each
    with a hundredth of all, and finds nearly every near one.

    Args:
        vectors: (N, d) float16 or float32 of length 1.
        num_neighbours: of each.
    """
    index = _build_index(vectors)
    found = np.full((len(vectors), num_neighbours), -1, np.int64)
    for start, block in _list_blocks(vectors):
        # One more than wanted, for each row is its own nearest.
        _, nearest = index.search(block, num_neighbours + 1)
        rows = np.arange(start, start + len(block))
        is_other = nearest != rows[:, None]
        # Among equal pictures a row may be missing in its own list: then the last is left out.
        is_other[:, -1] &= ~is_other.all(axis=1)
        found[rows] = nearest[is_other].reshape(len(block), num_neighbours)
    return found


def _build_index(vectors: np.ndarray) -> Any:
    """An index of inner products that holds all vectors."""
    num, width = vectors.shape
    if num <= MOST_EXACT:
        index = faiss.IndexFlatIP(width)
    else:
        cells = 2 * int(num**0.5)
        index = faiss.index_factory(width, f"IVF{cells},SQfp16", faiss.METRIC_INNER_PRODUCT)
        index.nprobe = _NUM_PROBES  # pyright: ignore[reportAttributeAccessIssue]
        sample = np.random.default_rng(0).choice(num, min(num, _PER_CELL * cells), replace=False)
        index.train(vectors[np.sort(sample)].astype(np.float32))
    for _, block in _list_blocks(vectors):
        index.add(block)
    return index


def _list_blocks(vectors: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """The first row of each block, and the block in float32."""
    for start in range(0, len(vectors), BLOCK):
        yield start, np.ascontiguousarray(vectors[start:start + BLOCK], np.float32)
