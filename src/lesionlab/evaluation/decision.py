"""Decision: how the class of an image is decided from its probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lesionlab.evaluation.operating_point import Thresholds

DECISION_POINT = "max_youden"
"""The operating point that tells two classes apart."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """How a class was decided from the probabilities."""

    threshold: float | None
    """Where the positive one of two classes begins; None where the highest probability decides."""
    is_from_validation: bool
    """Whether the threshold was chosen on validation rows."""
    text: str
    """One sentence for the page."""
    class_weights: tuple[float, ...] = ()
    """What the probability of each of several classes is multiplied by; empty is 1 for all."""

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> Decision:
        """Read what `dataclasses.asdict` gave."""
        weights = tuple(value.get("class_weights", ()))
        return cls(threshold=value["threshold"], is_from_validation=value["is_from_validation"],
                   text=value["text"], class_weights=weights)

    def decide(self, probabilities: np.ndarray) -> np.ndarray:
        """(N,) int64 classes of (N, K) probabilities; any class where a row is NaN."""
        if self.threshold is not None:
            return (probabilities[:, -1] >= self.threshold).astype(np.int64)
        return (np.nan_to_num(probabilities) * (self.class_weights or 1.0)).argmax(axis=1)


def choose_decision(
    classes: Sequence[str], thresholds: Thresholds, class_weights: Mapping[str, float],
) -> Decision:
    """The threshold's decision of two classes, that of the highest probability of more.

    Args:
        classes: names, in the order of the probabilities.
        thresholds: of `operating_point.choose_thresholds`, or empty.
        class_weights: of `weigh_classes`, or empty; of two classes they mean nothing.
    """
    if len(classes) > 2:
        return _decide_highest(classes, class_weights)
    positive = list(classes)[-1]
    chosen = thresholds.get(positive, {}).get(DECISION_POINT)
    if chosen is None:
        return Decision(threshold=0.5, is_from_validation=False, text=(
            f"An image is decided {positive} where its probability is 0.5 or more; "
            "no threshold of validation images was given."))
    return Decision(threshold=chosen, is_from_validation=True, text=(
        f"An image is decided {positive} where its probability is {chosen:.3f} or more: the "
        "threshold with the highest sensitivity + specificity on the validation images."))


def weigh_classes(counts: Mapping[str, int], power: float) -> dict[str, float]:
    """The weight of each class in decisions: (1 / share)**power, 1 for the most frequent.

    With 0 the most probable class is decided, which makes the fewest errors; with 1 a class counts
    as if all were equally frequent, which makes the highest balanced accuracy of a calibrated
    model. A class without an image counts as one with half an image.

    >>> weigh_classes({"nv": 90, "mel": 10}, 0.5)
    {'nv': 1.0, 'mel': 3.0}
    """
    most = max(counts.values())
    return {name: (most / max(count, 0.5)) ** power for name, count in counts.items()}


def _decide_highest(classes: Sequence[str], weights: Mapping[str, float]) -> Decision:
    if len(set(weights.values())) <= 1:
        return Decision(threshold=None, is_from_validation=False,
                        text="An image is decided as the class of its highest probability.")
    told = ", ".join(f"{name} {weights[name]:.2f}" for name in classes)
    return Decision(
        threshold=None, is_from_validation=False, class_weights=tuple(weights[k] for k in classes),
        text="An image is decided as the class whose probability is highest after it is multiplied "
             f"by the weight that the recipe gives to rare classes: {told}.")
