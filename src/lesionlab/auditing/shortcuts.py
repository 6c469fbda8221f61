"""What tells the label without looking at the lesion."""

from __future__ import annotations

import pandas as pd

from lesionlab.auditing.association import (
    associate,
    associate_columns,
    grade,
    name_strangest_cell,
    separate_classes,
    take_units,
)
from lesionlab.auditing.checks import Check, Verdict, say_count, say_share
from lesionlab.auditing.evidence import Evidence
from lesionlab.core.cohort import list_some
from lesionlab.core.terms import COLUMNS
from lesionlab.dataset.prepared import PreparedData
from lesionlab.evaluation.dependences import FILE_WORDS, measure_files

ORIGINS = ("source", "attribution")
"""Columns that say which clinic or collection an image comes from."""
SITE_DETAILS = ("anatom_site_2", "anatom_site_3", "anatom_site_4", "anatom_site_5",
                "anatom_site_special")
"""Columns whose gap tells which site it is, not that nobody looked."""


def list_columns(data: PreparedData, role: str) -> list[str]:
    """The cohort's columns of one role that hold any value."""
    return [name for name, column in COLUMNS.items() if column.role == role
            and name in data.frame and data.frame[name].notna().any()]


def _find_consequences(evidence: Evidence) -> Verdict:
    data = evidence.data
    found = list_columns(data, "consequence")
    if not found:
        return Verdict(section="not_applicable", fact="No column is a consequence of the diagnosis")
    return Verdict(section="tip", value=len(found), count=int(
        data.frame[found].notna().any(axis=1).sum()), fact=(
            f"{list_some(found, most=6)} {'is' if len(found) == 1 else 'are'} known only because "
            "of the diagnosis and cannot become a feature here"))


def _find_telling_gaps(evidence: Evidence) -> Verdict:
    data = evidence.data
    frame = data.frame
    names = [name for name in list_columns(data, "input")
             if frame[name].isna().any() and name not in SITE_DETAILS]
    if not names:
        return Verdict(section="not_applicable", fact="No input column has gaps to judge")
    missing = frame[names].isna()
    units = take_units(frame)
    judged = associate_columns({name: missing.loc[units.index, name] for name in names},
                               units["target"])
    worst, found = next(iter(judged.items()))
    telling = [name for name, found in judged.items() if found.is_weak]
    if not telling:
        return Verdict(section="passed", value=found.strength, fact=(
            f"Gaps of none of {say_count(len(names), 'input column')} go with the label by more "
            f"than chance; the nearest is {worst} (Cramer's V {found.strength:.2f})"))
    found = judged[telling[0]]
    shares = missing[telling[0]].groupby(frame["target"]).mean().sort_values()
    others = f"; so do gaps of {list_some(telling[1:])}" if telling[1:] else ""
    return Verdict(
        section="issue" if found.is_strong else "tip", value=found.strength,
        isic_ids=missing.index[missing[telling].any(axis=1)],
        fact=(f"Gaps of {telling[0]} go with the label: missing in {say_share(shares.iloc[-1])} of "
              f"{shares.index[-1]} and {say_share(shares.iloc[0])} of {shares.index[0]} images "
              f"(Cramer's V {found.strength:.2f}, one image per group and class){others}"))


def _find_telling_sources(evidence: Evidence) -> Verdict:
    frame = evidence.data.frame
    names = [name for name in ORIGINS if name in frame and len(frame[name].dropna().unique()) > 1]
    if not names:
        return Verdict(section="not_applicable", fact="There is just one source, or none is named")
    verdicts = [judge_kinds(frame, frame[name], name,
                            "come from {kind}, which has {share} of all images")
                for name in names]
    return max(verdicts, key=lambda verdict: verdict.value or 0.0)


def judge_kinds(frame: pd.DataFrame, kinds: pd.Series, noun: str, words: str) -> Verdict:
    """How a column of few values goes with the label; rows without one are not tested.

    Args:
        frame: `target` and `group_id` of the images that are counted, by `isic_id`.
        kinds: text by `isic_id`.
        noun: what the column holds.
        words: what is said of the images of a class that are of one `{kind}`, which a `{share}`
            of the images is.
    """
    rows = frame.assign(kind=kinds)
    units = take_units(rows.dropna(subset=["kind"]))
    found = associate(units["kind"], units["target"])
    text = f"Cramer's V {found.strength:.2f} over {say_count(len(units), 'group')} by class"
    if not found.is_weak:
        return Verdict(section="passed", value=found.strength,
                       fact=f"Class and {noun} hardly go together: {text}")
    kind, class_name = name_strangest_cell(rows["kind"], rows["target"])
    is_class, is_kind = rows["target"] == class_name, rows["kind"] == kind
    is_cell = is_class & is_kind
    said = words.format(kind=kind, share=say_share(is_kind.mean()))
    return Verdict(
        section="issue" if found.is_strong else "tip", value=found.strength,
        isic_ids=rows.index[is_cell], fact=(
            f"Class and {noun} go together ({text}): {int(is_cell.sum()):,} of "
            f"{int(is_class.sum()):,} {class_name} images {said}"))


def _find_telling_files(evidence: Evidence) -> Verdict:
    data = evidence.data
    frame = data.frame
    numbers = measure_files(frame)
    if numbers.empty:
        return Verdict(section="not_applicable", fact="Sizes of the files are not known")
    found = separate_classes(frame, numbers, data.classes)
    if not found:
        return Verdict(section="not_applicable", fact=(
            "Files are all of one size, or no class has enough groups to be told by it"))
    first = found[0]
    section = grade(first.distance)
    return Verdict(section=section, value=first.auroc, count=len(frame) * (section != "passed"),
                   fact=f"The file's {FILE_WORDS[first.name]} alone tells {first.class_name} "
                        f"from the rest with {first}")


CHECKS = (
    Check(code="LL301", title="Consequences of the label", function=_find_consequences,
          why="Who was biopsied, and how thick a melanoma is, is known after the diagnosis; a "
              "model fed with it cannot be used before.",
          remedy="keep them out of any model that you build elsewhere",
          how="By the role of each column in lesionlab's vocabulary."),
    Check(code="LL302", title="Gaps and the label", function=_find_telling_gaps,
          why="A model with missing indicators can learn who filled in the form instead of the "
              "disease.",
          remedy="compare scores with and without these columns, or leave them out",
          how="Cramer's V of missing against class for each input column with gaps, corrected for"
              " their number (Holm). Finer levels of the body site are left out: their gap tells "
              "the site."),
    Check(code="LL303", title="Source and the label", function=_find_telling_sources,
          why="A model can learn to tell cameras and clinics apart, and score well without "
              "seeing the lesion.",
          remedy="report scores per source and test on a source that was left out of training",
          how="Cramer's V of source or attribution, whichever is larger, against class; the "
              "sentence names the class and source that stand out most."),
    Check(code="LL305", title="File size and the label", function=_find_telling_files,
          why="Size and shape come from the camera and the export, so the label is tied to where "
              "the image was made.",
          remedy="check that classes do not come from other devices or exports, and compare "
                 "scores within one size",
          causes=("LL303", "LL308", "LL309", "LL310", "LL312"),
          how="AUROC of each of the three for each class against the rest; the sentence names the"
              " strongest."),
)
