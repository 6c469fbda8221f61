"""What scores hang on besides the lesion: the source, the file, and how common a class was made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from lesionlab.core.cohort import list_some
from lesionlab.core.findings import Finding
from lesionlab.evaluation import paired
from lesionlab.evaluation.areas import ALPHA, LEAST_GROUPS, Bounds, Estimate
from lesionlab.evaluation.background import TOO_FEW, Case, say

FAR = 0.05
"""A loss in AUROC without a source, or within sources, that is surely above it is an issue."""
MOST_SOURCES = 20
"""Sources that are left out in turn, the largest first."""
TIED = 0.3
"""Rank correlation from which a score and a property of the file are called tied: Cohen's medium
effect (Statistical Power Analysis for the Behavioral Sciences, 1988)."""
TELLING = 0.1
"""How far from 0.5 the AUROC of such a property must surely be for a score to gain by it."""
MOST_OFF, MOST_FOLD = 0.05, 2.0
"""How far the mean probability of a class may be from its share: in all, and times."""
FILE_WORDS = {"file_bytes": "size in bytes", "pixels": "number of pixels",
              "aspect": "width over height"}
"""What is known of a file without looking at the picture."""


def measure_files(rows: pd.DataFrame) -> pd.DataFrame:
    """float64 `FILE_WORDS` of the file of each row; no column where sizes are not known."""
    if not {"file_bytes", "pixels_x", "pixels_y"} <= set(rows):
        return pd.DataFrame(index=rows.index)
    return pd.DataFrame({
        "file_bytes": rows["file_bytes"], "pixels": rows["pixels_x"] * rows["pixels_y"],
        "aspect": rows["pixels_x"] / rows["pixels_y"]})


def judge_sources(case: Case) -> Finding:
    """LL725: whether telling sources apart, or one of them alone, carries the result."""
    code, title = "LL725", "One source and the result"
    source = case.rows.get("source", pd.Series(index=case.ids, dtype=object))
    strata = pd.factorize(source, sort=True)[0].astype(np.int64)
    names = source.value_counts().index[:MOST_SOURCES]
    if len(names) < 2:
        return say(code, title, "not_applicable", "There is just one source, or none is named.")
    if not case.bench.find_classes():
        return say(code, title, "not_applicable", TOO_FEW)
    classes = _find_paired_classes(case, strata)
    if not classes:
        return say(code, title, "tip", count=len(case.ids), explanation=(
            f"No source holds {LEAST_GROUPS} groups of a class and as many of others, so that a "
            "model could live on telling sources apart; test on a source with all classes."))
    is_known = strata >= 0
    pooled = (case.measure(classes) if is_known.all()
              else case.bench.measure(case.sample.probabilities, classes, is_known))
    within = case.bench.measure_within(case.sample.probabilities, classes, strata)
    without = {str(name): _leave_out(case, (source == name).to_numpy()) for name in names}
    judged = {name: loss for name, loss in without.items() if loss is not None}
    num_compared = len(judged) + 1
    carried = (pooled - within).bound(num_compared)
    losses = {name: loss.bound(num_compared) for name, loss in judged.items()}
    worst = max(losses, key=lambda name: losses[name].low, default=None)
    text = f"AUROC {pooled.value:.2f} is {within.value:.2f} between images of one source"
    if carried.low > FAR:
        return say(code, title, "issue", value=carried.value, count=len(case.ids), explanation=(
            f"{text}: telling sources apart carries {carried} of it; report the score "
            "within each source, and test on a source that was left out of training."))
    if worst is not None and losses[worst].low > FAR:
        count = int((source == worst).sum())
        return say(code, title, "issue", value=losses[worst].value, count=count, explanation=(
            f"{text}, and falls by {losses[worst]} without the {count:,} images of {worst}: one "
            "source carries the result; report the score with and without it, and look at what "
            "sets its images apart."))
    lost = f", and leaving out any one costs at most {losses[worst]}" if worst is not None else ""
    return say(code, title, "passed", f"{text}{lost}.", value=carried.value)


def _find_paired_classes(case: Case, strata: np.ndarray) -> tuple[int, ...]:
    """Classes with enough groups on both sides in sources that have both sides."""
    is_class = case.sample.target_index[:, None] == np.arange(len(case.classes))
    classes = []
    for k in case.shown:
        both = [number for number in range(strata.max(initial=-1) + 1)
                if len(np.unique(is_class[strata == number, k])) == 2]
        if k in case.bench.find_classes(np.isin(strata, both)):
            classes.append(k)
    return tuple(classes)


def _leave_out(case: Case, is_out: np.ndarray) -> Estimate | None:
    """What the AUROC loses without some images; None where no class has enough groups then."""
    classes = case.bench.find_classes(~is_out)
    if not classes:
        return None
    return case.measure(classes) - case.bench.measure(case.sample.probabilities, classes, ~is_out)


@dataclass(frozen=True, kw_only=True)
class _Tie:
    """How a score and a property of the file go together within classes."""

    name: str
    class_index: int
    values: np.ndarray
    """(N,) float64 of the property."""
    strength: float
    p_value: float

    @property
    def is_tied(self) -> bool:
        """Whether it is more than chance, and not weak."""
        return self.p_value < ALPHA and abs(self.strength) >= TIED


def judge_files(case: Case) -> Finding:
    """LL726: whether scores follow properties of the file among images of one class."""
    code, title = "LL726", "Scores and the file"
    if not case.background.sees_image:
        return say(code, title, "not_applicable", "The model sees no image.")
    ties = sorted(_find_ties(case), key=lambda tie: (-tie.is_tied, -abs(tie.strength)))
    if not ties:
        return say(code, title, "not_applicable", (
            "Files are all of one size, their sizes are not known, or no class has enough "
            f"groups (under {LEAST_GROUPS})."))
    tied = [(tie, _tell(case, tie, len(ties))) for tie in ties if tie.is_tied]
    if not tied:
        return say(code, title, "passed", f"{_describe(case, ties[0])}, the strongest of "
                   f"{len(ties)}.", value=ties[0].strength)
    gains = [(tie, told) for tie, told in tied if _gain(tie, told) > TELLING]
    first, told = (gains or tied)[0]
    text = f"{_describe(case, first)}, and that number alone tells the class with AUROC {told}"
    if gains:
        return say(code, title, "issue", value=first.strength, count=len(case.ids), explanation=(
            f"{text}: the model may read the file and not the lesion; bring all images to "
            "one size and encoding before training, and compare scores within one size."))
    return say(code, title, "tip", value=first.strength, count=len(case.ids), explanation=(
        f"{text}: the score follows the file, or what makes a file large, but gains "
        "little by it here; expect other scores for images of another camera or export."))


def _describe(case: Case, tie: _Tie) -> str:
    return (f"Among images of one class the score of {case.classes[tie.class_index]} and the "
            f"file's {FILE_WORDS[tie.name]} have a rank correlation of {tie.strength:.2f}")


def _find_ties(case: Case) -> list[_Tie]:
    known = {str(name): values.to_numpy(np.float64)
             for name, values in measure_files(case.rows).items()
             if values.notna().all() and np.ptp(values) > 0}
    found = {(name, k): _correlate(case, values, k) for name, values in known.items()
             for k in case.bench.find_classes()}
    p_values = paired.correct({key: p_value for key, (_, p_value) in found.items()})
    return [_Tie(name=name, class_index=k, values=known[name], strength=strength,
                 p_value=p_values[name, k]) for (name, k), (strength, _) in found.items()]


def _correlate(case: Case, values: np.ndarray, k: int) -> tuple[float, float]:
    """Rank correlation of the score of class k and a number within class and rest, and its p.

    Ranks are taken within each side, so that the label itself ties nothing, and averaged over the
    images that a group has there, so that a group counts once.
    """
    is_class = case.sample.target_index == k
    ranks = np.zeros((2, len(values)))
    for row, numbers in enumerate((case.sample.probabilities[:, k], values)):
        for side in (is_class, ~is_class):
            ranks[row, side] = stats.rankdata(numbers[side]) / (side.sum() + 1) - 0.5
    units = pd.DataFrame(ranks.T).groupby([case.sample.group_index, is_class]).mean().to_numpy()
    if np.ptp(units, axis=0).min() == 0:
        return 0.0, 1.0
    found = stats.pearsonr(units[:, 0], units[:, 1])
    return float(found.statistic), float(found.pvalue)  # pyright: ignore


def _tell(case: Case, tie: _Tie, num_compared: int) -> Bounds:
    """The AUROC of the property for the class."""
    scores = np.zeros((len(tie.values), len(case.classes)))
    scores[:, tie.class_index] = tie.values
    return case.bench.measure(scores, [tie.class_index]).bound(num_compared)


def _gain(tie: _Tie, told: Bounds) -> float:
    """How far the property surely tells the class, the way that the score follows it."""
    return told.low - 0.5 if tie.strength > 0 else 0.5 - told.high


def judge_prevalence(case: Case) -> Finding:
    """LL727: whether probabilities are, on average, as high as a class is common."""
    code, title = "LL727", "Mean probability and share"
    is_class = case.sample.target_index[:, None] == np.arange(len(case.classes))
    p = case.sample.probabilities
    known = [k for k in case.shown if k in case.bench.find_classes()]
    if not known:
        return say(code, title, "not_applicable", TOO_FEW)
    gaps = {k: _average(case, p[:, k] - is_class[:, k], len(known)) for k in known}
    off = [k for k in known if max(gaps[k].low, -gaps[k].high) > MOST_OFF
           or _average(case, p[:, k] - MOST_FOLD * is_class[:, k], len(known)).low > 0
           or _average(case, MOST_FOLD * p[:, k] - is_class[:, k], len(known)).high < 0]
    worst = max(off or known, key=lambda k: abs(gaps[k].value))
    text = (f"The mean probability of {case.classes[worst]} is {p[:, worst].mean():.3f} and its "
            f"share {is_class[:, worst].mean():.3f}, difference {gaps[worst]}")
    if not off:
        return say(code, title, "passed", f"{text}.", value=gaps[worst].value)
    rest = [case.classes[k] for k in off if k != worst]
    text += f", and likewise of {list_some(rest)}" if rest else ""
    cause = _find_cause(case, known, p.mean(axis=0), is_class.mean(axis=0))
    return say(code, title, "issue" if cause else "tip", value=gaps[worst].value,
               count=len(case.ids), explanation=(
        f"{text}: {cause or 'classes may be more or less common here than in training'}; do not "
        "read probabilities as risks before they are fitted to images with shares like these."))


def _find_cause(case: Case, known: list[int], mean: np.ndarray, share: np.ndarray) -> str:
    """How the training was balanced, as far as is known; empty where it was not."""
    settings = case.background.balanced_by
    if settings is not None:
        return f"the training was balanced by {list_some(settings)}" if settings else ""
    equal = 1 / len(case.classes)
    looks_equal = np.abs(mean[known] - equal).sum() < np.abs(mean[known] - share[known]).sum()
    return "as after training on as many images of each class" if looks_equal else ""


def _average(case: Case, values: np.ndarray, num_compared: int) -> Bounds:
    """The mean of (N,) values and its interval, images of a group taken together."""
    mean, num_groups = float(values.mean()), len(np.unique(case.sample.group_index))
    sums = np.bincount(case.sample.group_index, values - mean, case.sample.num_groups)
    error = np.sqrt(num_groups / max(num_groups - 1, 1) * (sums**2).sum()) / len(values)
    reach = float(stats.norm.isf(ALPHA / 2 / num_compared) * error)
    return Bounds(value=mean, low=mean - reach, high=mean + reach)
