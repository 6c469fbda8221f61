"""AUROCs that are compared with each other: on the same classes and the same resamples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm
from threadpoolctl import threadpool_limits

from lesionlab.core.predictions import Predictions
from lesionlab.evaluation import bootstrap, ranking
from lesionlab.evaluation.metrics import Sample
from lesionlab.evaluation.ranking import Ranking

ALPHA = 0.01
"""Chance that one check speaks up where there is nothing, however many comparisons it makes."""
NUM_RESAMPLES = 500
"""Enough for the standard deviation of a difference, which is all that is taken from them."""
LEAST_GROUPS = 10
"""Groups with, and without, a class under which its AUROC is not compared."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number and its bootstrap draws."""

    value: float
    draws: np.ndarray
    """(R,) float64, NaN where a resample lacks what is needed."""

    def __sub__(self, other: Estimate) -> Estimate:
        """The difference; of the same images it is paired."""
        return Estimate(value=self.value - other.value, draws=self.draws - other.draws)

    def bound(self, num_compared: int = 1) -> Bounds:
        """The interval that misses the truth in `ALPHA` of cases over so many comparisons."""
        used = self.draws[np.isfinite(self.draws)]
        spread = float(used.std()) if len(used) > 1 else np.nan
        reach = float(norm.isf(ALPHA / 2 / num_compared)) * spread
        return Bounds(value=self.value, low=self.value - reach, high=self.value + reach)


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """A number and the interval by which it is judged; NaN where it cannot be."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        texts = [f"{number + 0.0:.2f}".replace("-0.00", "0.00")
                 for number in (self.value, self.low, self.high)]
        return f"{texts[0]} ({texts[1]} to {texts[2]})"


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Images whose AUROCs are compared, and how they are resampled."""

    sample: Sample
    seed: int = 0
    num_resamples: int = NUM_RESAMPLES

    def find_classes(self, is_in: np.ndarray | None = None) -> tuple[int, ...]:
        """Classes that enough groups are of, and enough are not: of two, only the second."""
        sample = self.sample if is_in is None else self.sample.select(is_in)
        num_classes = sample.probabilities.shape[1]
        shown = [1] if num_classes == 2 else range(num_classes)
        return tuple(k for k in shown if count_groups(sample, k) >= LEAST_GROUPS)

    def measure(
        self, probabilities: np.ndarray, classes: Sequence[int], is_in: np.ndarray | None = None,
    ) -> Estimate:
        """The mean AUROC of some classes, each against the rest, by other probabilities or some.

        Args:
            probabilities: (N, K) float64 of the images.
            classes: index of each class; one or more.
            is_in: (N,) bool of the images that are counted, by default all.
        """
        chosen = np.ones(len(self.sample), bool) if is_in is None else is_in
        return self._average([[self._rank(probabilities[:, k], k, chosen)] for k in classes])

    def measure_within(
        self, probabilities: np.ndarray, classes: Sequence[int], strata: np.ndarray,
    ) -> Estimate:
        """As `measure`, over pairs of images of one stratum alone.

        Args:
            probabilities: (N, K) float64 of the images.
            classes: index of each class; each has a pair in one stratum or more.
            strata: (N,) int64; images of -1 are in none.
        """
        parts = [strata == number for number in range(strata.max(initial=-1) + 1)]
        rankings = [[self._rank(probabilities[:, k], k, part) for part in parts] for k in classes]
        # A part of one side has no pair; of many sources most may be such.
        return self._average([[one for one in ranked if 0 < one.is_positive.sum() < len(one.groups)]
                              for ranked in rankings])

    def _rank(self, scores: np.ndarray, k: int, is_in: np.ndarray) -> Ranking:
        is_class = self.sample.target_index[is_in] == k
        return ranking.rank(scores[is_in], is_class, self.sample.group_index[is_in])

    def _average(self, rankings: Sequence[Sequence[Ranking]]) -> Estimate:
        """The mean over classes of the AUROC over the pairs of all parts of a class."""
        num_groups = self.sample.num_groups
        value = _score(rankings, np.ones((1, num_groups)))
        size = bootstrap.size_chunk(max(len(self.sample), num_groups))
        with threadpool_limits(1, user_api="blas"):
            draws = [_score(rankings, counts) for counts in bootstrap.draw_counts(
                num_groups, self.num_resamples, self.seed, size)]
        return Estimate(value=float(value[0]), draws=np.concatenate(draws))


def take_known(predictions: Predictions) -> Sample:
    """The rows that have a target, each decided as the class of its highest probability."""
    is_known = predictions.target_index >= 0
    probabilities = predictions.probabilities[is_known]
    groups, index = np.unique(predictions.group_index[is_known], return_inverse=True)
    return Sample(probabilities=probabilities, target_index=predictions.target_index[is_known],
                  decision_index=probabilities.argmax(axis=1), group_index=index,
                  num_groups=len(groups))


def count_groups(sample: Sample, k: int) -> int:
    """Groups with an image of class k, or groups with one of another class: the fewer."""
    is_class = sample.target_index == k
    return min(len(np.unique(sample.group_index[side])) for side in (is_class, ~is_class))


def _score(rankings: Sequence[Sequence[Ranking]], counts: np.ndarray) -> np.ndarray:
    """(C,) mean AUROC under (C, G) counts, NaN where a class lacks pairs."""
    return np.mean([_pool(parts, counts) for parts in rankings], axis=0)


def _pool(parts: Sequence[Ranking], counts: np.ndarray) -> np.ndarray:
    """(C,) share of pairs in order, over the pairs within each part."""
    in_order, num_pairs = np.zeros(len(counts)), np.zeros(len(counts))
    for part in parts:
        curve = ranking.trace(part, counts, ranking.cumulate(part, counts))
        pairs = (curve.num_pos.astype(np.float64) * curve.num_neg)[:, 0]
        in_order += np.nan_to_num(ranking.auroc(curve)) * pairs
        num_pairs += pairs
    return np.divide(in_order, num_pairs, out=np.full(len(counts), np.nan), where=num_pairs > 0)
