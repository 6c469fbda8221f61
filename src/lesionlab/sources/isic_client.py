"""The layout that the official ISIC client writes: a table with `isic_id`, images around it."""

from __future__ import annotations

from pathlib import Path

from lesionlab.sources.raw_source import RawSource, TableColumns
from lesionlab.sources.tables import find_tables, only_table, read_table

TABLE_NAME = "metadata.csv"


def find_isic_client(path: Path, _: TableColumns | None) -> bool:
    """Whether a table with the column `isic_id` is here."""
    return bool(find_tables(path, "isic_id"))


def read_isic_client(path: Path, _: TableColumns | None) -> RawSource:
    """The rows of `metadata.csv`, or of the one table that has `isic_id`."""
    table = only_table(find_tables(path, "isic_id"), TABLE_NAME)
    return RawSource(rows=read_table(table), folder=table.parent)
