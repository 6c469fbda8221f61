"""Columns that say the label in other words, and gaps that differ between roles."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from lesionlab.auditing.association import (
    Association,
    associate_columns,
    name_strangest_cell,
    separate_classes,
    take_units,
)
from lesionlab.auditing.checks import Check, Verdict, say_count, say_share
from lesionlab.auditing.evidence import Evidence
from lesionlab.auditing.shortcuts import SITE_DETAILS, list_columns
from lesionlab.core.cohort import list_some
from lesionlab.core.terms import COLUMNS, OTHER_NAMES
from lesionlab.dataset.prepared import PreparedData

NEAR_COPY, FOLLOWS = 0.7, 0.5
"""Cramer's V from which a column says the label in other words, and from which it is worth a note;
no sign of disease is known that reaches the first."""
NEAR_COPY_DISTANCE, FOLLOWS_DISTANCE = 0.45, 0.4
"""The same for a number: how far from 0.5 the interval of its AUROC stays."""
MOST_VALUES = 20
"""Values that a column of kinds has at most."""
JUDGED_ELSEWHERE = ("image_type",)
"""Inputs that have a check of their own."""
MISSING = "missing"
_OF_SPLIT = ("role", "group_id")


@dataclass(frozen=True, kw_only=True)
class Telling:
    """A column that tells the label."""

    name: str
    is_copy: bool
    """Whether it says the label in other words."""
    value: float
    """Cramer's V, or AUROC."""
    fact: str


def list_own_columns(data: PreparedData) -> list[str]:
    """Columns of the user's own, but for those that are known to hold the label."""
    return [str(name) for name in data.frame if name not in COLUMNS and name not in _OF_SPLIT
            and str(name).removesuffix("_given") not in COLUMNS
            and OTHER_NAMES.get(str(name).lower()) != "label"]


def _find_near_copies(evidence: Evidence) -> Verdict:
    data = evidence.data
    own = list_own_columns(data)
    inputs = [name for name in list_columns(data, "input") if name not in JUDGED_ELSEWHERE]
    kinds = {name: kind for name in (*inputs, *own) if
             (kind := _as_kinds(data.frame[name], with_gaps=name in own)) is not None}
    numbers = {name: number for name in (*inputs, *own) if
               (number := _as_numbers(data.frame[name])) is not None}
    if not kinds and not numbers:
        return Verdict(section="not_applicable", fact="There is no other column to compare with")
    found = [*_judge_kinds(data.frame, kinds), *_judge_numbers(data, numbers)]
    if not found:
        return Verdict(section="passed", value=0, fact=(
            f"None of {say_count(len(kinds | numbers), 'column')} says the label in other words"))
    first = min(found, key=lambda one: not one.is_copy)
    rest = list_some(dict.fromkeys(one.name for one in found if one.name != first.name))
    return Verdict(section="issue" if first.is_copy else "tip", count=len(data.frame),
                   value=first.value,
                   fact=first.fact + (f"; the label also shows in {rest}" if rest else ""))


def _judge_kinds(frame: pd.DataFrame, kinds: dict[str, pd.Series]) -> list[Telling]:
    """Those columns of kinds that follow the label, the closest first."""
    units = take_units(frame)
    judged = associate_columns(
        {name: kind.loc[units.index] for name, kind in kinds.items()}, units["target"])
    return [Telling(name=name, is_copy=found.strength >= NEAR_COPY, value=found.strength,
                    fact=_describe_kinds(frame["target"], kinds[name], found))
            for name, found in judged.items() if found.is_weak and found.strength >= FOLLOWS]


def _describe_kinds(target: pd.Series, kinds: pd.Series, found: Association) -> str:
    kind, class_name = name_strangest_cell(kinds, target)
    is_class, is_kind = target == class_name, (kinds == kind).fillna(False).astype(bool)
    what = "missing" if kind == MISSING else kind
    return (f"{kinds.name} nearly says the label: it is {what} in "
            f"{say_share(is_kind[is_class].mean())} of {class_name} and "
            f"{say_share(is_kind[~is_class].mean())} of other images (Cramer's V "
            f"{found.strength:.2f}, one image per group and class)")


def _judge_numbers(data: PreparedData, numbers: dict[str, pd.Series]) -> list[Telling]:
    """Those numbers that tell a class nearly without a fault, the surest first."""
    found = separate_classes(data.frame, pd.DataFrame(numbers, index=data.frame.index),
                             data.classes) if numbers else []
    return [Telling(name=one.name, is_copy=one.distance >= NEAR_COPY_DISTANCE, value=one.auroc,
                    fact=f"{one.name} alone tells {one.class_name} from the rest with {one}")
            for one in found if one.distance >= FOLLOWS_DISTANCE]


def _as_kinds(column: pd.Series, *, with_gaps: bool) -> pd.Series | None:
    """A column of few values as text, gaps a value of their own; None for one value or many."""
    known = column.astype("string")
    if known.nunique() > MOST_VALUES:
        known = known.where(known.isna(), "known")
    kinds = known.fillna(MISSING) if with_gaps else known
    return kinds if len(kinds.dropna().unique()) > 1 else None


def _as_numbers(column: pd.Series) -> pd.Series | None:
    """A column of many numbers, which may have come as text; None where it holds anything else."""
    numbers = pd.to_numeric(column.astype("string"), errors="coerce").astype("float64")
    is_whole = numbers.notna().sum() == column.notna().sum()
    return numbers if is_whole and numbers.nunique() > MOST_VALUES else None


def _find_differing_gaps(evidence: Evidence) -> Verdict:
    frame, data = evidence.data.frame, evidence.data
    names = [name for name in (*list_columns(data, "input"), *list_own_columns(data))
             if frame[name].isna().any() and name not in SITE_DETAILS]
    if frame["role"].nunique() < 2 or not names:
        return Verdict(section="not_applicable",
                       fact="There is one role only, or no column has gaps to judge")
    units = take_units(frame, "role")
    judged = associate_columns({name: units[name].isna() for name in names}, units["role"])
    first, found = next(iter(judged.items()))
    differing = [name for name, one in judged.items() if one.is_weak]
    if not differing:
        return Verdict(section="passed", value=found.strength, fact=(
            f"Gaps of none of {say_count(len(names), 'column')} differ between the roles by more "
            f"than chance; the nearest is {first} (Cramer's V {found.strength:.2f})"))
    shares = frame[first].isna().groupby(frame["role"]).mean().sort_values()
    others = f"; so do gaps of {list_some(differing[1:])}" if differing[1:] else ""
    return Verdict(
        section="issue" if found.is_strong else "tip", value=found.strength,
        isic_ids=frame.index[frame[first].isna()], fact=(
            f"Gaps of {first} differ between the roles: missing in {say_share(shares.iloc[-1])} of "
            f"{shares.index[-1]} and {say_share(shares.iloc[0])} of {shares.index[0]} images "
            f"(Cramer's V {found.strength:.2f}, one image per group){others}"))


CHECKS = (
    Check(code="LL315", title="Near-copies of the label", function=_find_near_copies,
          why="A column written after the diagnosis, or for one class only, gives the answer away, "
              "under whatever name; a model fed with it cannot be used before.",
          remedy="find out when and by whom the column is written, and keep it out of any model",
          how="Cramer's V of every input, and of every column of your own, against class, from "
              "0.7 an issue and from 0.5 a note; gaps of your own columns count as a value. A "
              "column of many numbers by AUROC, whose interval stays above 0.95 (note: 0.9) or "
              "as far below. Columns known to hold the diagnosis, and those of LL301 and LL308, "
              "are left out."),
    Check(code="LL504", title="Gaps in the roles", function=_find_differing_gaps,
          why="A model that has never seen a gap, or always one, is tested on what it was not "
              "trained for.",
          remedy="split so that roles are alike, or score images with and without the value apart",
          how="Cramer's V of missing against role for each input, and each column of your own, "
              "with gaps, on one image per group, corrected for their number (Holm).",
          causes=("LL404",)),
)
