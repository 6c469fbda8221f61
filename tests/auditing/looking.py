"""One check on prepared data, with features that a test thought out."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lesionlab.auditing.covering import View
from lesionlab.auditing.evidence import Evidence
from lesionlab.auditing.registry import CHECKS
from lesionlab.core.findings import Finding
from lesionlab.dataset.prepared import PreparedData


@dataclass(frozen=True, kw_only=True)
class ImaginedEvidence(Evidence):
    """Evidence whose pictures have the features of a table by `isic_id`; no table, no features."""

    imagined: Mapping[View, pd.DataFrame]

    @property
    def why_no_features(self) -> str | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        return None if self.imagined else "The extra 'train' is not here"

    def features(self, view: View, ids) -> np.ndarray:
        return self.imagined[view].loc[ids].to_numpy(np.float32)


def look(
    code: str, data: PreparedData, features: Mapping[View, pd.DataFrame] | None = None,
    **found: pd.DataFrame,
) -> Finding:
    """What the check of this code says of `data`; `found` stands in for `measures`, `files`."""
    evidence = ImaginedEvidence(data=data, cache=data.folder / "cache", imagined=features or {})
    evidence.__dict__.update(found)  # as if they had been looked up already
    return CHECKS[code].run(evidence)


def imagine(frame: pd.DataFrame, told: pd.Series | None = None, seed: int = 0) -> pd.DataFrame:
    """Eight features of each row; one of them tells where `told` is true, if it is given."""
    rng = np.random.default_rng(seed)
    values = pd.DataFrame(rng.normal(size=(len(frame), 8)), index=frame.index)
    if told is not None:
        values[3] += 9 * told
    return values
