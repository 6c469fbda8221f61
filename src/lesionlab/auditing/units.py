"""Lengths of which some are in another unit than the rest."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from lesionlab.auditing.checks import Check, Verdict, say_count, say_share
from lesionlab.auditing.evidence import Evidence
from lesionlab.core.terms import COLUMNS

IN_MM = ("clin_size_long_diam_mm", "tbp_lv_minorAxisMM", "tbp_lv_perimeterMM")
"""Columns of the vocabulary that hold sizes of lesions in mm."""
FACTORS = {"cm": 10.0, "inches": 25.4}
"""Units that lengths are written in instead, and how many mm they have."""
SMALLEST_MM = 1.0
"""Lesions smaller than this are hardly ever measured: several are lengths in another unit."""
LEAST_VALUES, LEAST_ODD = 20, 4
"""Lengths, and those of the other unit, under which nothing is said."""
MOST_VALUES = 20_000
"""Lengths that are looked at; more would not say it more clearly."""
LEAST_GAIN, CLEAR_GAIN = 6.0, 20.0
"""Log likelihood, twice, that a second mode must gain over one beyond the price of BIC: where some
lesions are too small, and where nothing else speaks for it."""
_OWN_LENGTH = re.compile(r"(?i)(^|[^a-z])(size|diam\w*|length|width|height|thick\w*|depth|mm|cm)"
                         r"([^a-z]|$)")
_NUM_STEPS = 100


@dataclass(frozen=True, kw_only=True)
class Mix:
    """Two modes of the logarithms of lengths, apart by the factor between two units."""

    unit: str
    """Key of `FACTORS`."""
    gain: float
    """As of `LEAST_GAIN`."""
    has_valley: bool
    """Whether the modes are narrow and part from each other, so that skewness cannot explain
    them."""
    low: float
    """Median of the smaller lengths."""
    high: float
    """Median of the larger lengths."""


def split_modes(lengths: np.ndarray) -> Mix | None:
    """The two modes of (N,) float64 positive lengths; None where one explains them as well.

    Two normal distributions of log10, of one width and at the distance of the factor, fitted by
    expectation and maximisation.
    """
    logs = np.log10(lengths)
    if logs.std() < 1e-3:
        return None
    alone = _score_one_mode(lengths)
    found = [_fit(logs, unit, alone) for unit in FACTORS]
    return max((mix for mix in found if mix is not None), key=lambda mix: mix.gain, default=None)


def _fit(logs: np.ndarray, unit: str, alone: float) -> Mix | None:
    apart = float(np.log10(FACTORS[unit]))
    high, spread, share = float(np.quantile(logs, 0.8)), apart / 4, 0.5
    odds = np.zeros_like(logs)
    for _ in range(_NUM_STEPS):
        odds = (_score(logs, high - apart, spread) - _score(logs, high, spread)
                + np.log(share / (1 - share)))
        is_low = 1 / (1 + np.exp(-np.clip(odds, -50, 50)))
        share = float(np.clip(is_low.mean(), 1e-6, 1 - 1e-6))
        high = float(np.mean(logs + is_low * apart))
        off = is_low * (logs - high + apart) ** 2 + (1 - is_low) * (logs - high) ** 2
        spread = max(float(np.sqrt(off.mean())), 1e-3)
    both = np.logaddexp(np.log(share) + _score(logs, high - apart, spread),
                        np.log(1 - share) + _score(logs, high, spread)).sum()
    low, gain = odds > 0, 2 * float(both - alone) - float(np.log(len(logs)))
    if gain < LEAST_GAIN or min(low.sum(), (~low).sum()) < LEAST_ODD:
        return None
    counts = [int(np.sum(np.abs(logs - high + place * apart) < apart / 8))
              for place in (1.0, 0.5, 0.0)]
    return Mix(unit=unit, gain=gain, low=float(10 ** np.median(logs[low])),
               high=float(10 ** np.median(logs[~low])),
               has_valley=spread <= apart / 4 and 2 * counts[1] <= min(counts[0], counts[2]))


def _score_one_mode(lengths: np.ndarray) -> float:
    """Log likelihood of log10 of the lengths under the best power of them that is normal.

    Box and Cox 1964, doi 10.1111/j.2517-6161.1964.tb00553.x; a skewed mode is still one.
    """
    powers = np.linspace(-1, 1, 21)
    best = max(float(stats.boxcox_llf(power, lengths)) for power in powers)
    num = len(lengths)
    return best - num / 2 * (1 + np.log(2 * np.pi)) + float(np.log(lengths * np.log(10)).sum())


def _score(logs: np.ndarray, centre: float, spread: float) -> np.ndarray:
    return stats.norm.logpdf(logs, centre, spread)


def _find_mixed_units(evidence: Evidence) -> Verdict:
    frame = evidence.data.frame
    lengths = {name: _read_lengths(frame, name) for name in _list_lengths(frame)}
    lengths = {name: values for name, values in lengths.items()
               if len(_choose_one_each(frame, values)) >= LEAST_VALUES}
    if not lengths:
        return Verdict(section="not_applicable", fact="No column of lengths has enough values")
    for name, values in lengths.items():
        mix = split_modes(_choose_one_each(frame, values).to_numpy())
        is_small = name in IN_MM and (values < SMALLEST_MM).sum() >= LEAST_ODD
        if mix is not None and (is_small or (mix.has_valley and mix.gain >= CLEAR_GAIN)):
            return _describe_mix(name, values, mix, is_sure=is_small)
    return Verdict(section="passed", value=0, fact=(
        f"Values of {', '.join(lengths)} may all be in one unit each"))


def _describe_mix(name: str, values: pd.Series, mix: Mix, *, is_sure: bool) -> Verdict:
    is_odd = values < np.sqrt(mix.low * mix.high)
    unit, odd, others = mix.unit, mix.low, mix.high
    if not is_sure and is_odd.mean() > 0.5:
        is_odd, unit, odd, others = ~is_odd, "a smaller unit", mix.high, mix.low
    return Verdict(
        section="issue" if is_sure else "tip", value=float(is_odd.mean()),
        isic_ids=values.index[is_odd], fact=(
            f"{int(is_odd.sum()):,} of {say_count(len(values), 'value')} of {name} "
            f"({say_share(is_odd.mean())}) look as if they were in {unit}: their median is "
            f"{odd:.2g}, that of the others {others:.2g}"))


def _list_lengths(frame: pd.DataFrame) -> list[str]:
    own = [str(name) for name in frame if name not in COLUMNS and _OWN_LENGTH.search(str(name))]
    return [*(name for name in IN_MM if name in frame), *own]


def _read_lengths(frame: pd.DataFrame, name: str) -> pd.Series:
    """The positive lengths of a column, by id."""
    values = pd.to_numeric(frame[name], errors="coerce").astype("float64")
    return values[(values > 0) & np.isfinite(values)]


def _choose_one_each(frame: pd.DataFrame, values: pd.Series) -> pd.Series:
    """Each length of a group once, for several images of a lesion have one; of many some."""
    once = values[~frame.loc[values.index, ["group_id"]].assign(value=values).duplicated()]
    return once.sample(min(len(once), MOST_VALUES), random_state=0)


CHECKS = (
    Check(code="LL503", title="Mixed units", function=_find_mixed_units,
          why="A size in cm among sizes in mm makes a large lesion a small one, for the model and "
              "for every table.",
          remedy="look at these values in the source and bring them to one unit",
          how="By two modes in the logarithms of the lengths, 10 or 25.4 times apart, that "
              "explain them better than one mode of any skewness; each length of a group counts "
              "once. An issue where four or more lesions would be smaller than 1 mm. Columns of "
              "your own that are named as a length get a note where the two modes part from each "
              "other. Listed are the values of the odd mode."),
)
