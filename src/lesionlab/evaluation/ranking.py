"""Metrics of the order of scores, for many resamples at once, ties counted exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

HALF_COUNT = 0.5
"""Slack when whole-number counts are compared with a share of their total."""


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """One class against the rest, rows by falling score.

    Every metric here changes at positives only. So the curves keep one column for each block of
    tied scores that holds a positive (B blocks), not one for each row.
    """

    groups: np.ndarray
    """(N,) int64 group of each row, by falling score."""
    is_positive: np.ndarray
    """(N,) bool, by falling score."""
    scores: np.ndarray
    """(N,) float64, falling."""
    starts: np.ndarray
    """(B,) int64 first row of each block."""
    ends: np.ndarray
    """(B,) int64 row after the last of each block."""
    first_positive: np.ndarray
    """(B,) int64 number of the block's first positive among the positives."""

    @property
    def is_tied(self) -> bool:
        """Whether some block holds more than one row."""
        return bool((self.ends - self.starts > 1).any())


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Counts at the B thresholds of a ranking in C resamples, all (C, B) but the totals."""

    tp: np.ndarray
    """Positives at or above the threshold."""
    fp: np.ndarray
    """Negatives at or above the threshold."""
    row_tp: np.ndarray
    """(C, P + 1) positives among the first 0 to P positive rows."""
    tied_pos: np.ndarray
    """Positives at the threshold."""
    tied_neg: np.ndarray | None
    """Negatives at the threshold; None where no score is tied."""
    num_pos: np.ndarray
    """(C, 1) all positives."""
    num_neg: np.ndarray
    """(C, 1) all negatives."""


def rank(scores: np.ndarray, is_positive: np.ndarray, group_index: np.ndarray) -> Ranking:
    """The ranking of N rows: scores float, is_positive bool, group_index int, all (N,)."""
    order = np.argsort(-scores, kind="stable")
    scores, is_positive = scores[order], is_positive[order]
    is_start = np.append(True, scores[1:] != scores[:-1])
    starts = np.flatnonzero(is_start)
    ends = np.append(starts[1:], len(scores))
    before = np.append(0, np.cumsum(is_positive))
    holds_positive = before[ends] > before[starts]
    starts, ends = starts[holds_positive], ends[holds_positive]
    return Ranking(groups=group_index[order], is_positive=is_positive, scores=scores,
                   starts=starts, ends=ends, first_positive=before[starts])


def trace(ranking: Ranking, counts: np.ndarray, cumulated: np.ndarray) -> Curve:
    """The curve under (C, groups) counts; `cumulated` is `cumulate(ranking, counts)`."""
    pos = counts[:, ranking.groups[ranking.is_positive]]
    row_tp = np.zeros((len(pos), pos.shape[1] + 1), counts.dtype)
    np.cumsum(pos, axis=1, out=row_tp[:, 1:])
    tp = row_tp[:, 1:]
    if pos.shape[1] > len(ranking.starts):
        pos = np.add.reduceat(pos, ranking.first_positive, axis=1)
        tp = np.cumsum(pos, axis=1)
    upto = cumulated[:, ranking.ends]
    neg = None
    if ranking.is_tied:
        neg = upto - cumulated[:, ranking.starts] - pos
    num_pos = pos.sum(axis=1, keepdims=True)
    return Curve(tp=tp, fp=upto - tp, row_tp=row_tp, tied_pos=pos, tied_neg=neg,
                 num_pos=num_pos, num_neg=cumulated[:, -1:] - num_pos)


def cumulate(ranking: Ranking, counts: np.ndarray) -> np.ndarray:
    """(C, N + 1) draws among the first 0 to N rows; exact in float32 up to 16 million rows."""
    total = np.zeros((len(counts), len(ranking.groups) + 1), counts.dtype)
    np.cumsum(counts[:, ranking.groups], axis=1, out=total[:, 1:])
    return total


def auroc(curve: Curve) -> np.ndarray:
    """(C,) area under the ROC curve: share of pairs in order, a tie counting half."""
    beaten = curve.num_neg - curve.fp
    if curve.tied_neg is not None:
        beaten = beaten + curve.tied_neg / 2
    return _divide(_dot(curve.tied_pos, beaten), (curve.num_pos * curve.num_neg)[:, 0])


def average_precision(curve: Curve) -> np.ndarray:
    """(C,) precision at each threshold, weighted by the recall that it adds."""
    precision = curve.tp / np.maximum(curve.tp + curve.fp, 1)
    return _divide(_dot(curve.tied_pos, precision), curve.num_pos[:, 0])


def partial_auroc(curve: Curve, sensitivity: float = 0.8) -> np.ndarray:
    """(C,) area between the ROC curve and the left, above a sensitivity; 0 to 1 - sensitivity.

    At 0.8 this is the score of the ISIC 2024 challenge: the area under the ROC curve of swapped
    classes up to a false positive rate of 0.2, not rescaled.
    """
    floor = np.float32(sensitivity) if curve.tp.dtype == np.float32 else sensitivity
    width = np.clip(curve.tp - floor * curve.num_pos, 0, curve.tied_pos)
    area = _dot(width, curve.num_neg - curve.fp)
    if curve.tied_neg is not None:
        share = width / np.maximum(curve.tied_pos, 1)
        area = area + _dot(curve.tied_neg * share, width) / 2
    return _divide(area, (curve.num_pos * curve.num_neg)[:, 0])


def sensitivity_at(curve: Curve, specificity: float) -> np.ndarray:
    """(C,) highest sensitivity among thresholds with at least this specificity."""
    # Counts are whole: rounding the limit down to a whole number must survive 0.1 * 10 = 0.99...
    limit = np.floor((1 - specificity) * curve.num_neg.astype(float) + 1e-6) + HALF_COUNT
    last = (curve.fp <= limit.astype(curve.fp.dtype)).sum(axis=1, keepdims=True) - 1
    if not curve.tp.shape[1]:
        return np.full(len(curve.tp), np.nan)
    found = np.take_along_axis(curve.tp, np.maximum(last, 0), axis=1)
    sensitivity = _divide(np.where(last >= 0, found, 0)[:, 0], curve.num_pos[:, 0])
    return np.where(curve.num_neg[:, 0] > 0, sensitivity, np.nan)


def specificity_at(curve: Curve, sensitivity: float) -> np.ndarray:
    """(C,) highest specificity among thresholds with at least this sensitivity."""
    if not curve.tp.shape[1]:
        return np.full(len(curve.tp), np.nan)
    floor = np.ceil(sensitivity * curve.num_pos.astype(float) - 1e-6) - HALF_COUNT
    first = (curve.tp < floor.astype(curve.tp.dtype)).sum(axis=1, keepdims=True)
    first = np.minimum(first, curve.tp.shape[1] - 1)
    fp = np.take_along_axis(curve.fp, first, axis=1)[:, 0]
    specificity = 1 - _divide(fp, curve.num_neg[:, 0])
    return np.where(curve.num_pos[:, 0] > 0, specificity, np.nan)


def _dot(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.einsum("cb,cb->c", left, right).astype(np.float64)


def _divide(over: np.ndarray, under: np.ndarray) -> np.ndarray:
    """(C,) float64 quotients; NaN where `under` is 0, that is where a class is absent."""
    quotient = np.full(len(over), np.nan)
    np.divide(over, under, out=quotient, where=under > 0)
    return quotient
