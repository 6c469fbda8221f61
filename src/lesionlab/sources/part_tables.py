"""Tables of one data set in several files: its parts, and what stands of the same ids elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from lesionlab.core.cohort import list_some
from lesionlab.core.errors import SourceError
from lesionlab.sources.tables import find_tables, read_table

_ROLE = re.compile("train|valid|test", re.IGNORECASE)
_PART = re.compile("ISBI|ISIC|MILK10k|meta$", re.IGNORECASE)
"""What the name of a folder with tables begins with."""


def find_folder(path: Path) -> Path:
    """The folder of a data set that is given by it or by one of its tables."""
    return path if path.is_dir() else path.parent


def find_parts(path: Path, *names: str) -> list[Path]:
    """The tables with every column of `names`: `path`, those in it, or in a folder of a part."""
    # An archive may unpack to a folder of its own; others are not looked into, for images may be
    # there by the hundred thousand.
    folders = [] if path.is_file() else sorted(
        place.name for place in path.iterdir() if _PART.match(place.name) and place.is_dir())
    return [table for place in (path, *(path / name for name in folders))
            for table in find_tables(place, *names)]


def read_parts(tables: Sequence[Path], names: Sequence[str] = ()) -> pd.DataFrame:
    """The rows of all tables, and by the name of its file the `official_split` of each.

    Args:
        tables: at least one.
        names: of their columns where they have no header.
    """
    parts = [read_table(table, names).assign(official_split=_name_role(table)) for table in tables]
    return pd.concat(parts, ignore_index=True).fillna("")


def look_up(
    rows: pd.DataFrame, key: str, tables: Sequence[Path], *names: str
) -> pd.DataFrame:
    """The rows with the columns `names` of `tables` beside them, by `key`; unknown is empty.

    Raises:
        SourceError: the tables say two things of one id.
    """
    if not tables:
        return rows
    said = pd.concat([read_table(table) for table in tables], ignore_index=True).fillna("")
    said = said[[name for name in (key, *names) if name in said]].drop_duplicates()
    said = said[said[key] != ""]
    twice = said[key][said[key].duplicated()].unique()
    if len(twice):
        raise SourceError(f"{', '.join(map(str, tables))}: {len(twice)} ids stand in rows that "
                          f"differ: {list_some(twice)}; keep one row an id")
    return rows.assign(**{
        name: map_texts(rows[key], dict(zip(said[key], said[name], strict=True)))
        for name in names if name in said})


def map_texts(keys: pd.Series, words: Mapping[str, str]) -> pd.Series:
    """The word of each key, empty for none; text even where there is no word at all."""
    return pd.Series([words.get(key, "") for key in keys], index=keys.index, dtype=str)


def _name_role(table: Path) -> str:
    found = _ROLE.search(table.name)
    return found.group().lower() if found else ""
