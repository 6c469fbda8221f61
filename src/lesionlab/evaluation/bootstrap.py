"""Bootstrap over groups: how often each group is drawn, and intervals of what was drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

CHUNK_ELEMENTS = 1 << 19
"""Most (resample, row) pairs held at once, so that memory does not grow with the resamples."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A 95 % percentile interval and the resamples that it rests on."""

    low: float
    high: float
    num_used: int
    """Resamples in which the metric was defined; the others hold no image of some class."""


def draw_counts(
    num_groups: int, num_resamples: int, seed: int, chunk_size: int,
) -> Iterator[np.ndarray]:
    """Yield (at most chunk_size, num_groups) float32 counts: draws of each group per resample.

    The resamples depend on `num_groups` and `seed` only, so that two predictions of the same
    images see the same resamples and can be compared in pairs.
    """
    rng = np.random.default_rng(seed)
    for start in range(0, num_resamples, chunk_size):
        size = min(chunk_size, num_resamples - start)
        drawn = rng.integers(0, num_groups, size=(size, num_groups))
        drawn += num_groups * np.arange(size)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=size * num_groups)
        yield counts.reshape(size, num_groups).astype(np.float32)


def size_chunk(num_rows: int) -> int:
    """How many resamples of `num_rows` rows are worked on at once."""
    return max(1, CHUNK_ELEMENTS // max(1, num_rows))


def find_interval(draws: np.ndarray) -> Interval:
    """The 2.5th and 97.5th percentile of (R,) draws; NaN draws are left out and not counted."""
    used = draws[np.isfinite(draws)]
    if not len(used):
        return Interval(low=float("nan"), high=float("nan"), num_used=0)
    low, high = np.quantile(used, [0.025, 0.975])
    return Interval(low=float(low), high=float(high), num_used=len(used))
