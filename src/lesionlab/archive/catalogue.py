"""All images that were listed, as a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa

from lesionlab.archive.listing import iterate_results
from lesionlab.archive.records import SIZES, Record, RemoteFile, Size, read_file, read_record
from lesionlab.core.errors import ArchiveError

_CHUNK = 10_000


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """What can be downloaded."""

    rows: pd.DataFrame
    """Text columns as in metadata.csv, indexed by `isic_id`, sorted; unknown is the empty text."""
    num_bytes: pd.DataFrame
    """int64, the size of each image's files, a column per `Size`; the index is that of `rows`."""
    rejected: tuple[str, ...]
    """What was left out, and why."""


def read_catalogue(pages: Sequence[Path]) -> Catalogue:
    """The images of all pages, each once; a result that is no record is left out, with why."""
    rejected: list[str] = []
    tables = [_tabulate(chunk) for chunk in _chunks(_read_records(pages, rejected))]
    if not tables:
        empty = pd.DataFrame(index=pd.Index([], name="isic_id", dtype=str))
        return Catalogue(rows=empty, num_bytes=empty, rejected=tuple(rejected))
    table = pa.concat_tables(tables, promote_options="default").to_pandas()
    # An image that was added meanwhile moves others to a page that they then stand on as well.
    table = table.drop_duplicates("isic_id").set_index("isic_id").sort_index()
    rows = table.drop(columns=list(SIZES)).fillna("").astype(str)
    return Catalogue(rows=rows, num_bytes=table[list(SIZES)].astype("int64"),
                     rejected=tuple(rejected))


def find_files(
    pages: Sequence[Path], ids: Iterable[str], size: Size
) -> Iterator[tuple[str, RemoteFile]]:
    """The file of each image of `ids`, as the saved pages have it."""
    missing = set(ids)
    for result in iterate_results(pages) if missing else ():
        isic_id = _read_id(result)
        if isic_id not in missing:
            continue
        try:
            file = read_file(result, size)
        except ArchiveError:  # left out of the catalogue, which has it from another page
            continue
        missing.remove(isic_id)
        yield isic_id, file


def _read_records(pages: Sequence[Path], rejected: list[str]) -> Iterator[Record]:
    for result in iterate_results(pages):
        try:
            yield read_record(result)
        except ArchiveError as error:
            name = ascii(_read_id(result)[:60])[1:-1]
            rejected.append(f"{name or 'an image'}: {error}")


def _read_id(result: object) -> str:
    """What a result calls itself, whatever that is; the empty text for nothing."""
    isic_id = result.get("isic_id") if isinstance(result, dict) else None
    return isic_id if isinstance(isic_id, str) else ""


def _chunks(records: Iterator[Record]) -> Iterator[list[Record]]:
    chunk: list[Record] = []
    for record in records:
        chunk.append(record)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _tabulate(records: list[Record]) -> pa.Table:
    """A column for each name in any row; half a million rows as dictionaries would take a GB."""
    names = sorted({name for record in records for name in record.row})
    columns = {name: pa.array([record.row.get(name, "") for record in records], pa.string())
               for name in names}
    return pa.table(columns | {
        size: pa.array([record.files[size].num_bytes for record in records], pa.int64())
        for size in SIZES})
