"""How many labels are of a class whose picture surely is not, beyond what doubt explains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit, logit
from scipy.stats import chi2

TOLERATED = 0.03
"""Share of a class's labels among pictures that surely are not of it, which no one calls many: a
curve that is slightly off, and a few odd pictures, make that much of a cohort without a fault."""

_MOST = 0.45
# Share above which labels are no longer noise but the other way round.
_STARTS = ((1.2, 0.02, 0.02), (1.2, 0.1, 0.3), (2.5, 0.05, 0.05), (2.5, 0.15, 0.3))
# Steepness in that of the plain curve, and the two shares.


@dataclass(frozen=True, kw_only=True)
class Contamination:
    """What is left of a class where the model is surest that it is not there."""

    share: float
    """Labels of the class among such pictures, in [0, 0.45]."""
    p_value: float
    """That the share is `TOLERATED` at most."""


def measure_contamination(
    scores: pd.Series, labels: pd.Series, groups: pd.Series, class_name: str
) -> Contamination:
    """How often the class is named where its score is as low as can be.

    Where labels are right, the logistic curve of label over score ends at 0, whatever the doubt
    in between. Labels that were dealt or copied wrongly lift that end. Share and p-value are those
    of the logistic curve between two free ends (Richards 1959), by likelihood ratio; the upper end
    is free because look-alikes of a rare class lower it in any cohort.

    Args:
        scores: (N,) probabilities of the class out of fold, by `isic_id`.
        labels: (N,) text, the same index.
        groups: (N,) `group_id`, the same index; images of one group and label count as one.
        class_name: one of the labels.
    """
    rows = pd.DataFrame({"score": logit(scores.clip(1e-6, 1 - 1e-6)), "group": groups,
                         "is_class": labels == class_name})
    units = rows.groupby(["group", "is_class"], observed=True)["score"].mean().reset_index()
    score = units["score"].to_numpy()
    score = (score - score.mean()) / max(score.std(), 1e-9)
    is_class = units["is_class"].to_numpy(bool)
    free, share = _fit_curve(score, is_class, (0.0, _MOST))
    bound, _ = _fit_curve(score, is_class, (TOLERATED, TOLERATED))
    if share <= TOLERATED:
        return Contamination(share=share, p_value=1.0)
    # Half a chi-square: the share may only be larger.
    return Contamination(share=share, p_value=float(chi2.sf(2 * max(bound - free, 0), 1) / 2))


def _fit_curve(
    score: np.ndarray, is_class: np.ndarray, ends: tuple[float, float]
) -> tuple[float, float]:
    """The least negative log-likelihood with the lower end within limits, and that end."""
    def cost(curve: np.ndarray) -> float:
        slope, offset, low, high = curve
        rate = np.clip(low + (1 - low - high) * expit(slope * score + offset), 1e-9, 1 - 1e-9)
        return -float(np.log(np.where(is_class, rate, 1 - rate)).sum())

    bounds = [(0, 50), (-50, 50), ends, (0, _MOST)]
    plain = minimize(lambda two: cost(np.array([*two, 0, 0])), [1, logit(is_class.mean())],
                     bounds=bounds[:2], method="L-BFGS-B").x
    fits = [minimize(cost, [steep * plain[0], steep * plain[1], np.clip(low, *ends), high],
                     bounds=bounds, method="L-BFGS-B") for steep, low, high in _STARTS]
    best = min(fits, key=lambda fit: float(fit.fun))
    return float(best.fun), float(best.x[2])
