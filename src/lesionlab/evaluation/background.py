"""What is known of a model besides the predictions that are judged, and the case to judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from lesionlab.core.findings import Finding, Section
from lesionlab.core.predictions import Predictions
from lesionlab.dataset.ledger import Looks
from lesionlab.evaluation.areas import LEAST_GROUPS, NUM_RESAMPLES, Bench, Estimate, take_known
from lesionlab.evaluation.metrics import Sample

TOO_FEW = f"No class has {LEAST_GROUPS} groups of its own and as many of others."


@dataclass(frozen=True, kw_only=True)
class Rival:
    """What a simple model says of the same images without looking at them."""

    label: str
    """What it is given, such as `metadata alone`."""
    columns: tuple[str, ...]
    """Names of what it is given."""
    probabilities: pd.DataFrame
    """A row per image by `isic_id`, a column per class."""


@dataclass(frozen=True, kw_only=True)
class Background:
    """All of it may be left out; a check that lacks what it needs is not applicable."""

    rows: pd.DataFrame
    """Columns of the cohort, by `isic_id`; holds every image that is scored."""
    sees_image: bool = True
    """Whether the model looks at images."""
    metadata_rival: Rival | None = None
    """Given what is known of the patient and the lesion."""
    shortcut_rival: Rival | None = None
    """Given what is known of the file and where it comes from."""
    others: Mapping[str, Predictions] = field(default_factory=dict)
    """Predictions of the same model on images of the same cohort that are not scored here:
    `training`, `validation` and `cross-validation`, the last two by what had not seen them."""
    balanced_by: tuple[str, ...] | None = None
    """Settings of the recipe by which classes were made more equal than they are; None where the
    recipe is not known."""
    looks: Looks | None = None
    """How often the images were scored, this time included; None where that is not counted."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """The images that are judged, and all that is known of them."""

    ids: pd.Index
    """`isic_id` of the N images, in the order of the sample."""
    sample: Sample
    classes: tuple[str, ...]
    background: Background
    bench: Bench
    """Where their AUROCs are compared."""

    @classmethod
    def of(
        cls, predictions: Predictions, background: Background, *, seed: int = 0,
        num_resamples: int = NUM_RESAMPLES,
    ) -> Case:
        """The case of those predictions whose target is known."""
        ids = pd.Index(predictions.table["isic_id"].to_pandas())
        sample = take_known(predictions)
        return cls(ids=ids[predictions.target_index >= 0], sample=sample,
                   classes=predictions.classes, background=background,
                   bench=Bench(sample=sample, seed=seed, num_resamples=num_resamples))

    def measure(self, classes: Sequence[int]) -> Estimate:
        """The mean AUROC of some classes by the predictions, worked out once."""
        key = tuple(classes)
        if key not in self._measured:
            self._measured[key] = self.bench.measure(self.sample.probabilities, key)
        return self._measured[key]

    @cached_property
    def _measured(self) -> dict[tuple[int, ...], Estimate]:
        return {}

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The rows of the cohort, in the order of the images."""
        return self.background.rows.loc[self.ids]

    @property
    def shown(self) -> range:
        """Index of each class that has an AUROC of its own: of two, only the second."""
        return range(1, 2) if len(self.classes) == 2 else range(len(self.classes))


def say(
    code: str, title: str, section: Section, explanation: str,
    *, count: int = 0, value: float | None = None,
) -> Finding:
    """A finding about predictions."""
    return Finding(code=code, title=title, section=section, explanation=explanation, count=count,
                   value=None if value is None or not np.isfinite(value) else float(value))
