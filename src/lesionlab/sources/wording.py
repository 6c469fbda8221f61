"""Wording: how a data set says what the Archive says otherwise, and its tables put in our words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

import pandas as pd

from lesionlab.sources.hierarchy import find_place
from lesionlab.sources.image_files import strip_suffix
from lesionlab.sources.raw_source import ADJUSTED, DROPPED, name_rows, no_rows

ZERO_UNKNOWN = {"0": "", "0.0": ""}
"""What becomes of a number whose 0 means that nobody knew."""


@dataclass(frozen=True, kw_only=True)
class Wording:
    """Columns and words of one data set, and what its publisher says of all its images."""

    names: Mapping[str, str]
    """Our column and which of theirs it is; theirs that are not named keep their names."""
    words: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    """By our column: our word for theirs, in lower case; empty where theirs means unknown, None
    where it says nothing of this column."""
    places: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By our column: the diagnosis that a word of theirs, in lower case, is for sure; of several
    columns the first that gives one leads."""
    stated: Mapping[str, str]
    """What holds for all images."""


def reword(table: pd.DataFrame, wording: Wording) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The table in our words, and its values that became missing or coarser, as `ADJUSTED`."""
    given = {ours: table[theirs] for ours, theirs in wording.names.items() if theirs in table}
    taken = {*wording.names.values(), *given, *wording.stated, ""}  # "" is a saved index
    rest = table.drop(columns=[name for name in table if name in taken])
    rows = pd.DataFrame(given).assign(**wording.stated)
    rows["isic_id"] = rows["isic_id"].map(strip_suffix)
    rows = pd.concat([rows, rest], axis=1)
    adjusted = [no_rows(ADJUSTED)]
    for column in [column for column in wording.words if column in rows]:
        rows[column], lost = _translate(rows, column, wording.words[column])
        adjusted.append(lost)
    rows["diagnosis"], cut = _place(rows, wording.places)
    return rows, pd.concat([*adjusted, cut], ignore_index=True)


def decode_one_hot(
    table: pd.DataFrame, key: str, classes: Sequence[str], *, rest: str = ""
) -> tuple[pd.Series, pd.DataFrame]:
    """The class of each row, empty for none, and the rows without just one, as `DROPPED`.

    The latter are indexed as in the table.

    Args:
        table: text columns.
        key: column with the ids to drop.
        classes: columns of 0 and 1.
        rest: the class of a row of zeros; without it such a row has none.
    """
    marks = table[list(classes)].apply(pd.to_numeric, errors="coerce")
    is_mark, count = marks.isin([0, 1]).all(axis=1), (marks == 1).sum(axis=1)
    faults = {"not_one_hot": ~is_mark, "several_classes": is_mark & (count > 1),
              "no_class": is_mark & (count == 0) & (rest == "")}
    dropped = [name_rows(table[key][rows], DROPPED, reason=reason, detail=_list_marks(table, marks))
               for reason, rows in faults.items()]
    names = (marks == 1).idxmax(axis=1).where(count == 1, rest)
    return names.where(~reduce(pd.Series.__or__, faults.values()), ""), pd.concat(dropped)


def _list_marks(table: pd.DataFrame, marks: pd.DataFrame) -> pd.Series:
    """What each row has besides zeros, such as `MEL=1.0 NV=1.0`."""
    said = [(f"{name}=" + table[name]).where(marks[name] != 0, "") for name in marks]
    return reduce(lambda left, right: (left + " " + right).str.strip(), said)


def _translate(
    rows: pd.DataFrame, column: str, words: Mapping[str, str | None]
) -> tuple[pd.Series, pd.DataFrame]:
    """A column in our words, and its words that mean unknown; what is none of them stays."""
    given = rows[column]
    silent = [word for word, ours in words.items() if ours is None]
    ours = given.str.lower().map({word: ours or "" for word, ours in words.items()})
    lost = (ours == "") & ~given.str.lower().isin(silent)
    is_zero = pd.to_numeric(given[lost], errors="coerce") == 0
    reason = is_zero.map({True: "zero_means_unknown", False: "means_unknown"})
    return ours.fillna(given), name_rows(rows["isic_id"][lost], ADJUSTED, column=column,
                                         value=given[lost], reason=reason)


def _place(
    rows: pd.DataFrame, places: Mapping[str, Mapping[str, str]]
) -> tuple[pd.Series, pd.DataFrame]:
    """The place of each diagnosis, and those that are finer than the hierarchy."""
    blank = pd.Series("", index=rows.index, dtype=str)
    given = rows.get("diagnosis", blank)
    for column, terms in places.items():
        meant = rows.get(column, blank).str.lower().map(terms).fillna("")
        given = given.where(given != "", meant)
    placed = given.map({text: find_place(text) for text in given.unique()}).astype(str)
    is_cut = (placed != given) & given.str.contains(":")
    return placed, name_rows(rows["isic_id"][is_cut], ADJUSTED, column="diagnosis",
                             value=given[is_cut], reason="finer_than_hierarchy")
