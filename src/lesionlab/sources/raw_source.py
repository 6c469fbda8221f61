"""RawSource: the rows of one folder or table as they were found, under ISIC's column names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

DROPPED = ("isic_id", "reason", "detail")
ADJUSTED = ("isic_id", "column", "value", "reason")


def no_rows(columns: tuple[str, ...]) -> pd.DataFrame:
    """An empty table of text columns."""
    return pd.DataFrame({name: pd.Series(dtype=str) for name in columns})


def name_rows(
    isic_ids: pd.Series, columns: tuple[str, ...], **values: str | pd.Series
) -> pd.DataFrame:
    """A row per id with `values`: one for all, or a series of which the ids' rows are taken."""
    rows = pd.DataFrame({"isic_id": isic_ids, **values}, index=isic_ids.index)
    return rows[list(columns)].astype(str)


def are_among(ids: pd.Series, known: pd.Series) -> np.ndarray:
    """(N,) bool, true where an id is one of `known`.

    As `ids.isin(known)`, which makes a Python object of each of `known`.
    """
    return pd.Index(known.unique()).get_indexer(pd.Index(ids)) >= 0


@dataclass(frozen=True, kw_only=True)
class RawSource:
    """What a layout's reader hands on."""

    rows: pd.DataFrame
    """Text columns, `isic_id` among them; unknown is the empty text."""
    folder: Path
    """Images are looked for here and below."""
    paths: Mapping[str, str] | None = None
    """Image file of each id, from `folder`; None where the file name is the id."""
    members: Mapping[str, str] = field(default_factory=dict)
    """Of the ids whose file holds several images: which one, as in `ImageAddress.member`."""
    dropped: pd.DataFrame = field(default_factory=lambda: no_rows(DROPPED))
    """Rows that the reader left out: `isic_id`, `reason`, `detail`."""
    adjusted: pd.DataFrame = field(default_factory=lambda: no_rows(ADJUSTED))
    """Values that the reader set to missing: `isic_id`, `column`, `value`, `reason`."""
    is_private: bool = False
    """Whether ids and paths may name a patient: ids are then replaced by pseudonyms, and paths
    and the name of the folder stay out of the cohort."""


@dataclass(frozen=True, kw_only=True)
class TableColumns:
    """What the columns of a table of the user's own are called."""

    id: str
    """Image id, or the name of the image file."""
    label: str | None = None
    """Class, any text; becomes `label`."""
    file: str | None = None
    """Path of the image from the table's folder; None where the id is the file name."""
    patient: str | None = None
    """Becomes `patient_id`."""
    lesion: str | None = None
    """Becomes `lesion_id`."""
    images: Path | None = None
    """Folder of the image files; None where they are beside the table and below."""

    def named(self) -> dict[str, list[str]]:
        """The columns of the user's table, each with the names that it becomes."""
        names = {"isic_id": self.id, "label": self.label, "file": self.file,
                 "patient_id": self.patient, "lesion_id": self.lesion}
        given = [theirs for theirs in names.values() if theirs is not None]
        return {name: [ours for ours, theirs in names.items() if theirs == name] for name in given}
