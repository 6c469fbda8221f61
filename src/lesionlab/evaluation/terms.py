"""The metrics by name: what each is called on a page, what it says, and which way is good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric of the report."""

    name: str
    label: str
    meaning: str
    """One line for a reader of the page."""
    best: Literal["high", "low", "zero", "one"]
    kind: Literal["ranking", "decision", "probability"]
    """What it looks at: the order of scores, the decided class, or the probabilities."""


def _metric(name: str, label: str, kind: str, best: str, meaning: str) -> tuple[str, Metric]:
    return name, Metric(name=name, label=label, meaning=meaning,
                        best=best, kind=kind)  # pyright: ignore[reportArgumentType]


METRICS: dict[str, Metric] = dict((
    _metric("auroc", "AUROC", "ranking", "high",
            "Chance that a positive image scores above a negative one; 0.5 is a coin"),
    _metric("average_precision", "Average precision", "ranking", "high",
            "Precision averaged over recall; the prevalence is what a coin gets"),
    _metric("pauc_above_80_sensitivity", "pAUC above 80 % sensitivity", "ranking", "high",
            "Area beside the ROC curve above 80 % sensitivity, 0 to 0.2; 0.02 is a coin "
            "(ISIC 2024 score)"),
    _metric("sensitivity_at_90_specificity", "Sensitivity at 90 % specificity", "ranking", "high",
            "Read off these images' own ROC curve"),
    _metric("sensitivity_at_95_specificity", "Sensitivity at 95 % specificity", "ranking", "high",
            "Read off these images' own ROC curve"),
    _metric("specificity_at_95_sensitivity", "Specificity at 95 % sensitivity", "ranking", "high",
            "Read off these images' own ROC curve"),
    _metric("accuracy", "Accuracy", "decision", "high", "Share of images decided right"),
    _metric("balanced_accuracy", "Balanced accuracy", "decision", "high",
            "Accuracy if every class were equally common"),
    _metric("sensitivity", "Sensitivity (recall)", "decision", "high",
            "Share of positive images that are found"),
    _metric("specificity", "Specificity", "decision", "high",
            "Share of negative images that are left alone"),
    _metric("precision", "Precision (PPV)", "decision", "high",
            "Share of flagged images that are positive, at this prevalence"),
    _metric("f1", "F1", "decision", "high", "Harmonic mean of precision and sensitivity"),
    _metric("number_needed_to_biopsy", "Number needed to biopsy", "decision", "low",
            "Flagged images per positive among them, at this prevalence"),
    _metric("brier", "Brier score", "probability", "low",
            "Mean squared error of the probabilities; for several classes their sum, 0 to 2"),
    _metric("log_loss", "Log loss", "probability", "low",
            "Mean surprise at the true class, in nats"),
    _metric("ece", "Calibration error (ECE)", "probability", "low",
            "Mean distance of stated probability and observed frequency, 15 bins"),
    _metric("calibration_slope", "Calibration slope", "probability", "one",
            "Below 1: probabilities too extreme; above 1: too timid"),
    _metric("calibration_intercept", "Calibration intercept", "probability", "zero",
            "Below 0: probabilities too high on the whole; above 0: too low"),
))
"""Every metric of report.json, in the order of the page."""
