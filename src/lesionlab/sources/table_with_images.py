"""A table of the user's own, its columns named, with image files around it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from lesionlab.core.terms import COLUMNS
from lesionlab.sources.image_files import list_images, strip_suffix
from lesionlab.sources.raw_source import RawSource, TableColumns
from lesionlab.sources.tables import find_tables, only_table, read_table


def find_table_with_images(path: Path, columns: TableColumns | None) -> bool:
    """Whether columns were named and a table that has them all is here."""
    return columns is not None and bool(find_tables(path, *columns.named()))


def read_table_with_images(path: Path, columns: TableColumns | None) -> RawSource:
    """The rows, the named columns under our names; other columns keep theirs."""
    assert columns is not None
    table = only_table(find_tables(path, *columns.named()))
    given = read_table(table)
    ours = {name: given[theirs] for theirs, names in columns.named().items() for name in names}
    ids = ours["isic_id"] = ours["isic_id"].map(strip_suffix)
    files = ours.pop("file", None)
    taken = {*columns.named(), *ours}
    if columns.label in COLUMNS:  # a diagnosis without its first level would be refused
        taken.discard(columns.label)
    rest = given.drop(columns=[name for name in given if name in taken])
    rows = pd.concat([pd.DataFrame(ours), rest], axis=1)
    folder = columns.images or table.parent
    paths = None if files is None else _find_paths(ids, files, folder)
    return RawSource(rows=rows, folder=folder, paths=paths)


def _find_paths(ids: pd.Series, files: pd.Series, folder: Path) -> dict[str, str]:
    """The image file of each id whose path is there."""
    images = set(list_images(folder))
    paths = files.str.replace("\\", "/").str.removeprefix("./")
    return {name: path for name, path in zip(ids, paths, strict=True) if path in images}
