"""Exploration: the charts that people look for in a cohort, each with its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from lesionlab.auditing import tallies
from lesionlab.auditing.checks import say_count, say_share
from lesionlab.auditing.subjects import (
    SUBJECTS,
    Part,
    Subject,
    gather_columns,
    gather_numbers,
    list_own_subjects,
)
from lesionlab.core.split import ROLES
from lesionlab.pages.figures import Figure

SCHEMA_VERSION = 1
Kind = Literal["bars", "histogram", "gaps", "correlation", "shades"]
Reason = Literal["absent", "empty", "constant"]
_UNTOLD = ("role", "group_id", "target", "locator")


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A figure, how it is drawn, and under which heading."""

    kind: Kind
    part: Part
    figure: Figure

    def to_dict(self) -> dict[str, Any]:
        """Words and numbers as a JSON object; what is not defined is null."""
        figure, table = self.figure, self.figure.table
        return {"name": figure.name, "title": figure.title, "part": self.part, "kind": self.kind,
                "description": figure.description, "reading": figure.reading,
                "table": {name: [None if pd.isna(value) else value for value in values]
                          for name, values in table.to_dict("list").items()}}


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A chart that the data do not give, and why."""

    title: str
    column: str
    reason: Reason
    value: str = ""
    """The one value, of a constant column."""


@dataclass(frozen=True, kw_only=True)
class Exploration:
    """The charts of a cohort, and those that it does not give."""

    num_images: int
    classes: tuple[str, ...]
    """Those that the charts tell apart; of many the rarest are one."""
    charts: tuple[Chart, ...]
    left_out: tuple[LeftOut, ...]

    def to_dict(self) -> dict[str, Any]:
        """The content of eda.json."""
        return {"schema_version": SCHEMA_VERSION, "num_images": self.num_images,
                "classes": list(self.classes),
                "left_out": [{"title": one.title, "column": one.column, "reason": one.reason,
                              "value": one.value or None} for one in self.left_out],
                "figures": [chart.to_dict() for chart in self.charts]}


def explore(
    frame: pd.DataFrame, classes: Sequence[str], files: pd.DataFrame, measures: pd.DataFrame
) -> Exploration:
    """Count a cohort by everything that people look at first.

    Args:
        frame: the cohort's columns with `target`, `role` and `group_id`, indexed by id.
        classes: of the target.
        files: what is known of the files, by id; see `Evidence.files`.
        measures: what was measured on the pictures, by id; see `Evidence.measures`.
    """
    target, shown = tallies.fold_classes(frame["target"], classes)
    gathered = gather_columns(frame, files, measures)
    charts, left_out = [], []
    for subject in (*SUBJECTS, *list_own_subjects(frame)):
        if (reason := _find_gap(gathered, subject)) is not None:
            left_out.append(reason)
            continue
        draw = _bin_subject if subject.is_number else _count_subject
        charts.append(draw(gathered, subject, target, shown))
    known = [chart.figure.name for chart in charts]
    if "age_approx" in known and len(frame["role"].unique()) > 1:
        charts.insert(known.index("age_approx") + 1, _bin_age_by_role(gathered))
    if {"red", "green", "blue"} <= set(known):
        charts.append(_show_shades(gathered, target, shown))
    charts += [_show_gaps(frame, target, shown), _correlate(gathered, target, shown)]
    return Exploration(num_images=len(frame), classes=shown, charts=tuple(charts),
                       left_out=tuple(left_out))


def _find_gap(frame: pd.DataFrame, subject: Subject) -> LeftOut | None:
    """Why a subject cannot be shown; None where it can."""
    column = subject.needs or subject.column
    if subject.column not in frame:
        return LeftOut(title=subject.title, column=column, reason="absent")
    values = frame[subject.column]
    known = values.dropna()
    if known.empty:
        return LeftOut(title=subject.title, column=column, reason="empty")
    if len(known.unique()) == 1 and (subject.is_number or len(known) == len(values)):
        value = tallies.name_values(known)[1][0]
        return LeftOut(title=subject.title, column=column, reason="constant", value=value)
    return None


def _count_subject(
    frame: pd.DataFrame, subject: Subject, target: pd.Series, classes: Sequence[str]
) -> Chart:
    values = frame[subject.column]
    if subject.noun:
        values = values.dropna()
    order = ROLES if subject.column == "role" else subject.order
    table = tallies.count_values(values, target.loc[values.index], classes, order)
    totals = table.groupby("value", sort=False)["n_images"].sum()
    description = _describe_values(totals, values.nunique())
    if subject.noun:
        ids = frame.loc[values.index, subject.needs]
        counts = ids.groupby(values).nunique()
        table.insert(2, f"n_{subject.noun}s", table["value"].map(counts).astype(int))
        description = (f"{say_count(ids.nunique(), subject.noun)} with "
                       f"{say_count(len(ids), 'image')}")
    return Chart(kind="bars", part=subject.part, figure=Figure(
        name=subject.column, title=subject.title, description=f"{description}.",
        reading=subject.reading, table=table))


def _describe_values(totals: pd.Series, num_values: int) -> str:
    known = totals.drop(tallies.MISSING, errors="ignore")
    first, num = known.idxmax(), int(totals.sum())
    gap = num - int(known.sum())
    rest = f"; {say_share(gap / num)} missing" if gap else ""
    return f"{say_count(num_values, 'value')}; {first} has {say_share(known.max() / num)}{rest}"


def _bin_subject(
    frame: pd.DataFrame, subject: Subject, target: pd.Series, classes: Sequence[str]
) -> Chart:
    numbers = frame[subject.column].astype(float)
    edges = (tallies.find_edges(numbers, is_log=subject.is_log) if subject.step is None
             else _step_edges(numbers, subject.step))
    table = tallies.bin_numbers(numbers, target, classes, edges)
    return Chart(kind="histogram", part=subject.part, figure=Figure(
        name=subject.column, title=subject.title, table=table,
        description=_describe_numbers(numbers, target, classes), reading=subject.reading))


def _step_edges(numbers: pd.Series, step: float) -> np.ndarray:
    low, high = np.floor(numbers.min() / step), np.floor(numbers.max() / step) + 1
    return np.arange(low, high + 1) * step


def _describe_numbers(numbers: pd.Series, target: pd.Series, classes: Sequence[str]) -> str:
    known = numbers.notna().mean()
    medians = numbers.groupby(target).median()
    parts = ", ".join(f"{name} {medians[name]:,.3g}" for name in classes
                      if pd.notna(medians.get(name)))
    told = "" if known == 1 else f"; known for {say_share(known)} of images"
    return (f"{numbers.min():,.3g} to {numbers.max():,.3g}, median {numbers.median():,.3g} "
            f"({parts}){told}.")


def _bin_age_by_role(frame: pd.DataFrame) -> Chart:
    numbers, roles = frame["age_approx"].astype(float), frame["role"]
    found = [role for role in ROLES if (roles == role).any()]
    return Chart(kind="histogram", part="person", figure=Figure(
        name="age_by_role", title="Age by role", reading="In years; 85 means 85 or more.",
        description=_describe_numbers(numbers, roles, found),
        table=tallies.bin_numbers(numbers, roles, found, _step_edges(numbers, 5))))


def _show_shades(frame: pd.DataFrame, target: pd.Series, classes: Sequence[str]) -> Chart:
    """The mean colour of the images of each class, role, source and type."""
    channels = frame[["red", "green", "blue"]].astype(float)
    parts = [channels.mean().to_frame().T.assign(value="all", n_images=len(frame), column="All")]
    for title, values, order in (("Class", target, classes), ("Role", frame["role"], ROLES),
                                 ("Source", frame.get("source"), ()),
                                 ("Image type", frame.get("image_type"), ())):
        if values is None or values.dropna().empty or (values == values.iloc[0]).all():
            continue
        named, names = tallies.name_values(values, order)
        grouped = channels.groupby(named)
        means = grouped.mean().reindex(names).assign(n_images=grouped.size())
        parts.append(means.rename_axis("value").reset_index().assign(column=title))
    table = pd.concat(parts, ignore_index=True)
    return Chart(kind="shades", part="pictures", figure=Figure(
        name="shades", title="Mean colour", reading="Mean over the stored pictures, 0 to 255.",
        description="Parts whose pictures differ in colour were made with other cameras or light, "
                    "or of other skin.",
        table=table[["column", "value", "n_images", "red", "green", "blue"]]))


def _show_gaps(frame: pd.DataFrame, target: pd.Series, classes: Sequence[str]) -> Chart:
    """The share of missing values of each column by class and role."""
    parts = {"all": pd.Series(True, index=frame.index)}
    parts |= {name: target == name for name in classes}
    parts |= {f"{role} role": frame["role"] == role for role in ROLES
              if (frame["role"] == role).any()}
    told = frame.drop(columns=list(_UNTOLD), errors="ignore")
    table = tallies.measure_gaps(told, parts)
    num_whole = int((table.loc[table["part"] == "all", "n_missing"] == 0).sum())
    return Chart(kind="gaps", part="ties", figure=Figure(
        name="gaps", title="Missing values", table=table, reading="Percent of the images of the "
        "class or role whose value is missing; columns without a gap are not listed.",
        description=f"{say_count(told.shape[1], 'column')}, {num_whole:,} of them without a gap."))


def _correlate(frame: pd.DataFrame, target: pd.Series, classes: Sequence[str]) -> Chart:
    """Pearson's correlation of numbers and of values as 0 and 1, pair by pair."""
    of_interest = classes[1:] if len(classes) == 2 else classes
    table = tallies.correlate(gather_numbers(
        frame, {name: target == name for name in of_interest}))
    is_told = table["row"].str.startswith("class: ") & ~table["column"].str.startswith("class: ")
    pairs = table[is_told].dropna(subset=["correlation"])
    description = "Nothing that varies goes with a class."
    if len(pairs):
        first = pairs.iloc[int(pairs["correlation"].abs().argmax())]
        description = (f"What goes most with a class is {first['column']}, with "
                       f"{first['row'].removeprefix('class: ')}: {first['correlation']:.2f}.")
    return Chart(kind="correlation", part="ties", figure=Figure(
        name="correlation", title="Correlation", description=description, table=table,
        reading="Pearson's correlation of the images with both known; a value such as a site "
                "counts as 1 where it holds and 0 where another does."))
