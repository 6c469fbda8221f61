"""Old and new column names brought to the schema's fields, the new leading."""

from __future__ import annotations

from functools import reduce

import pandas as pd

from lesionlab.sources import vocabulary
from lesionlab.sources.raw_source import ADJUSTED, name_rows

LEVELS = range(1, 6)
DIAGNOSIS_LEVELS = tuple(f"diagnosis_{level}" for level in LEVELS)
SITE_LEVELS = tuple(f"anatom_site_{level}" for level in LEVELS)
SITES = (*SITE_LEVELS, "anatom_site", "anatom_site_general", "anatom_site_general_challenge")
RENAMED = frozenset((*DIAGNOSIS_LEVELS, *SITES, "age", "age_approx", "diagnosis",
                     "benign_malignant"))
"""Columns that `unify_fields` takes up into the schema's `age`, `diagnosis` and `anatom_site`."""


def unify_fields(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with `age`, `diagnosis`, `anatom_site` (whole paths) in place of `RENAMED`.

    `anatom_site_general` stays where no finer site is known, for the schema's rules speak of it.
    """
    other = rows.drop(columns=[name for name in rows if name in RENAMED])
    fields = {"age": _first_known(_column(rows, "age_approx"), _column(rows, "age")),
              "diagnosis": _first_known(*_diagnoses(rows))}
    return other.assign(**fields, **_sites(rows))


def find_conflicts(rows: pd.DataFrame) -> pd.Series:
    """(N,) bool, true where one column says benign and another malignant."""
    paths = _diagnoses(rows)
    says_benign, says_malignant = (
        reduce(pd.Series.__or__, [path.str.startswith(term) for path in paths])
        for term in ("Benign", "Malignant"))
    return says_benign & says_malignant


def find_ambiguous(rows: pd.DataFrame) -> pd.DataFrame:
    """Old diagnoses that the hierarchy has no place for, as adjusted values."""
    given = _column(rows, "diagnosis")
    lost = given.str.lower().map(vocabulary.DIAGNOSES) == ""
    return name_rows(rows["isic_id"][lost], ADJUSTED, column="diagnosis", value=given[lost],
                     reason="ambiguous_term")


def _diagnoses(rows: pd.DataFrame) -> list[pd.Series]:
    """The diagnosis as a path by each column that may give it, the leading one first."""
    old = _translate(_column(rows, "diagnosis"), vocabulary.DIAGNOSES)
    oldest = _translate(_column(rows, "benign_malignant"), vocabulary.MALIGNANCIES)
    return [join_levels(rows, DIAGNOSIS_LEVELS), old, oldest]


def _sites(rows: pd.DataFrame) -> dict[str, pd.Series]:
    site = _first_known(_column(rows, "anatom_site"), join_levels(rows, SITE_LEVELS))
    given = _first_known(_column(rows, "anatom_site_general"),
                         _column(rows, "anatom_site_general_challenge")).str.lower()
    general = given.where(site == "", "")
    special = _column(rows, "anatom_site_special")
    meant = general.map(vocabulary.SPECIAL_SITES).fillna("")
    return {
        "anatom_site": _first_known(site, general.map(vocabulary.GENERAL_SITES).fillna("")),
        "anatom_site_general": general.where(general != "torso", ""),
        "anatom_site_special": _first_known(special, meant),
    }


def _translate(values: pd.Series, terms: dict[str, str]) -> pd.Series:
    """Each value by `terms`, whatever its case; as it is where it is not among them."""
    return values.str.lower().map(terms).fillna(values)


def join_levels(rows: pd.DataFrame, names: tuple[str, ...]) -> pd.Series:
    """The levels of a hierarchy as one path, `Benign:Benign melanocytic proliferations:Nevus`."""
    levels = [_column(rows, name) for name in names]
    return reduce(lambda path, level: path + ":" + level, levels).str.rstrip(":")


def _column(rows: pd.DataFrame, name: str) -> pd.Series:
    """A column, or the empty text where there is none."""
    return rows[name] if name in rows else pd.Series("", index=rows.index, dtype=str)


def _first_known(*columns: pd.Series) -> pd.Series:
    """From each row the first text that is not empty."""
    return reduce(lambda first, second: first.where(first != "", second), columns)
