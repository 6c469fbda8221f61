"""A table of what is known of images to be predicted, through the schema like any source."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lesionlab.core.cohort import list_some
from lesionlab.core.errors import SourceError
from lesionlab.core.terms import COLUMNS
from lesionlab.sources.image_files import strip_suffix
from lesionlab.sources.renaming import SITES
from lesionlab.sources.schema import validate_rows
from lesionlab.sources.tables import read_header, read_table

OLD_INPUTS = frozenset(("age", *SITES))
"""Older names of inputs that the schema brings to ours."""


@dataclass(frozen=True, kw_only=True)
class InputsTable:
    """What a table says of each image, labels and ids of persons left aside."""

    rows: pd.DataFrame
    """Indexed by `isic_id`; the columns with the role `input`, typed, missing where unknown."""
    adjusted: pd.DataFrame
    """`isic_id`, `column`, `value`, `reason` of values set to missing or clamped."""


def read_inputs(path: Path, *, is_private: bool = False) -> InputsTable:
    """Read a CSV, TSV or Parquet table of `isic_id` and input columns.

    Args:
        path: the table.
        is_private: whether an error must not quote it, for it may name a patient.

    Raises:
        SourceError: it cannot be read, has no `isic_id`, a row has no id, or an id several rows.
    """
    if not path.is_file():
        raise SourceError(f"{path}: no such file; give a CSV or Parquet table with isic_id")
    if "isic_id" not in (names := read_header(path)):
        raise SourceError(f"{path}: no column 'isic_id' to join images by; it has "
                          f"{list_some(names) or 'none'}")
    table = read_table(path, is_private=is_private)
    table["isic_id"] = table["isic_id"].map(strip_suffix)
    if empty := int((table["isic_id"] == "").sum()):
        raise SourceError(f"{path}: {empty} rows have no isic_id; fill it in")
    repeated = table["isic_id"][table["isic_id"].duplicated()].unique()
    if len(repeated):
        which = "" if is_private else f": {list_some(repeated)}"
        raise SourceError(f"{path}: {len(repeated)} ids stand in more than one row{which}; keep "
                          "one row an id")
    valid = validate_rows(table[["isic_id", *filter(_is_input, names)]])
    known = [name for name in map(str, valid.rows) if _is_input(name)]
    return InputsTable(rows=valid.rows.set_index("isic_id")[known], adjusted=valid.adjusted)


def _is_input(name: str) -> bool:
    return name in OLD_INPUTS or (name in COLUMNS and COLUMNS[name].role == "input")
