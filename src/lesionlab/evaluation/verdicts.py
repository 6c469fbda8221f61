"""Findings of an evaluation: what a reader must know before trusting the numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lesionlab.core.cohort import list_some
from lesionlab.core.findings import Finding
from lesionlab.evaluation.background import say
from lesionlab.evaluation.calibration import expected_error_by_chance
from lesionlab.evaluation.decision import Decision
from lesionlab.evaluation.metrics import Measurement, Sample
from lesionlab.evaluation.subgroups import WORSE

LEAST_GROUPS = 20
"""Groups of a class under which its numbers say little."""
MOST_ECE = 0.05
"""Calibration error that is still called small."""


def judge(
    sample: Sample, measured: Measurement, classes: tuple[str, ...], decision: Decision,
    subgroups: pd.DataFrame, num_unlabelled: int,
) -> tuple[Finding, ...]:
    """All findings, in the order of their codes; checks that passed are among them."""
    return (_judge_chance(measured, classes), _judge_decisions(sample, classes),
            _judge_calibration(sample, measured), _judge_number(sample, classes),
            _judge_subgroups(subgroups), _judge_unlabelled(sample, num_unlabelled),
            _judge_threshold(decision))


def _judge_chance(measured: Measurement, classes: tuple[str, ...]) -> Finding:
    value, interval = measured.value("auroc"), measured.interval("auroc")
    title = "Against chance"
    if not np.isfinite(value):
        return say("LL701", title, "not_applicable",
                   "AUROC is not defined: it needs images of two classes or more.")
    text = f"AUROC {value:.2f} ({interval.low:.2f}-{interval.high:.2f})"
    if interval.high < 0.5:
        return say("LL701", title, "issue", value=value, explanation=(
            f"{text} is worse than chance: classes may be swapped, or labels may belong to other "
            "images; check the order of the classes and every join."))
    if interval.low <= 0.5:
        return say("LL701", title, "issue", value=value, explanation=(
            f"{text} is no better than chance: labels may not belong to their images; check that "
            "every join is by id and not by position, then the training."))
    weak = [name for k, name in enumerate(classes)
            if len(classes) > 2 and measured.interval("auroc", k).low <= 0.5]
    if weak:
        return say("LL701", title, "tip", value=value, explanation=(
            f"{text} over classes is better than chance, but the interval of {list_some(weak)} "
            "includes 0.5; do not rely on these classes."))
    return say("LL701", title, "passed", f"{text} is better than chance.", value=value)


def _judge_decisions(sample: Sample, classes: tuple[str, ...]) -> Finding:
    used = np.unique(sample.decision_index)
    title = "Decided classes"
    if len(used) == 1:
        return say("LL702", title, "issue", count=len(sample), explanation=(
            f"All {len(sample):,} images are decided {classes[used[0]]}: sensitivity, specificity "
            "and accuracy say nothing; choose another threshold, or weigh classes in training."))
    never = [name for k, name in enumerate(classes)
             if k not in used and (sample.target_index == k).any()]
    if never:
        return say("LL702", title, "tip", count=len(never), explanation=(
            f"No image is decided {list_some(never)}, though some are; rank them by score "
            "or weigh rare classes in training."))
    return say("LL702", title, "passed", "Every class with images is decided at least once.")


def _judge_calibration(sample: Sample, measured: Measurement) -> Finding:
    title = "Calibration"
    value, interval = measured.value("ece"), measured.interval("ece")
    slope, around = measured.value("calibration_slope"), measured.interval("calibration_slope")
    if not np.isfinite(value):
        return say("LL703", title, "not_applicable", "There are no images to judge it by.")
    text = (f"Calibration error {value:.3f} ({interval.low:.3f}-{interval.high:.3f}), slope "
            + (f"{slope:.2f} ({around.low:.2f}-{around.high:.2f})" if np.isfinite(slope)
               else "not defined"))
    if value > MOST_ECE:
        return _judge_error(sample, value, text)
    return say("LL703", title, "passed", f"{text}: probabilities are close to frequencies.",
               value=value)


def _judge_error(sample: Sample, value: float, text: str) -> Finding:
    """A large calibration error: an issue where so many images cannot give it by chance."""
    binary = sample.probabilities.shape[1] == 2
    stated = sample.probabilities[:, -1] if binary else sample.probabilities.max(axis=1)
    chance = expected_error_by_chance(stated)
    if value > chance:
        return say("LL703", "Calibration", "issue", value=value, explanation=(
            f"{text}: probabilities are off, for honest ones would stay below {chance:.3f} here; "
            "rank by them, but do not read them as risks, and look for another prevalence or for "
            "overfitting."))
    return say("LL703", "Calibration", "tip", value=value, explanation=(
        f"{text}: honest probabilities reach {chance:.3f} on so few images, so these may be "
        "right or wrong; read them with care, or gather more images."))


def _judge_number(sample: Sample, classes: tuple[str, ...]) -> Finding:
    title = "Images per class"
    numbers = {name: len(np.unique(sample.group_index[sample.target_index == k]))
               for k, name in enumerate(classes)}
    few = [f"{name} ({number})" for name, number in numbers.items() if number < LEAST_GROUPS]
    least = min(numbers.values())
    if few:
        return say("LL704", title, "tip", count=len(few), value=least, explanation=(
            f"Fewer than {LEAST_GROUPS} groups have images of {list_some(few)}: their intervals "
            "are wide and themselves unsure; gather more images before drawing conclusions."))
    return say("LL704", title, "passed", value=least, explanation=(
        f"Each class has images of at least {least:,} groups."))


def _judge_subgroups(subgroups: pd.DataFrame) -> Finding:
    title = "Subgroups"
    judged = subgroups[subgroups["verdict"] != "too few"]
    if judged.empty:
        return say("LL705", title, "not_applicable", (
            f"No subgroup has {LEAST_GROUPS} groups with and without a positive image, "
            "or none was given."))
    worse = judged[judged["verdict"].isin(WORSE)].sort_values("difference")
    if worse.empty:
        return say("LL705", title, "passed", (
            f"AUROC is in no subgroup clearly lower than over all images ({len(judged)} compared); "
            "small differences would not show."))
    named = [f"{row['subgroup']} ({row['class']}, {row['difference']:+.2f})"
             for _, row in worse.iterrows()]
    # A row is a part and a class: a part's images are counted once.
    count = int(worse.drop_duplicates("subgroup")["n_images"].sum())
    lost = worse.loc[worse["verdict"] == WORSE[0], "subgroup"].unique()
    collapse = f", and may be that of a coin in {list_some(lost)}" if len(lost) else ""
    return say("LL705", title, "issue", count=count, value=worse["difference"].iloc[0],
               explanation=(f"AUROC is clearly lower than over all images in "
                            f"{list_some(named)}{collapse}; report these separately, and look "
                            "at how such images are trained on."))


def _judge_unlabelled(sample: Sample, num_unlabelled: int) -> Finding:
    title = "Missing targets"
    if num_unlabelled:
        total = len(sample) + num_unlabelled
        return say("LL706", title, "tip", count=num_unlabelled, explanation=(
            f"{num_unlabelled:,} of {total:,} images have no target and are left out; "
            "check that they are not a kind of their own."))
    return say("LL706", title, "passed", f"All {len(sample):,} images have a target.")


def _judge_threshold(decision: Decision) -> Finding:
    title = "Decision threshold"
    if decision.threshold is None:
        return say("LL707", title, "not_applicable",
                   "No threshold: the highest probability decides"
                   + (", after weights for rare classes." if decision.class_weights else "."))
    if not decision.is_from_validation:
        return say("LL707", title, "tip", value=decision.threshold, explanation=(
            "No threshold of validation images was given, so 0.5 is used; sensitivity and "
            "specificity may be far from what a chosen threshold would give."))
    return say("LL707", title, "passed", value=decision.threshold, explanation=(
        f"Threshold {decision.threshold:.3f} was chosen on validation images."))
