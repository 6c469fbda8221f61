"""Pictures that show nothing, are out of focus, or have wrong colours."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from lesionlab.auditing.checks import Check, Verdict, say_count, say_share
from lesionlab.auditing.evidence import Evidence
from lesionlab.core.findings import Section

LEAST_SHARPNESS = 0.2
"""Sharpness under which a picture is out of focus. Of 405 dermoscopic pictures with 256 pixels on
the shorter side, all that a Gaussian of 3 pixels blurred lie below, and 98 % at 2 pixels; of
10,904 as they are, none."""
MOST_BLANK = 0.95
"""Share of pixels of one brightness above which a picture shows nothing; 10,904 dermoscopic
pictures have at most 0.84."""
LEAST_CONTRAST, LEAST_BRIGHTNESS = 3.0, 15.0
"""Grey levels under which a picture shows nothing; the same have at least 5.0 and 36."""

SWAP_WEIGHTS = {"red_over_blue": 24.0, "pigment_slope": 12.0 / 45}
"""Log odds that red and blue are in order, for each measure less its value where both are alike;
a logistic regression of 3,022 dermoscopic pictures against the same with channels exchanged."""
ALIKE = {"red_over_blue": 0.0, "pigment_slope": 45.0}
"""What the two measures are where red and blue are alike."""
SURE_SWAP, LIKELY_SWAP = -7.0, -2.0
"""Log odds under which channels are exchanged, for sure, and where such pictures are no rarity."""
MOST_RED = -0.1
"""Log of red over blue in the skin above which nothing is sure, however blue the ink."""
RARITY = 0.01
"""Share of sure ones above which likely ones are listed as well."""

SKIN_COLOUR = ["skin_l", "skin_a", "skin_b"]
LEAST_SPREAD = np.array([6.0, 4.0, 4.0])
"""Units of CIELAB that cohorts of one camera are taken to vary at least."""
SURE_DEVIATION, LIKELY_DEVIATION = 5.0, 4.0
"""Robust standard deviations by which skin differs from the cohort's in colour, for sure, and
where there is a sure one."""
LEAST_RED, LEAST_YELLOW = -5.0, -17.0
"""Units of CIELAB a and b under which skin is green, or blue, in any cohort."""
LEAST_PICTURES = 30
"""Pictures that make a cohort to compare with."""


def find_blank(measures: pd.DataFrame) -> pd.Series:
    """(N,) bool by id: pictures of one brightness, or of next to no light."""
    return ((measures["blank"] >= MOST_BLANK) | (measures["contrast"] < LEAST_CONTRAST)
            | (measures["brightness"] < LEAST_BRIGHTNESS))


def find_swapped(measures: pd.DataFrame) -> pd.Series:
    """(N,) bool by id: pictures whose red and blue are exchanged, that show anything."""
    odds = sum((measures[name] - ALIKE[name]) * weight for name, weight in SWAP_WEIGHTS.items())
    is_sure = ((odds < SURE_SWAP) & (measures["red_over_blue"] < MOST_RED)
               & ~find_blank(measures))
    if is_sure.mean() < RARITY:
        return is_sure
    return (odds < LIKELY_SWAP) & ~find_blank(measures)


def find_casts(measures: pd.DataFrame) -> pd.Series:
    """(N,) bool by id: pictures whose skin has a colour that skin has not, or not here.

    Here means far from the other pictures, in a and b of CIELAB given the lightness, so that dark
    skin is no cast; pictures that are blank or swapped are left out.
    """
    is_here = ~find_blank(measures) & ~find_swapped(measures)
    found = (measures["skin_a"] < LEAST_RED) | (measures["skin_b"] < LEAST_YELLOW)
    skin = measures.loc[is_here, SKIN_COLOUR].to_numpy()
    deviation = _measure_deviation(skin) if len(skin) >= LEAST_PICTURES else np.zeros(len(skin))
    if (deviation > SURE_DEVIATION).any():
        found.loc[measures.index[is_here]] |= deviation > LIKELY_DEVIATION
    return found & is_here


def _measure_deviation(skin: np.ndarray) -> np.ndarray:
    """(N,) Mahalanobis distance of a and b given L, of (N, 3), by medians and rank correlation."""
    centre = np.median(skin, axis=0)
    spread = stats.median_abs_deviation(skin, axis=0) / stats.norm.ppf(0.75)
    scaled = (skin - centre) / np.maximum(spread, LEAST_SPREAD)
    shared = np.cov(stats.rankdata(skin, axis=0).T)
    # What does not vary goes with nothing.
    ranges = np.sqrt(np.maximum(np.diag(shared), 1e-9))
    shared /= np.outer(ranges, ranges)
    np.fill_diagonal(shared, 1.0)
    whole = np.einsum("ij,jk,ik->i", scaled, np.linalg.pinv(shared, hermitian=True), scaled)
    return np.sqrt(np.maximum(whole - scaled[:, 0] ** 2, 0))


def _find_blurred_pictures(evidence: Evidence) -> Verdict:
    measures = evidence.measures
    is_blurred = (measures["sharpness"] < LEAST_SHARPNESS) & ~find_blank(measures)
    return _list_pictures(is_blurred, "tip", "Out of focus")


def _find_blank_pictures(evidence: Evidence) -> Verdict:
    return _list_pictures(find_blank(evidence.measures), "issue", "Blank or nearly black")


def _find_swapped_pictures(evidence: Evidence) -> Verdict:
    return _list_pictures(find_swapped(evidence.measures), "issue", "With red and blue exchanged")


def _find_colour_casts(evidence: Evidence) -> Verdict:
    return _list_pictures(find_casts(evidence.measures), "tip", "With skin in an odd colour")


def _list_pictures(is_found: pd.Series, section: Section, what: str) -> Verdict:
    ids = is_found.index[is_found]
    share = len(ids) / max(len(is_found), 1)
    if not len(ids):
        return Verdict(section="passed", value=0, fact=(
            f"{what}: none of {say_count(len(is_found), 'picture')}"))
    return Verdict(section=section, value=share, isic_ids=ids, fact=(
        f"{what}: {len(ids):,} of {say_count(len(is_found), 'picture')} ({say_share(share)})"))


CHECKS = (
    Check(code="LL204", title="Blurred pictures", function=_find_blurred_pictures,
          why="What is out of focus shows no structure; where one class or clinic has more of it, "
              "blur itself tells the label.",
          remedy="look at them, and leave out what a dermatologist could not read",
          how="By the variance of the Laplacian, which is the fine detail, and by how much of it "
              "there is for the detail at half and a quarter of the size: a faint lesion on even "
              "skin is no blurred picture. The limit holds for any cohort; a Gaussian of two "
              "pixels at 256 brings 98 of 100 pictures below it, and none of 10,904 dermoscopic "
              "pictures lies there as it is."),
    Check(code="LL205", title="Blank pictures", function=_find_blank_pictures,
          why="A picture of nothing has a label all the same, which a model can only learn by "
              "heart.",
          remedy="look at them, fetch the files again, or leave them out",
          how="At least 95 % of the pixels within 4 grey levels of the commonest brightness, a "
              "contrast below 3 grey levels, or a mean brightness below 15."),
    Check(code="LL207", title="Exchanged channels", function=_find_swapped_pictures,
          why="A program that took BGR for RGB wrote these files; a model learns blue skin as a "
              "kind of its own, and fails on the same lesions in their right colours.",
          remedy="look at them, exchange the channels back, and look for the step that did it",
          how="Skin has more red than blue, and pigment and blood absorb blue more than red, so "
              "that blue falls faster from skin to lesion; both together give the odds that "
              "channels are in order. Where fewer than 1 % of the pictures are exchanged for "
              "sure, only those are listed, so that blue light, blue lesions and blue ink are "
              "not."),
    Check(code="LL208", title="Colour casts", function=_find_colour_casts,
          why="White balance belongs to camera and lamp; a model can tell them apart by it, and "
              "takes a cast for a sign of disease.",
          remedy="look at them, balance their white, or train with changes of colour",
          how="By the median colour of the lighter half of the rim, in CIELAB: a below -5 or b "
              "below -17, or, where any picture lies over 5 robust standard deviations from the "
              "others in a and b at its lightness, those over 4. Dark skin is no cast. Pictures "
              "of LL205 and LL207 are left out.",
          causes=("LL207",)),
)
