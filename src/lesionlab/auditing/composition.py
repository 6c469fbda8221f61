"""How many images of what, in which role, under which licence."""

from __future__ import annotations

import pandas as pd

from lesionlab.auditing.association import ALPHA, associate, take_units
from lesionlab.auditing.checks import Check, Verdict, say_count, say_share
from lesionlab.auditing.evidence import Evidence
from lesionlab.core.cohort import list_some
from lesionlab.core.licences import UNKNOWN, is_non_commercial
from lesionlab.core.split import ROLES

LEAST_GROUPS = 10
"""Groups of a class in a role under which neither training nor scores mean much."""
MOST_RARE = 0.05
"""Share of the images under which a type of image is rare."""
MOST_DRIFT = 1.25
"""How many times a class may be more, or less, frequent in a role than in all images."""


def _find_thin_classes(evidence: Evidence) -> Verdict:
    data = evidence.data
    groups = data.frame.groupby(["role", "target"])["group_id"].nunique().to_dict()
    cells = {(role, name): groups.get((role, name), 0) for role in ROLES for name in data.classes}
    least = min(cells.values())
    absent = [f"{name} in {role}" for (role, name), num in cells.items() if not num]
    thin = [cell for cell, num in cells.items() if 0 < num < LEAST_GROUPS]
    named = list_some(f"{name} in {role} ({cells[role, name]})" for role, name in thin)
    ids = [isic_id for cell in thin for isic_id in _list_ids(data.frame, *cell)]
    if absent:
        rest = f", and fewer than {LEAST_GROUPS} groups of {named}" if thin else ""
        return Verdict(section="issue", value=least, isic_ids=ids,
                       fact=f"There is no image of {list_some(absent)}{rest}")
    if thin:
        return Verdict(section="tip", value=least, isic_ids=ids, fact=(
            f"There are fewer than {LEAST_GROUPS} groups of {named}"))
    return Verdict(section="passed", value=least, fact=(
        f"Every class has at least {say_count(least, 'group')} in every role"))


def _find_drift(evidence: Evidence) -> Verdict:
    data = evidence.data
    frame, units = data.frame, take_units(data.frame)
    overall = {name: _find_share(frame["target"], name) for name in data.classes}
    shares = {(role, name): _find_share(frame.loc[frame["role"] == role, "target"], name)
              for role in ROLES if (frame["role"] == role).any() for name in data.classes}
    drift = {cell: _find_ratio(share, overall[cell[1]]) for cell, share in shares.items()}
    role, name = max(drift, key=lambda cell: drift[cell])
    found = associate(units["role"], units["target"])
    text = (f"{say_share(shares[role, name])} of the {role} images are {name}, "
            f"{say_share(overall[name])} of all")
    if found.p_value < ALPHA and drift[role, name] > MOST_DRIFT:
        return Verdict(section="tip", value=found.strength, isic_ids=_list_ids(frame, role, name),
                       fact=f"Roles differ in their classes by more than chance: {text}")
    return Verdict(section="passed", value=found.strength,
                   fact=f"Roles have the classes alike, as far as chance goes: at most, {text}")


def _find_share(target: pd.Series, name: str) -> float:
    return float((target == name).mean())


def _find_ratio(share: float, overall: float) -> float:
    """How many times the larger is the smaller; 1 where the class is nowhere."""
    low, high = sorted((share, overall))
    return high / max(low, 1e-9) if high else 1.0


def _list_ids(frame: pd.DataFrame, role: str, name: str) -> list[str]:
    """The images of one class in one role."""
    return frame.index[(frame["role"] == role) & (frame["target"] == name)].tolist()


def _find_restrictive_licences(evidence: Evidence) -> Verdict:
    data = evidence.data
    if "copyright_license" not in data.frame:
        return Verdict(section="not_applicable", fact="There is no copyright_license")
    licences = data.frame["copyright_license"].fillna(UNKNOWN)
    restricted = [name for name in licences.unique() if _is_restricted(name)]
    counts = [f"{name} ({num:,})" for name, num in licences.value_counts().items()]
    is_restricted = licences.isin(restricted)
    if not restricted:
        return Verdict(section="passed", value=0, fact=(
            f"No licence forbids commercial use: {list_some(counts)}"))
    return Verdict(section="tip", value=is_restricted.mean(),
                   isic_ids=licences.index[is_restricted], fact=(
        f"{int(is_restricted.sum()):,} of {say_count(len(licences), 'image')} have a licence "
        f"that is non-commercial or not known: {list_some(counts)}"))


def _is_restricted(licence: str) -> bool:
    return licence == UNKNOWN or is_non_commercial(licence)


def _find_rare_types(evidence: Evidence) -> Verdict:
    frame = evidence.data.frame
    if "image_type" not in frame or not frame["image_type"].notna().any():
        return Verdict(section="not_applicable", fact="There is no image_type")
    shares = frame["image_type"].value_counts(normalize=True)
    rare = shares.index[shares < MOST_RARE]
    named = list_some(f"{name} ({share:.1%})" for name, share in shares.items())
    if not len(rare):
        return Verdict(section="passed", value=float(shares.min()), fact=(
            f"Each image type has its share: {named}"))
    is_rare = frame["image_type"].isin(rare)
    return Verdict(section="tip", value=is_rare.mean(), isic_ids=frame.index[is_rare], fact=(
        f"{int(is_rare.sum()):,} of {say_count(len(frame), 'image')} are of a rare type: {named}"))


CHECKS = (
    Check(code="LL401", title="Classes in every role", function=_find_thin_classes,
          why="A class without images cannot be learnt, calibrated or scored; one with a few "
              "groups gives intervals as wide as the scale.",
          remedy="gather more images, choose other shares for the split, join classes, or leave "
                 "the class out",
          how="Groups are counted by role and class."),
    Check(code="LL402", title="Prevalence in the roles", function=_find_drift,
          why="A threshold and a calibration from one prevalence do not hold at another.",
          remedy="prepare with a stratified split, or recalibrate for the prevalence of the test "
                 "images",
          how="Shares by role, and the test of Cramer's V between role and class."),
    Check(code="LL403", title="Licences", function=_find_restrictive_licences,
          why="A model trained on such images may fall under the same terms.",
          remedy="keep model and images to the uses that these licences allow, and name the "
                 "authors",
          how="By copyright_license of each image."),
    Check(code="LL407", title="Rare image types", function=_find_rare_types,
          why="A few clinical photographs among dermoscopic ones, or the reverse, are too few to "
              "be learnt and too many to be ignored.",
          remedy="leave them out, or report them separately",
          how="By the shares of image_type; a type of fewer than 1 in 20 images is rare."),
)
