"""Models side by side, on the same images only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.metrics import roc_curve

from lesionlab.core.cohort import list_some
from lesionlab.core.errors import InputError
from lesionlab.core.predictions import Predictions
from lesionlab.evaluation import bootstrap, paired
from lesionlab.evaluation.decision import Decision
from lesionlab.evaluation.leaderboard import SHOWN, Leaderboard, make_rows
from lesionlab.evaluation.metrics import Measurement, Sample, measure
from lesionlab.evaluation.paired import Drawn
from lesionlab.evaluation.report import take_sample
from lesionlab.scaling.progress import progress

NUM_CURVE_POINTS = 201
"""False positive rates at which ROC curves are read, 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of a model besides its predictions; all of it may be left out."""

    training_seconds: float | None = None
    num_parameters: int | None = None
    latency_ms: float | None = None
    """Milliseconds to predict one image, on the machine that compares."""
    is_baseline: bool = False
    """Whether it sees metadata and no image."""


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One row of a leaderboard to be."""

    name: str
    target: str
    """Name of the target, such as `malignancy`."""
    predictions: Predictions
    decision: Decision
    """How its classes are decided."""
    facts: Facts = field(default_factory=Facts)
    group_name: str = "groups"
    """What a group is, plural, for instance `lesions`."""
    published: str | None = None
    """The figure that the original study gave, in its words."""
    is_control: bool = False
    """Whether it learned labels joined by position: shown apart, never the best."""
    said: tuple[str, ...] = ()
    """What a reader should know of it, such as counts that were reduced."""


@dataclass(frozen=True, kw_only=True)
class _Scored:
    """What is measured of one contender."""

    sample: Sample
    drawn: Drawn
    row: dict[str, Any]


def build_leaderboard(
    contenders: Sequence[Contender], *, reference: str | None = None, seed: int = 0,
) -> Leaderboard:
    """The leaderboard of `contenders`, in whatever order they come.

    Each is compared with the best by AUROC and with the reference on the same resamples of the
    groups. Intervals are those of the report; differences may rest on more resamples, see
    `paired.count_resamples`.

    Args:
        contenders: one or more that are no control, with the same images, targets and groups.
        reference: name of the one to compare with; by default the best baseline, if there is one.
        seed: of the bootstrap.

    Raises:
        InputError: names that are not unique, no such reference, or contenders that were scored
            on different images, targets or groups.
        PredictionsError: no image has a target.
    """
    ordered = sorted(contenders, key=lambda contender: contender.name)
    rivals = [contender for contender in ordered if not contender.is_control]
    _check(ordered, rivals, reference)
    num_resamples = paired.count_resamples(len(rivals))
    scored: dict[str, _Scored] = {}
    with progress(len(ordered), "comparing", unit="models") as bar:
        for contender in ordered:
            scored[contender.name] = _score(contender, num_resamples, seed)
            bar.update()
    ranked = sorted(ordered, key=lambda one: _place(one, scored[one.name]))
    best = _find_best(ranked, scored)
    reference = reference or _find_best([one for one in ranked if one.facts.is_baseline], scored)
    first = ranked[0]
    sample, classes = scored[first.name].sample, first.predictions.classes
    share = np.bincount(sample.target_index, minlength=len(classes)) / len(sample)
    return Leaderboard(
        target=first.target, role=first.predictions.role, classes=classes,
        n_images=len(sample), n_groups=sample.num_groups, group_name=first.group_name,
        prevalence=dict(zip(classes, share.tolist(), strict=True)), best=best, reference=reference,
        rows=make_rows(scored[one.name].row for one in ranked),
        differences=paired.list_differences(
            {one.name: scored[one.name].drawn for one in ranked if not one.is_control},
            best=best, reference=reference),
        curves={one.name: find_curve(scored[one.name].sample) for one in ranked},
        confusions={one.name: _count_decisions(scored[one.name].sample) for one in ranked},
        num_resamples=num_resamples, seed=seed)


def _score(contender: Contender, num_resamples: int, seed: int) -> _Scored:
    sample = take_sample(contender.predictions, contender.decision)
    measured = measure(sample, num_resamples=num_resamples, seed=seed, is_recalibrated=False)
    facts = contender.facts
    row = {"name": contender.name, "is_control": contender.is_control, "n_images": len(sample),
           "n_groups": sample.num_groups, "threshold": contender.decision.threshold,
           "training_seconds": facts.training_seconds, "num_parameters": facts.num_parameters,
           "latency_ms": facts.latency_ms, "published": contender.published,
           "said": "; ".join(contender.said)}
    for name in SHOWN:
        row |= _estimate(measured, name)
    drawn = Drawn(values={name: measured.value(name) for name in paired.COMPARED},
                  draws={name: measured.draws_of(name).copy() for name in paired.COMPARED})
    return _Scored(sample=sample, drawn=drawn, row=row)


def _estimate(measured: Measurement, name: str) -> dict[str, float]:
    """A metric with the interval that a report gives: of the first resamples only."""
    value = measured.value(name)
    draws = measured.draws_of(name)[:paired.LEAST_RESAMPLES]
    interval = bootstrap.find_interval(np.full_like(draws, np.nan) if np.isnan(value) else draws)
    return {name: value, f"{name}_low": interval.low, f"{name}_high": interval.high}


def _place(contender: Contender, scored: _Scored) -> tuple[bool, float, str]:
    """What rows are sorted by: best AUROC first, undefined ones last, controls behind."""
    value = scored.drawn.values["auroc"]
    return contender.is_control, -value if np.isfinite(value) else np.inf, contender.name


def _find_best(ranked: Sequence[Contender], scored: Mapping[str, _Scored]) -> str | None:
    """The first that is no control and whose AUROC is defined."""
    return next((one.name for one in ranked if not one.is_control
                 and np.isfinite(scored[one.name].drawn.values["auroc"])), None)


def find_curve(sample: Sample) -> np.ndarray:
    """(NUM_CURVE_POINTS,) sensitivity at false positive rates 0 to 1, six decimals.

    Of the last of two classes; of more, the mean over the classes that have positives and
    negatives. NaN where there is none.
    """
    rates = np.linspace(0, 1, NUM_CURVE_POINTS)
    num_classes = sample.probabilities.shape[1]
    curves = []
    for k in [1] if num_classes == 2 else range(num_classes):
        is_positive = sample.target_index == k
        if is_positive.any() and not is_positive.all():
            false_rate, sensitivity, _ = roc_curve(is_positive, sample.probabilities[:, k])
            curves.append(np.interp(rates, false_rate, sensitivity))
    return np.mean(curves, axis=0).round(6) if curves else np.full(len(rates), np.nan)


def _count_decisions(sample: Sample) -> np.ndarray:
    """(K, K) int64 images by true and decided class."""
    num_classes = sample.probabilities.shape[1]
    counts = np.zeros((num_classes, num_classes), np.int64)
    np.add.at(counts, (sample.target_index, sample.decision_index), 1)
    return counts


def _check(ordered: Sequence[Contender], rivals: Sequence[Contender],
           reference: str | None) -> None:
    """Raise InputError unless all can stand in one table."""
    if not rivals:
        raise InputError("a leaderboard needs a model that is no control")
    names = [contender.name for contender in ordered]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(f"more than one model is called {list_some(repeated)}; "
                         "give each a name of its own")
    if reference is not None and reference not in {rival.name for rival in rivals}:
        raise InputError(f"no model to compare with is called {reference!r}; there are "
                         f"{list_some([rival.name for rival in rivals], 20)}")
    for contender in ordered:
        _check_kind(rivals[0], contender)
    # A control has labels of its own making, perhaps on images of its own.
    for rival in rivals[1:]:
        _check_rows(rivals[0], rival)


def _check_kind(first: Contender, other: Contender) -> None:
    for what, one, two in (
        ("targets", first.target, other.target),
        ("roles", first.predictions.role, other.predictions.role),
        ("classes", list_some(first.predictions.classes, 20),
         list_some(other.predictions.classes, 20)),
    ):
        if one != two:
            raise InputError(f"{first.name} and {other.name} are of different {what}: {one} and "
                             f"{two}; compare those of one kind")


def _check_rows(first: Contender, other: Contender) -> None:
    """The images, their targets and their groups are the same; joined by id."""
    one, two = first.predictions.frame, other.predictions.frame
    differ = sorted(one.index.symmetric_difference(two.index))
    if differ:
        raise InputError(f"{first.name} and {other.name} were scored on different images: "
                         f"{len(differ)} ids differ, {list_some(differ)}")
    two = two.loc[one.index]
    for column, text in (("target", "scored against different targets: those"),
                         ("group_id", "scored in different groups: those")):
        is_same = (one[column] == two[column]) | (one[column].isna() & two[column].isna())
        differ = sorted(one.index[~is_same])
        if differ:
            raise InputError(f"{first.name} and {other.name} were {text} of {len(differ)} ids "
                             f"differ, {list_some(differ)}")
