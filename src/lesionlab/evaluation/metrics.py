"""Metrics per class and over classes, with 95 % intervals from a bootstrap over groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from lesionlab.evaluation import bootstrap, calibration, ranking
from lesionlab.evaluation.ranking import Ranking
from lesionlab.evaluation.terms import METRICS

NUM_SLICES = 250
"""Slices of rows by score over which resamples are recalibrated; points use every score."""
LEAST_PROBABILITY = float(np.finfo(np.float64).eps)
"""Probabilities are cut here before their logarithm is taken, as in scikit-learn."""

NAMES = tuple(METRICS)
_ROW = {name: number for number, name in enumerate(NAMES)}


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The rows that are scored: N images of G groups and K classes."""

    probabilities: np.ndarray
    """(N, K) float64 in [0, 1]."""
    target_index: np.ndarray
    """(N,) int64, 0 to K - 1."""
    decision_index: np.ndarray
    """(N,) int64, 0 to K - 1: the class decided for each row."""
    group_index: np.ndarray
    """(N,) int64, 0 to G - 1."""
    num_groups: int
    """G, groups without a row here included, so that subgroups share resamples with the whole."""

    def select(self, is_in: np.ndarray) -> Sample:
        """The rows where the (N,) mask holds, in the same G groups."""
        return Sample(probabilities=self.probabilities[is_in],
                      target_index=self.target_index[is_in],
                      decision_index=self.decision_index[is_in],
                      group_index=self.group_index[is_in], num_groups=self.num_groups)

    def __len__(self) -> int:
        return len(self.target_index)


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """Every metric of one sample: the values and their bootstrap draws.

    The second axis is `NAMES`, the last one the K classes and then the summary over them. For
    two classes the summary is the last class, the positive one. For more it is the mean over the
    classes that have positives and negatives here (macro), except: accuracy is the share decided
    right, balanced accuracy the mean sensitivity, brier and log loss are of the whole
    distribution, ece is of the highest probability, and number_needed_to_biopsy has no summary.
    """

    values: np.ndarray
    """(M, K + 1) float64, NaN where undefined."""
    draws: np.ndarray
    """(R, M, K + 1) float64, NaN where a resample lacks a class; paired for the same groups."""

    def value(self, name: str, class_index: int = -1) -> float:
        """One metric, of the summary unless a class is given."""
        return float(self.values[_ROW[name], class_index])

    def draws_of(self, name: str, class_index: int = -1) -> np.ndarray:
        """(R,) draws of one metric, of the summary unless a class is given."""
        return self.draws[:, _ROW[name], class_index]

    def interval(self, name: str, class_index: int = -1) -> bootstrap.Interval:
        """The interval of one metric; undefined where the value is."""
        if np.isnan(self.value(name, class_index)):
            return bootstrap.Interval(low=np.nan, high=np.nan, num_used=0)
        return bootstrap.find_interval(self.draws_of(name, class_index))


def measure(
    sample: Sample, *, num_resamples: int = 2000, seed: int = 0, is_recalibrated: bool = True,
) -> Measurement:
    """All metrics of `sample`, and their draws; same groups and seed, same resamples.

    Without recalibration its intercept and slope are left undefined, in a fifth of the time.
    """
    return measure_parts(sample, [], num_resamples=num_resamples, seed=seed,
                         is_recalibrated=is_recalibrated)[0]


def measure_parts(
    whole: Sample, parts: Sequence[Sample], *, num_resamples: int = 2000, seed: int = 0,
    is_recalibrated: bool = True,
) -> tuple[Measurement, list[Measurement]]:
    """`measure` of a sample and of parts of it, on the same resamples of the whole's groups.

    Parts have no calibration slope and intercept: too few rows, and most of the time.
    """
    scorers = [_Scorer.of(sample) for sample in (whole, *parts)]
    # A point value takes every score by itself; draws take slices of consecutive scores.
    num_slices = [NUM_SLICES if is_recalibrated else 0] + [0] * len(parts)
    ones = np.ones((1, whole.num_groups))
    values = [scorer.score(ones, len(whole) if number else 0)[0]
              for scorer, number in zip(scorers, num_slices, strict=True)]
    draws = [[np.empty((0, *value.shape))] for value in values]
    chunk_size = bootstrap.size_chunk(max(len(whole), whole.num_groups))
    # The products are small: BLAS threads would spend longer waiting for each other than working.
    with threadpool_limits(1, user_api="blas"):
        for counts in bootstrap.draw_counts(whole.num_groups, num_resamples, seed, chunk_size):
            for scorer, number, drawn in zip(scorers, num_slices, draws, strict=True):
                drawn.append(scorer.score(counts, number))
    found = [Measurement(values=value, draws=np.concatenate(drawn))
             for value, drawn in zip(values, draws, strict=True)]
    return found[0], found[1:]


@dataclass(frozen=True, kw_only=True)
class _Scorer:
    """What can be worked out once for all resamples."""

    num_classes: int
    present: np.ndarray
    """(K,) bool: classes with positives and negatives among the rows."""
    rankings: tuple[Ranking, ...]
    sums: np.ndarray
    """(G, J) float64 sums over the rows of each group; see `_terms` for the columns."""
    single_sums: np.ndarray
    """`sums` as float32."""
    num_terms: tuple[int, ...]
    """How many of the J columns each kind of term takes."""

    @classmethod
    def of(cls, sample: Sample) -> _Scorer:
        num_classes = sample.probabilities.shape[1]
        is_class = sample.target_index[:, None] == np.arange(num_classes)
        rankings = tuple(
            ranking.rank(sample.probabilities[:, k], is_class[:, k], sample.group_index)
            for k in range(num_classes))
        terms = _terms(sample, is_class)
        rows = np.concatenate(terms, axis=1)
        sums = np.zeros((sample.num_groups, rows.shape[1]))
        np.add.at(sums, sample.group_index, rows)
        share = is_class.mean(axis=0) if len(sample) else np.zeros(num_classes)
        return cls(num_classes=num_classes, present=(share > 0) & (share < 1), rankings=rankings,
                   sums=sums, single_sums=sums.astype(np.float32),
                   num_terms=tuple(term.shape[1] for term in terms))

    def score(self, counts: np.ndarray, num_slices: int) -> np.ndarray:
        """(C, M, K + 1) metrics under (C, G) counts."""
        # Single precision is exact for counts and enough for draws, and half the time.
        sums = counts @ (self.single_sums if counts.dtype == np.float32 else self.sums)
        parts = np.split(sums.astype(np.float64), np.cumsum(self.num_terms)[:-1], axis=1)
        out = np.full((len(counts), len(NAMES), self.num_classes + 1), np.nan)
        confusion = parts[0].reshape(-1, self.num_classes, self.num_classes)
        with np.errstate(divide="ignore", invalid="ignore"):
            for k in range(self.num_classes):
                found = _rank_metrics(self.rankings[k], counts, num_slices)
                found |= decision_metrics(confusion, k)
                found |= _probability_metrics(parts, confusion, k)
                for name, values in found.items():
                    out[:, _ROW[name], k] = np.where(np.isfinite(values), values, np.nan)
            self._summarise(out, parts, confusion)
        return out

    def _summarise(self, out: np.ndarray, parts: list[np.ndarray], confusion: np.ndarray) -> None:
        """Fill the last column of `out` from the others."""
        if self.num_classes == 2:
            out[:, :, -1] = out[:, :, -2]
            return
        if self.present.any():
            out[:, :, -1] = out[:, :, :-1][:, :, self.present].mean(axis=2)
        total = confusion.sum(axis=(1, 2))
        out[:, _ROW["accuracy"], -1] = np.trace(confusion, axis1=1, axis2=2) / total
        out[:, _ROW["balanced_accuracy"], -1] = out[:, _ROW["sensitivity"], -1]
        out[:, _ROW["brier"], -1] = out[:, _ROW["brier"], :-1].sum(axis=1)
        out[:, _ROW["log_loss"], -1] = parts[4][:, 0] / total
        out[:, _ROW["ece"], -1] = np.abs(parts[5]).sum(axis=1) / total
        out[:, _ROW["number_needed_to_biopsy"], -1] = np.nan


def _terms(sample: Sample, is_class: np.ndarray) -> list[np.ndarray]:
    """What the linear metrics add up, a row per image.

    The parts: 0 cell of the confusion matrix (K * K), 1 squared error per class (K), 2 log loss
    per class (K), 3 calibration gap per class and bin (K * 15), 4 log loss (1), 5 calibration gap
    of the highest probability per bin (15).
    """
    p, target, bins = sample.probabilities, sample.target_index, calibration.NUM_BINS
    rows, num_classes = np.arange(len(sample)), p.shape[1]
    cells = np.zeros((len(sample), num_classes**2))
    cells[rows, target * num_classes + sample.decision_index] = 1
    clipped = np.clip(p, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    losses = -np.where(is_class, np.log(clipped), np.log1p(-clipped))
    gaps = np.zeros((len(sample), num_classes, bins))
    class_bins = calibration.find_bins(p)
    np.put_along_axis(gaps, class_bins[:, :, None], (p - is_class)[:, :, None], axis=2)
    top = p.argmax(axis=1) if len(sample) else np.zeros(0, np.int64)
    top_gaps = np.zeros((len(sample), bins))
    top_gaps[rows, class_bins[rows, top]] = p[rows, top] - (top == target)
    loss = -np.log(clipped[rows, target])[:, None]
    return [cells, (p - is_class) ** 2, losses, gaps.reshape(len(sample), -1), loss, top_gaps]


def _rank_metrics(found: Ranking, counts: np.ndarray, num_slices: int) -> dict[str, np.ndarray]:
    cumulated = ranking.cumulate(found, counts)
    curve = ranking.trace(found, counts, cumulated)
    intercept, slope = _recalibrate(found, curve, cumulated, num_slices)
    return {
        "auroc": ranking.auroc(curve),
        "average_precision": ranking.average_precision(curve),
        "pauc_above_80_sensitivity": ranking.partial_auroc(curve),
        "sensitivity_at_90_specificity": ranking.sensitivity_at(curve, 0.90),
        "sensitivity_at_95_specificity": ranking.sensitivity_at(curve, 0.95),
        "specificity_at_95_sensitivity": ranking.specificity_at(curve, 0.95),
        "calibration_intercept": intercept, "calibration_slope": slope}


def decision_metrics(confusion: np.ndarray, k: int) -> dict[str, np.ndarray]:
    """Metrics of class k against the rest from (C, K, K) counts of [target, decision], (C,) each.

    Precision, and number_needed_to_biopsy with it, are undefined where nothing is decided k.
    """
    total = confusion.sum(axis=(1, 2))
    tp, num_pos = confusion[:, k, k], confusion[:, k, :].sum(axis=1)
    num_decided = confusion[:, :, k].sum(axis=1)
    tn = total - num_pos - num_decided + tp
    sensitivity, specificity = tp / num_pos, tn / (total - num_pos)
    return {
        "accuracy": (tp + tn) / total, "balanced_accuracy": (sensitivity + specificity) / 2,
        "sensitivity": sensitivity, "specificity": specificity, "precision": tp / num_decided,
        "f1": np.where(num_pos > 0, 2 * tp / (num_pos + num_decided), np.nan),
        "number_needed_to_biopsy": num_decided / tp}


def _probability_metrics(
    parts: list[np.ndarray], confusion: np.ndarray, k: int,
) -> dict[str, np.ndarray]:
    total = confusion.sum(axis=(1, 2))
    bins = slice(k * calibration.NUM_BINS, (k + 1) * calibration.NUM_BINS)
    return {"brier": parts[1][:, k] / total, "log_loss": parts[2][:, k] / total,
            "ece": np.abs(parts[3][:, bins]).sum(axis=1) / total}


def _recalibrate(
    found: Ranking, curve: ranking.Curve, cumulated: np.ndarray, num_slices: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Intercept and slope over slices of consecutive rows, exact where a slice is one row."""
    num_rows = len(found.groups)
    if not num_rows or not num_slices:
        return np.full(len(cumulated), np.nan), np.full(len(cumulated), np.nan)
    edges = np.unique(np.linspace(0, num_rows, min(num_slices, num_rows) + 1).astype(np.int64))
    logits = np.add.reduceat(calibration.find_logits(found.scores), edges[:-1]) / np.diff(edges)
    before = np.append(0, np.cumsum(found.is_positive))[edges]
    tp = curve.row_tp[:, before]
    return calibration.recalibrate(
        logits, np.diff(tp, axis=1).astype(float), np.diff(cumulated[:, edges], axis=1))
