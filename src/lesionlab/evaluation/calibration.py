"""Calibration: the temperature, and how far probabilities are from what happens."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import expit, logsumexp

from lesionlab.core.errors import InputError

NUM_BINS = 15
"""Bins of equal width for the expected calibration error (Guo et al., ICML 2017)."""
MOST_LOGIT = 16.0
"""Probabilities of 0 and 1 count as 1e-7 and 1 - 1e-7 where their logit is needed."""
TEMPERATURES = (0.05, 20.0)
"""Where the temperature is searched."""


def refuse_test_rows(role: str, action: str) -> None:
    """Raise InputError if `role` is the test role; nothing may be fitted on it."""
    if role == "test":
        raise InputError(f"{action} refuses test rows (role 'test'); give rows of role 'valid'")


def fit_temperature(logits: np.ndarray, target_index: np.ndarray, *, role: str = "valid") -> float:
    """The temperature that minimises the log loss of softmax(logits / temperature).

    Args:
        logits: (N, K) float.
        target_index: (N,) int in 0 to K - 1; rows below 0 have no target and are left out.
        role: the role of the rows.

    Raises:
        InputError: the rows are test rows, or none has a target.
    """
    refuse_test_rows(role, "fitting a temperature")
    known = target_index >= 0
    if not known.any():
        raise InputError("fitting a temperature needs rows with a target, got none")
    logits, target_index = logits[known].astype(np.float64), target_index[known]
    chosen = logits[np.arange(len(logits)), target_index]

    def find_loss(log_temperature: float) -> float:
        scale = np.exp(-log_temperature)
        return float(np.mean(logsumexp(logits * scale, axis=1) - chosen * scale))

    bounds = tuple(np.log(TEMPERATURES))
    found = minimize_scalar(find_loss, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def find_bins(probabilities: np.ndarray) -> np.ndarray:
    """The bin, 0 to 14, of each probability: (N,) float in [0, 1] to (N,) int64."""
    return np.minimum((probabilities * NUM_BINS).astype(np.int64), NUM_BINS - 1)


def expected_calibration_error(probabilities: np.ndarray, happened: np.ndarray) -> float:
    """Mean distance of probability and frequency over bins, weighted by rows; both (N,).

    >>> round(expected_calibration_error(np.array([0.8, 0.8]), np.array([True, False])), 3)
    0.3
    """
    gaps = np.bincount(find_bins(probabilities), probabilities - happened, NUM_BINS)
    return float(np.abs(gaps).sum() / len(probabilities))


def expected_error_by_chance(probabilities: np.ndarray, seed: int = 0) -> float:
    """The calibration error that honest (N,) probabilities stay below in 97.5 % of samples.

    With few images every frequency is off by chance; outcomes are drawn from the probabilities
    themselves, 500 times, to see how far (a consistency bar, Broecker and Smith, 2007,
    doi 10.1175/WAF993.1, for the error as a whole).
    """
    rng = np.random.default_rng(seed)
    number = len(probabilities)
    errors = [expected_calibration_error(probabilities, rng.random(number) < probabilities)
              for _ in range(500)]
    return float(np.quantile(errors, 0.975))


def find_reliability(probabilities: np.ndarray, happened: np.ndarray) -> pd.DataFrame:
    """A row per bin that holds a row of the (N,) probabilities.

    Columns: `bin_low`, `bin_high`, `mean_probability`, `frequency`, `low`, `high` (95 % Wilson
    interval of the frequency, rows taken as independent) and `n_images`.
    """
    bins = find_bins(probabilities)
    number = np.bincount(bins, minlength=NUM_BINS)
    held = np.flatnonzero(number)
    number = number[held]
    frequency = np.bincount(bins, happened, NUM_BINS)[held] / number
    low, high = _wilson(frequency, number)
    return pd.DataFrame({
        "bin_low": held / NUM_BINS, "bin_high": (held + 1) / NUM_BINS,
        "mean_probability": np.bincount(bins, probabilities, NUM_BINS)[held] / number,
        "frequency": frequency, "low": low, "high": high, "n_images": number})


def find_logits(probabilities: np.ndarray) -> np.ndarray:
    """log(p / (1 - p)) of probabilities of any shape, cut at plus and minus 16."""
    with np.errstate(divide="ignore"):
        logits = np.log(probabilities) - np.log1p(-probabilities)
    return np.clip(logits, -MOST_LOGIT, MOST_LOGIT)


def recalibrate(
    logits: np.ndarray, num_pos: np.ndarray, num_all: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Calibration intercept and slope in C resamples, each (C,) float64.

    The slope is b of logit(frequency) = a + b logit(p); the intercept is a where b is held at 1
    (calibration in the large). 1 and 0 are perfect (Van Calster et al., BMC Medicine 2019).

    Args:
        logits: (S,) logit of each slice of rows.
        num_pos: (C, S) positives in the slice.
        num_all: (C, S) rows in the slice.

    Returns:
        NaN where a class is absent or the classes are separated, so that no finite fit exists.
    """
    totals = num_pos.sum(axis=1), num_all.sum(axis=1)
    defined = (totals[0] > 0) & (totals[0] < totals[1])
    intercept = _solve(logits, num_pos, num_all, with_slope=False)[:, 0]
    slope = _solve(logits, num_pos, num_all, with_slope=True)[:, 1]
    return np.where(defined, intercept, np.nan), np.where(defined, slope, np.nan)


def _solve(
    logits: np.ndarray, num_pos: np.ndarray, num_all: np.ndarray, *, with_slope: bool,
) -> np.ndarray:
    """(C, 2) intercept and slope by Newton's method; NaN where it does not settle."""
    fit = np.tile([0.0, 1.0], (len(num_pos), 1))
    active = np.arange(len(fit))
    for _ in range(30):
        move = _find_move(logits, num_pos[active], num_all[active], fit[active], with_slope)
        fit[active] += np.clip(move, -2, 2)
        active = active[(np.abs(move) > 1e-6).any(axis=1)]
        if not len(active):
            break
    fit[active] = np.nan
    return np.where(np.abs(fit).max(axis=1, keepdims=True) < MOST_LOGIT, fit, np.nan)


def _find_move(
    logits: np.ndarray, num_pos: np.ndarray, num_all: np.ndarray, fit: np.ndarray,
    with_slope: bool,
) -> np.ndarray:
    """(C, 2) one Newton step of the log likelihood; the slope stays where it is not asked for."""
    mean = expit(fit[:, :1] + fit[:, 1:] * logits)
    residual = num_pos - num_all * mean
    weight = num_all * mean
    weight -= weight * mean
    g0, h00 = residual.sum(axis=1), weight.sum(axis=1) + 1e-12
    if not with_slope:
        return np.stack([g0 / h00, np.zeros_like(g0)], axis=1)
    g1, h01, h11 = residual @ logits, weight @ logits, weight @ logits**2
    scale = np.maximum(h00 * h11 - h01**2, 1e-12)
    return np.stack([h11 * g0 - h01 * g1, h00 * g1 - h01 * g0], axis=1) / scale[:, None]


def _wilson(share: np.ndarray, number: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    z = 1.959964
    centre = (share + z**2 / (2 * number)) / (1 + z**2 / number)
    half = z * np.sqrt(share * (1 - share) / number + z**2 / (4 * number**2))
    half /= 1 + z**2 / number
    return np.maximum(centre - half, 0), np.minimum(centre + half, 1)
