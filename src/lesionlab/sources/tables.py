"""Tables of text: CSV, TSV and Parquet, read strictly."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from lesionlab.core.cohort import list_some
from lesionlab.core.copies import fetch_file
from lesionlab.core.errors import SourceError
from lesionlab.core.remote import is_remote, list_folder
from lesionlab.sources.image_files import refuse_undecodable

SUFFIXES = (".csv", ".tsv", ".tab", ".txt", ".parquet")
"""Files that may be a table."""

_DAMAGE = (pa.ArrowException, OSError, UnicodeDecodeError)
"""What pyarrow raises for files that are not what they should be."""

_MISSING = ("na", "n/a", "nan", "null", "unknown")


def find_tables(path: Path, *names: str) -> list[Path]:
    """The tables that have every column of `names`: `path` itself, or those directly in it."""
    tables = [file for file in ([path] if path.is_file() else _list_files(path)) if _is_table(file)]
    return [table for table in tables if set(names) <= set(read_header(table))]


def only_table(tables: list[Path], preferred: str = "") -> Path:
    """The one table, or the one called `preferred`.

    Raises:
        SourceError: there are several.
    """
    named = [table for table in tables if table.name == preferred]
    if len(tables) > 1 and not named:
        raise SourceError(f"{tables[0].parent}: {len(tables)} tables could be meant: "
                          f"{list_some(table.name for table in tables)}; name one of them")
    return (named or tables)[0]


def read_header(path: Path) -> list[str]:
    """The column names of a table, stripped.

    Raises:
        SourceError: a Parquet file is damaged, or its name is not UTF-8.
    """
    if path.suffix.lower() == ".parquet":
        refuse_undecodable([path.name], path.parent)
        file = fetch_file(path)
        try:
            return pq.read_schema(file).names
        except _DAMAGE as error:
            raise SourceError(f"{path}: not a Parquet file: {error}") from error
    first = _first_line(path)
    try:
        names = next(csv.reader([first], delimiter=_separator(first)), [])
    except csv.Error:  # a line without end is no header
        return []
    return [name.strip() for name in names]


def read_table(
    path: Path, names: Sequence[str] = (), *, is_private: bool = False
) -> pd.DataFrame:
    """The table in `path` as stripped text; whatever means unknown is the empty text.

    Args:
        path: CSV, TSV or Parquet.
        names: of the columns of a CSV whose first line is a row like the others.
        is_private: whether an error must not quote the table, for it may name a patient.

    Raises:
        SourceError: it has no row, a column twice, a row of another length, or is not UTF-8, in
            its text or its name.
    """
    refuse_undecodable([path.name], path.parent)
    has_header = not names
    names = list(names) or read_header(path)
    refuse_repeated(path, names)
    file = fetch_file(path)
    try:
        table = (_read_parquet(file) if path.suffix.lower() == ".parquet"
                 else _read_csv(file, names, has_header))
    except _DAMAGE as error:
        what = "a line that is not shown" if is_private else str(error).strip()
        raise SourceError(f"{path}: cannot be read as a table: {what}; correct it, or save it "
                          "anew as CSV in UTF-8") from (None if is_private else error)
    if not table.num_rows:
        raise SourceError(f"{path}: the table has no row")
    return pa.Table.from_arrays([_clean(table[name]) for name in names], names=names).to_pandas()


def refuse_repeated(path: Path, names: Sequence[str]) -> None:
    """Raise SourceError if two columns of the table in `path` have one name."""
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise SourceError(f"{path}: the column {list_some(map(repr, twice))} stands there more "
                          f"than once; rename or remove the others")


def _list_files(folder: Path) -> list[Path]:
    """The files in a folder that may be tables; beside them may lie half a million images."""
    if is_remote(folder):
        return [folder / name for name in list_folder(folder) if name.lower().endswith(SUFFIXES)]
    with os.scandir(folder) as entries:
        return [folder / name for name in sorted(
            entry.name for entry in entries
            if entry.name.lower().endswith(SUFFIXES) and entry.is_file())]


def _is_table(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _first_line(path: Path) -> str:
    # What is not UTF-8 is refused when the whole table is read, where it can be said.
    with fetch_file(path).open(encoding="utf-8-sig", newline="", errors="replace") as file:
        return file.readline()


def _separator(header: str) -> str:
    """The most frequent of comma, semicolon and tab; comma where there is none."""
    return max(",;\t", key=header.count)


def _read_csv(path: Path, names: list[str], has_header: bool) -> pa.Table:
    return pacsv.read_csv(
        path,
        # Names are given, for the file's own may carry blanks.
        read_options=pacsv.ReadOptions(column_names=names, skip_rows=int(has_header)),
        parse_options=pacsv.ParseOptions(delimiter=_separator(_first_line(path)),
                                         newlines_in_values=True),
        convert_options=pacsv.ConvertOptions(
            column_types={name: pa.string() for name in names}, strings_can_be_null=False))


def _read_parquet(path: Path) -> pa.Table:
    table = pq.read_table(path)
    table.validate(full=True)  # what is said to be text need not be UTF-8
    return pa.Table.from_arrays([values.cast(pa.string()) for values in table.columns],
                                names=table.column_names)


def _clean(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text without blanks around it, the empty text where it means unknown."""
    # By name: pyarrow makes these functions when it is imported, so type checkers miss them.
    text = pc.call_function("utf8_trim_whitespace", [pc.fill_null(values, "")])
    lower = pc.call_function("utf8_lower", [text])
    is_missing = pc.call_function("is_in", [lower], pc.SetLookupOptions(pa.array(_MISSING)))
    return pc.call_function("if_else", [is_missing, pa.scalar(""), text])
