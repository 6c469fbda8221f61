"""A folder of DICOM files, with a table of labels beside them or without one."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from posixpath import basename, splitext
from typing import TYPE_CHECKING

import pandas as pd

from lesionlab.core.cohort import list_some
from lesionlab.core.errors import SourceError
from lesionlab.imaging.dicom_extra import require_dicom
from lesionlab.imaging.formats import is_dicom
from lesionlab.sources.image_files import SUFFIXES, list_images, name_stem, strip_suffix
from lesionlab.sources.pseudonyms import PUBLIC_ID
from lesionlab.sources.raw_source import ADJUSTED, DROPPED, RawSource, TableColumns, name_rows
from lesionlab.sources.renaming import SITES
from lesionlab.sources.schema import KNOWN
from lesionlab.sources.tables import find_tables, only_table, read_header, read_table

if TYPE_CHECKING:
    from lesionlab.sources.dicom_headers import DicomHeader

KEYS = ("SOPInstanceUID", "sop_instance_uid", "isic_id", "file", "file_name", "filename", "image",
        "image_name", "image_id")
"""Columns by one of which a table beside the files is joined: the first that it has."""
_SUFFIXES = (".dcm", ".dicom")
_OTHER_SUFFIXES = tuple(sorted(SUFFIXES - {*_SUFFIXES}))
_PUBLIC_TABLES = (("isic_id",), ("image_name", "patient_id"))
"""Columns of the Archive's table and of ISIC 2020's, which came with DICOM files."""
_RIVALS = {"age_approx": ("age", "age_approx"), **dict.fromkeys(
    ("anatom_site", "anatom_site_special"), (*SITES, "anatom_site_special"))}
"""Columns of a table, any of which replaces what the header says."""
_TEXT = ("burned_in_annotation", ("the header says that text stands in the picture, which may "
                                  "name the patient; cut it out and say NO"))
_log = logging.getLogger(__name__)


def find_dicom(path: Path, columns: TableColumns | None) -> bool:
    """Whether there are DICOM files at `path`, or beside it where it is a table.

    Those named by public ids, with the public table beside them, are left to its own layout.
    """
    if path.is_file() and not find_tables(path):
        return False
    files = list_dicom(_folder(path))
    is_public = columns is None and all(PUBLIC_ID.fullmatch(name_stem(file)) for file in files)
    return bool(files) and not (is_public and any(find_tables(path, *names)
                                                  for names in _PUBLIC_TABLES))


def read_dicom(path: Path, columns: TableColumns | None) -> RawSource:
    """A row per frame of each file: what the header says, and what a table adds or corrects.

    Raises:
        SourceError: there are other images too, or a table cannot be joined.
        MissingExtraError: the extra `dicom` is not installed.
    """
    with require_dicom():
        from lesionlab.sources.dicom_headers import read_headers
    folder = _folder(path)
    files = list_dicom(folder)
    others = {*list_images(folder)} - {*files}
    if others:
        raise SourceError(f"{path}: holds {len(files)} DICOM files and {len(others)} other images; "
                          "put them into folders of their own, for only what is in DICOM files is "
                          "given pseudonyms")
    headers = read_headers([folder / file for file in files])
    problems = _find_problems(headers)
    good = [k for k in range(len(files)) if k not in problems]
    images = [(k, isic_id, member) for k in good for isic_id, member in headers[k].images]
    table = _read_labels(path, columns)
    matches = _match_rows(path, table["key"], files, headers)
    is_lost = matches < 0
    rows = _join_table(images, headers, table.drop(columns="key")[~is_lost], matches[~is_lost])
    return RawSource(
        rows=rows, folder=folder, is_private=True,
        paths={isic_id: files[k] for k, isic_id, _ in images}
        | {headers[k].id: files[k] for k in problems},
        members={isic_id: member for _, isic_id, member in images if member},
        dropped=pd.concat([pd.DataFrame([(headers[k].id, *why) for k, why in problems.items()],
                                        columns=DROPPED, dtype=str), name_rows(
            table["key"][is_lost], DROPPED, reason="no_image_file",
            detail="no DICOM file of that name or SOPInstanceUID")], ignore_index=True),
        adjusted=pd.DataFrame([(isic_id, *values) for k, isic_id, _ in images
                               for values in headers[k].adjusted], columns=ADJUSTED, dtype=str))


def list_dicom(folder: Path) -> list[str]:
    """The DICOM files below a folder, as sorted posix paths from it."""
    return [name for name in list_images(folder, _may_be_dicom) if is_dicom_file(folder / name)]


def is_dicom_file(path: Path) -> bool:
    """Whether a file is DICOM by its name, or by how it begins where it has no ending.

    Files on discs have none, and those named by UIDs only seem to.
    """
    if not _may_be_dicom(path.name):
        return False
    if path.suffix.lower() in _SUFFIXES:
        return True
    if not path.is_file():  # a pipe would keep whoever reads it waiting
        return False
    try:
        with path.open("rb") as file:
            return is_dicom(file.read(132))
    except OSError:
        return False


def _folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _may_be_dicom(name: str) -> bool:
    if name.endswith(_OTHER_SUFFIXES):  # most of half a million files
        return False
    suffix = splitext(name)[1].lower()
    return not name.startswith(".") and (suffix in (*_SUFFIXES, "") or suffix[1:].isdigit())


def _read_labels(path: Path, columns: TableColumns | None) -> pd.DataFrame:
    """The rows of the table: known columns under our names, and what joins them as `key`."""
    names = columns.named() if columns else {}
    tables = find_tables(path, *names)
    if columns is None:
        tables = [table for table in tables if {*KEYS} & {*read_header(table)}]
    elif not tables:
        raise SourceError(f"{path}: no table with the columns {list_some(names)} beside the DICOM "
                          "files; name the columns of the one that is there")
    if not tables:
        return pd.DataFrame({"key": pd.Series(dtype=str)})
    given = read_table(only_table(tables, "metadata.csv"), is_private=True)
    key = (columns.file or columns.id) if columns else next(key for key in KEYS if key in given)
    ours = {name: given[theirs] for theirs, becomes in names.items() for name in becomes}
    rest = [name for name in given if name in KNOWN and name not in ours]
    left = [name for name in given if name not in {*KNOWN, *names, key}]
    if left:
        _log.info("%d columns of the table are left out, for they may name a patient: %s",
                  len(left), list_some(left))
    taken = pd.DataFrame({**{name: given[name] for name in rest}, **ours}, index=given.index)
    return taken.drop(columns=[name for name in ("isic_id", "file") if name in taken]).assign(
        key=given[key])


def _match_rows(
    path: Path, keys: pd.Series, files: Sequence[str], headers: Sequence[DicomHeader]
) -> pd.Series:
    """The number of the file of each row of the table, -1 where there is none."""
    numbers: dict[str, int | None] = {}
    for k, (file, header) in enumerate(zip(files, headers, strict=True)):
        for name in {file, basename(file), strip_suffix(file), name_stem(file), header.uid} - {""}:
            numbers[name] = None if name in numbers else k
    found = [numbers.get(key, numbers.get(strip_suffix(key), -1))
             for key in keys.str.replace("\\", "/").str.removeprefix("./").tolist()]
    if several := found.count(None):
        raise SourceError(f"{path}: {several} rows of the table name several DICOM files each; "
                          "give the path from the folder, or SOPInstanceUID")
    return pd.Series(found, index=keys.index, dtype=int)


def _join_table(
    images: Sequence[tuple[int, str, str]], headers: Sequence[DicomHeader], table: pd.DataFrame,
    matches: pd.Series,
) -> pd.DataFrame:
    """A row per image, or per row of the table for it; where both know a value, the table's."""
    said = pd.DataFrame([headers[k].values for k, _, _ in images], dtype=str)
    places = pd.DataFrame({"isic_id": [isic_id for _, isic_id, _ in images],
                           "number": [k for k, _, _ in images]}).rename_axis("place").reset_index()
    rows = places.merge(table.assign(number=matches), on="number", how="left").fillna("")
    for column in said:
        rivals = [name for name in _RIVALS.get(str(column), (column,)) if name in rows]
        is_given = (rows[rivals] != "").any(axis="columns")
        given = rows[column] if column in rows else pd.Series("", index=rows.index)
        header = said[column].reindex(rows["place"]).set_axis(rows.index)
        rows[column] = given.where(is_given, header)
    return rows.drop(columns=["place", "number"]).astype(str)


def _find_problems(headers: Sequence[DicomHeader]) -> dict[int, tuple[str, str]]:
    """Reason and detail of each file that gives no row, by its number."""
    found = {k: header.problem for k, header in enumerate(headers) if header.problem is not None}
    return found | {k: _TEXT for k, header in enumerate(headers)
                    if header.has_text and k not in found}
