"""What prepare left out or changed, and values that say nothing or cannot be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pandas as pd

from lesionlab.auditing.checks import Check, Verdict, say_count, say_share
from lesionlab.auditing.evidence import Evidence
from lesionlab.core.cohort import list_some
from lesionlab.core.terms import COLUMNS
from lesionlab.dataset.prepared import PreparedData

MOST_MISSING = 0.8
"""Share of the images without a value from which on a column is sparse."""
_SITE_LEVELS = ("anatom_site_3", "anatom_site_4", "anatom_site_5", "anatom_site_special")
# Finer levels of the body site, which most sites do not have.
PLAUSIBLE: dict[str, tuple[float, float]] = {
    "age_approx": (1, 85),
    "clin_size_long_diam_mm": (0.5, 150),
    "mel_thick_mm": (0.01, 50),
    "pixels_x": (64, 20_000),
    "pixels_y": (64, 20_000),
}
"""Smallest and largest value that is likely meant; 0 mostly stands for unknown."""


def _find_dropped_rows(evidence: Evidence) -> Verdict:
    data = evidence.data
    counts = data.manifest["counts"]
    reasons = {**counts["dropped_by_source"],
               **{f"no class for {name}": num for name, num in counts["dropped_by_target"].items()}}
    num_read, num_dropped = counts["num_rows_read"], sum(reasons.values())
    if not num_dropped:
        return Verdict(section="passed", value=0,
                       fact=f"None of {say_count(num_read, 'row')} read was dropped")
    return Verdict(
        section="tip", value=num_dropped / num_read, count=num_dropped,
        isic_ids=_list_ids(data, "dropped", counts["dropped_by_source"]),
        fact=f"{num_dropped:,} of {say_count(num_read, 'row')} read "
             f"({say_share(num_dropped / num_read)}) were dropped: {_list_counts(reasons)}")


def _find_rejected_images(evidence: Evidence) -> Verdict:
    data = evidence.data
    reasons = data.manifest["counts"]["rejected_images"]
    num_rejected = sum(reasons.values())
    num_files = num_rejected + len(data.cohort)
    if not num_rejected:
        return Verdict(section="passed", value=0,
                       fact=f"All {say_count(num_files, 'image file')} could be read")
    return Verdict(
        section="tip", value=num_rejected / num_files, count=num_rejected,
        isic_ids=_list_ids(data, "dropped", reasons),
        fact=f"{num_rejected:,} of {say_count(num_files, 'image file')} "
             f"({say_share(num_rejected / num_files)}) were rejected: {_list_counts(reasons)}")


def _find_adjusted_values(evidence: Evidence) -> Verdict:
    data = evidence.data
    rows = pd.DataFrame(data.manifest["adjusted"], columns=["isic_id", "column", "reason"])
    if rows.empty:
        return Verdict(section="passed", value=0, fact="No value was changed or set to missing")
    kinds = Counter(rows["column"] + " " + rows["reason"])
    ids = rows["isic_id"].dropna().unique()
    return Verdict(
        section="tip", value=len(rows), isic_ids=ids,
        fact=f"{say_count(len(rows), 'value')} of {say_count(len(ids), 'image')} broke a rule of "
             f"the schema and were set to missing or to the limit: {_list_counts(kinds)}")


def _list_ids(data: PreparedData, part: str, reasons: Mapping[str, int]) -> list[str]:
    """Ids that the manifest names for one of these reasons."""
    return sorted({row["isic_id"] for row in data.manifest[part]
                   if row["reason"] in reasons and row["isic_id"]})


def _list_counts(counts: Mapping[str, int]) -> str:
    """Reasons and how often, the most frequent first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return list_some(f"{name} ({number:,})" for name, number in ordered)


def _find_constant_columns(evidence: Evidence) -> Verdict:
    data = evidence.data
    names = [name for name, column in COLUMNS.items()
             if column.role == "input" and name in data.frame]
    if not names:
        return Verdict(section="not_applicable", fact="There is no input column")
    rows = data.rows("train")[names]
    constant = [name for name in names if rows[name].nunique() < 2]
    if not constant:
        return Verdict(section="passed", value=0, fact=(
            f"Each of {say_count(len(names), 'input column')} has two values or more in training"))
    named = [f"{name} ({_say_only_value(rows[name])})" for name in constant]
    return Verdict(section="tip", value=len(constant), count=len(rows), fact=(
        f"{len(constant)} of {say_count(len(names), 'input column')} without a second value in "
        f"training: {list_some(named)}"))


def _find_sparse_columns(evidence: Evidence) -> Verdict:
    data = evidence.data
    names = [name for name, column in COLUMNS.items()
             if column.role == "input" and name in data.frame and name not in _SITE_LEVELS]
    if not names:
        return Verdict(section="not_applicable", fact="There is no input column")
    missing = data.frame[names].isna().mean().sort_values(ascending=False)
    sparse = missing[missing > MOST_MISSING]
    if sparse.empty:
        return Verdict(section="passed", value=float(missing.iloc[0]), fact=(
            f"No input column is missing in more than {MOST_MISSING:.0%} of the images"))
    named = list_some(f"{name} ({say_share(share)})" for name, share in sparse.items())
    return Verdict(section="tip", value=float(sparse.iloc[0]), count=len(data.frame), fact=(
        f"{say_count(len(sparse), 'input column')} missing in most images: {named}"))


def _say_only_value(values: pd.Series) -> str:
    known = values.dropna()
    return f"always {known.iloc[0]}" if len(known) else "always missing"


def _find_implausible_values(evidence: Evidence) -> Verdict:
    data = evidence.data
    names = [name for name in PLAUSIBLE if name in data.frame]
    if not names:
        return Verdict(section="not_applicable", fact="There is no column with a plausible range")
    limits = pd.DataFrame({name: PLAUSIBLE[name] for name in names})
    values = data.frame[names]
    is_odd = (values < limits.iloc[0]) | (values > limits.iloc[1])
    if not is_odd.any(axis=None):
        return Verdict(section="passed", value=0, fact=(
            f"All values of {list_some(names)} are in their plausible range"))
    counts = {f"{name} outside {limits[name][0]:g} to {limits[name][1]:g}": int(is_odd[name].sum())
              for name in names if is_odd[name].any()}
    ids = is_odd.index[is_odd.any(axis=1)]
    return Verdict(section="tip", value=len(ids), isic_ids=ids, fact=(
        f"An implausible value stands at {say_count(len(ids), 'image')}: {_list_counts(counts)}"))


CHECKS = (
    Check(code="LL201", title="Dropped rows", function=_find_dropped_rows,
          why="Rows that fall out are seldom a random sample; scores hold for the rest only.",
          remedy="read the reasons in manifest.json and state what was left out",
          how="By the counts in manifest.json."),
    Check(code="LL202", title="Rejected images", function=_find_rejected_images,
          why="Broken files may come from one camera or clinic, whose images are then missing.",
          remedy="fetch these files again or state that they are left out",
          how="prepare decodes every file once and notes the reason."),
    Check(code="LL203", title="Adjusted values", function=_find_adjusted_values,
          why="A rule that is often broken points at a column in another unit or vocabulary.",
          remedy="look at the values in manifest.json and correct the table where they are "
                 "systematic",
          how="Every row goes through the official schema; each change is in manifest.json."),
    Check(code="LL501", title="Constant columns", function=_find_constant_columns,
          why="A column with one value teaches nothing, and another value at prediction is "
              "something the model never saw.",
          remedy="expect no gain from them, and no sense from other values later",
          how="Distinct values are counted on the training role."),
    Check(code="LL502", title="Implausible values", function=_find_implausible_values,
          why="Values such as age 0 are often a code for unknown and are then learnt as numbers.",
          remedy="set to missing what stands for unknown, and correct units",
          how="By a plausible range for age, lesion size, tumour thickness and size in pixels."),
    Check(code="LL506", title="Sparse columns", function=_find_sparse_columns,
          why="A column that is mostly missing teaches little but who filled in the form.",
          remedy="leave it out of the features, or gather the values",
          how="By the share of images without a value, for each input column but finer levels of "
              "the body site."),
)
