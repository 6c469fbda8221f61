"""Pictures that are unlike all others: no skin, another kind of photograph."""

from __future__ import annotations

import numpy as np
from scipy import stats
from sklearn.decomposition import PCA

from lesionlab.auditing.checks import Check, Verdict, say_count, say_share
from lesionlab.auditing.evidence import Evidence
from lesionlab.auditing.neighbours import BLOCK

NUM_DIMENSIONS = 64
"""Principal components in which distances are taken."""
NUM_COMPARED = 2_000
"""Pictures that each is compared with, drawn at random."""
NEIGHBOUR_SHARE = 0.04
"""Which nearest of the compared pictures counts, so that a few strangers alike are found too."""
MOST_DEVIATION = 4.5
"""Robust standard deviations of the logarithm of the distance from which on a picture is a
stranger. Of 9,885 pictures of HAM10000, six exceed 4 and none 5."""
LEAST_PICTURES = 50
"""Pictures that make a cohort to compare with."""


def measure_strangeness(features: np.ndarray) -> np.ndarray:
    """(N,) float64: robust standard deviations by which each picture is further from the others.

    Args:
        features: (N, D) float32.
    """
    rng = np.random.default_rng(0)
    compared = rng.permutation(len(features))[:NUM_COMPARED]
    num = min(NUM_DIMENSIONS, len(compared) - 1, features.shape[1])
    components = PCA(num, svd_solver="randomized", random_state=0).fit(features[compared])
    others = components.transform(features[compared])
    place = max(1, round(NEIGHBOUR_SHARE * len(others)))
    distances = np.concatenate([
        _find_distance(components.transform(features[start:start + BLOCK]), others, place)
        for start in range(0, len(features), BLOCK)])
    logs = np.log(np.maximum(distances, 1e-9))
    spread = stats.median_abs_deviation(logs) / stats.norm.ppf(0.75)
    return (logs - np.median(logs)) / max(spread, 1e-9)


def _find_distance(rows: np.ndarray, others: np.ndarray, place: int) -> np.ndarray:
    """(N,) distance of each row to the other row of that place among the nearest."""
    squares = ((rows**2).sum(1)[:, None] + (others**2).sum(1) - 2 * rows @ others.T).clip(0)
    return np.sqrt(np.partition(squares, place, axis=1)[:, place])


def _find_strangers(evidence: Evidence) -> Verdict:
    if evidence.why_no_features:
        return Verdict(section="not_applicable", fact=evidence.why_no_features)
    ids = evidence.data.cohort.ids
    if len(ids) < LEAST_PICTURES:
        return Verdict(section="not_applicable", fact=(
            f"There are fewer than {LEAST_PICTURES} pictures to compare with"))
    strangeness = measure_strangeness(evidence.features("whole", ids))
    found = ids[strangeness > MOST_DEVIATION]
    if not len(found):
        return Verdict(section="passed", value=strangeness.max(), fact=(
            f"None of {say_count(len(ids), 'picture')} is unlike all others"))
    return Verdict(section="tip", value=strangeness.max(), isic_ids=found, fact=(
        f"{len(found):,} of {say_count(len(ids), 'picture')} ({say_share(len(found) / len(ids))}) "
        "are unlike all others"))


CHECKS = (
    Check(code="LL206", title="Pictures unlike the others", function=_find_strangers,
          why="A page of text or a street has a label all the same, and what is learnt from it "
              "is noise; a picture of another kind tests something else.",
          remedy="look at them, and leave out what is no picture of a lesion",
          how="By the distance of each picture to the others in frozen features; a few strangers "
              "that are alike are found too.",
          causes=("LL205", "LL207")),
)
