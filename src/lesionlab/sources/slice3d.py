"""SLICE-3D, the set of 2024: a table, and all images in one HDF5 file or in a folder."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from lesionlab.core.errors import DecodeError, SourceError
from lesionlab.imaging.hdf5 import is_hdf5, list_datasets
from lesionlab.sources.challenge_terms import MALIGNANT_OF_MARK
from lesionlab.sources.part_tables import find_folder
from lesionlab.sources.raw_source import RawSource, TableColumns
from lesionlab.sources.renaming import join_levels
from lesionlab.sources.tables import find_tables, only_table, read_table
from lesionlab.sources.wording import Wording, reword

TABLE_NAME = "train-metadata.csv"
_NAMES = ("isic_id", "patient_id", "tbp_lv_norm_color", "tbp_lv_symm_2axis")
_LEVELS = tuple(f"iddx_{level}" for level in range(1, 6))

SLICE3D = Wording(
    names={"isic_id": "isic_id", "benign_malignant": "target"}, stated={},
    words={"benign_malignant": MALIGNANT_OF_MARK})


def find_slice3d(path: Path, _: TableColumns | None) -> bool:
    """Whether a table with measurements of total body photography is here."""
    return bool(find_tables(path, *_NAMES))


def read_slice3d(path: Path, _: TableColumns | None) -> RawSource:
    """The rows; images are in the HDF5 file beside the table, else in files named by their id.

    Raises:
        SourceError: the table or the list of images in the HDF5 file cannot be read.
    """
    table_path = only_table(find_tables(path, *_NAMES), TABLE_NAME)
    table = read_table(table_path)
    said = [name for name in ("iddx_full", *_LEVELS) if name in table]
    table["diagnosis"] = join_levels(table, _LEVELS)
    rows, adjusted = reword(table.drop(columns=said), SLICE3D)
    folder = find_folder(path)
    hdf5 = _find_hdf5(table_path)
    members = {} if hdf5 is None else _find_members(hdf5, rows["isic_id"])
    return RawSource(rows=rows, folder=folder, adjusted=adjusted, members=members,
                     paths=None if hdf5 is None else dict.fromkeys(members, hdf5.name))


def _find_hdf5(table: Path) -> Path | None:
    """The file with the images of a table: the one named after it, or the only one there."""
    files = [file for file in table.parent.iterdir() if is_hdf5(file) and file.is_file()]
    stem = table.stem.replace("-metadata", "-image")
    named = [file for file in files if file.stem == stem]
    if len(files) > 1 and not named:
        names = ", ".join(sorted(file.name for file in files))
        raise SourceError(f"{table}: its images could be in {names}; name the right one "
                          f"{stem}.hdf5")
    return [*named, *files, None][0]


def _find_members(hdf5: Path, ids: pd.Series) -> dict[str, str]:
    """The images that the file has for the ids, by their names alone."""
    try:
        held = set(list_datasets(hdf5))
    except DecodeError as error:
        raise SourceError(str(error)) from error
    return {name: name for name in ids if name in held}
