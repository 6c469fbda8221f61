"""Whether the roles, and the sources, are of one population."""

from __future__ import annotations

import pandas as pd

from lesionlab.auditing.association import LARGE, NOTABLE, associate_columns, take_units
from lesionlab.auditing.checks import Check, Verdict, say_count
from lesionlab.auditing.evidence import Evidence
from lesionlab.auditing.probing import choose_rows, probe
from lesionlab.auditing.shortcuts import list_columns
from lesionlab.core.cohort import list_some

NUM_BINS = 5
"""Equally full parts that a number is cut into."""
DESCRIBING = ("source", "image_type", "attribution")
"""Columns of an image's origin that roles should have alike, beside the inputs."""


def _find_drifting_columns(evidence: Evidence) -> Verdict:
    frame = evidence.data.frame
    names = [name for name in (*list_columns(evidence.data, "input"), *DESCRIBING)
             if name in frame and frame[name].dropna().duplicated(keep=False).any()]
    if frame["role"].nunique() < 2 or not names:
        return Verdict(section="not_applicable",
                       fact="There is one role only, or no column that differs between images")
    units = take_units(frame, "role")
    judged = associate_columns({name: _cut(units[name]) for name in names}, units["role"])
    drifting = [name for name, found in judged.items() if found.is_weak]
    first, found = next(iter(judged.items()))
    if not drifting:
        return Verdict(section="passed", value=found.strength, fact=(
            f"Roles differ in none of {say_count(len(names), 'column')} by more than chance; the "
            f"nearest is {first} (Cramer's V {found.strength:.2f})"))
    others = f"; so does {list_some(drifting[1:])}" if drifting[1:] else ""
    return Verdict(
        section="issue" if found.is_strong else "tip", value=found.strength, count=len(frame),
        fact=f"{first} differs between the roles (Cramer's V {found.strength:.2f}, one image per "
             f"group and role){others}")


def _cut(column: pd.Series) -> pd.Series:
    """Numbers in parts that are equally full, text as it is."""
    if not pd.api.types.is_numeric_dtype(column) or column.nunique() <= NUM_BINS:
        return column.astype("string")
    return pd.qcut(column, NUM_BINS, duplicates="drop").astype("string")


def _find_drifting_pictures(evidence: Evidence) -> Verdict:
    """Whether a model can tell from the picture which role it has."""
    return _tell_apart(evidence, "role", "role", "Roles", is_natural=False)


def _find_differing_sources(evidence: Evidence) -> Verdict:
    """Whether a model can tell from the picture where it comes from."""
    return _tell_apart(evidence, "source", "source", "Sources", is_natural=True)


def _tell_apart(
    evidence: Evidence, column: str, noun: str, whose: str, *, is_natural: bool
) -> Verdict:
    frame = evidence.data.frame
    if column not in frame or frame[column].nunique() < 2:
        return Verdict(section="not_applicable", fact=f"There is no second {noun}")
    if evidence.why_no_features:
        return Verdict(section="not_applicable", fact=evidence.why_no_features)
    rows = choose_rows(frame, column)
    found = probe(rows, evidence.features("whole", rows.index), kind="features", column=column)
    if not found:
        return Verdict(section="not_applicable", fact=f"No second {noun} has enough groups")
    first = found[0]
    text = f"a simple model tells {first.class_name} from the rest with {first}"
    if first.low < 0.5 + NOTABLE:
        return Verdict(section="passed", value=first.auroc,
                       fact=f"{whose} have pictures alike: {text}")
    is_issue = first.low >= 0.5 + LARGE and not is_natural
    return Verdict(section="issue" if is_issue else "tip", value=first.auroc,
                   isic_ids=frame.index[frame[column] == first.class_name],
                   fact=f"{whose} differ in their pictures: {text}")


CHECKS = (
    Check(code="LL404", title="Metadata in the roles", function=_find_drifting_columns,
          why="A test on other patients, sites or cameras than those of training measures the "
              "change of population along with the model.",
          remedy="say so where the score is reported, or split so that roles are alike",
          how="Cramer's V of role against each column, numbers cut into five equal parts, "
              "corrected for their number (Holm)."),
    Check(code="LL405", title="Pictures in the roles", function=_find_drifting_pictures,
          why="Where training and test pictures can be told apart, they are of other cameras, "
              "clinics or treatments, and the score is one of transfer.",
          remedy="say so where the score is reported, or split so that roles are alike",
          causes=("LL404",),
          how="As LL306, for the role in the place of the label."),
    Check(code="LL406", title="Pictures of the sources", function=_find_differing_sources,
          why="A source that shows in the picture is a shortcut as soon as classes differ between "
              "sources.",
          remedy="report scores per source and test on a source that was left out of training",
          how="As LL306, for the source in the place of the label."),
)
