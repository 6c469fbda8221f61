"""GivenImages: what is to be predicted, an image or a frame each, and what is known of it."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from lesionlab.core.errors import InputError
from lesionlab.core.remote import as_path, exists, is_remote, match_files
from lesionlab.core.terms import COLUMNS
from lesionlab.imaging.addresses import ImageAddress
from lesionlab.imaging.dicom_extra import require_dicom
from lesionlab.inference.context_pass import PATIENT
from lesionlab.sources.dicom import is_dicom_file, list_dicom
from lesionlab.sources.image_files import SUFFIXES, list_images
from lesionlab.sources.inputs_table import InputsTable
from lesionlab.sources.pseudonyms import Pseudonyms
from lesionlab.sources.schema import validate_rows

_SITE = "anatom_site_"
"""How the columns of one body site begin."""


@dataclass(frozen=True, kw_only=True)
class GivenImage:
    """One image, or one frame of a file."""

    isic_id: str
    """Name of the file without its ending; of a DICOM file a pseudonym."""
    shown: str
    """What stands for the file in tables: its path, of a DICOM file the pseudonym."""
    address: ImageAddress
    names: tuple[str, ...]
    """What a table may call it, the first that it has."""
    is_dicom: bool = False
    values: dict[str, str] = field(default_factory=dict)
    """Columns that a DICOM header gives, as text, the patient under a pseudonym."""


def find_images(paths: Sequence[Path | str]) -> list[Path]:
    """The image files that paths, folders and globs name, each once, sorted within each."""
    found: dict[Path, None] = {}
    for path in map(as_path, paths):
        is_there = exists(path)
        if is_there and path.is_dir():
            matches = [path / name for name in sorted({*list_images(path), *list_dicom(path)})]
        elif is_there:
            matches = [path]
        elif is_remote(path):
            matches = match_files(path)
        else:
            matches = sorted(map(Path, glob.glob(str(path), recursive=True)))  # noqa: PTH207
        if not matches:
            raise InputError(f"no image found at {path}; give image files, a folder that holds "
                             f"some ({', '.join(sorted(SUFFIXES))}), or a glob")
        found |= dict.fromkeys(matches)
    return list(found)


def list_given(files: Sequence[Path], pseudonym_key: Path | None = None) -> list[GivenImage]:
    """The images of the files in their order, each frame of a DICOM file by itself.

    Raises:
        MissingExtraError: there are DICOM files, and the extra `dicom` is not installed.
        InputError: there are, and there is no key of that name.
    """
    dicom = [path for path in files if is_dicom_file(path)]
    frames = dict(zip(dicom, _list_frames(dicom, pseudonym_key), strict=True)) if dicom else {}
    return [image for path in files for image in frames.get(path) or [_name_file(path)]]


def _name_file(path: Path) -> GivenImage:
    return GivenImage(isic_id=path.stem, shown=str(path), address=ImageAddress(path=path),
                      names=(path.stem,))


def _list_frames(files: Sequence[Path], pseudonym_key: Path | None) -> list[list[GivenImage]]:
    """The frames of each DICOM file."""
    with require_dicom():
        from lesionlab.sources.dicom_headers import read_headers
    pseudonyms = Pseudonyms.load(pseudonym_key)
    found = []
    for header in read_headers(files):
        values = header.values | {
            "patient_id": pseudonyms.name("patient", header.values.get("patient_id", ""))}
        images = []
        for text, member in header.images:
            isic_id = pseudonyms.name_image(text, member)
            images.append(GivenImage(
                isic_id=isic_id, shown=f"{isic_id}.dcm", is_dicom=True, values=values,
                address=ImageAddress(path=header.path, member=member),
                names=(isic_id, header.uid, header.path.name, header.path.stem)))
        found.append(images)
    return found


def list_columns(
    images: Sequence[GivenImage], known: InputsTable | None, patients: pd.Series | None
) -> pd.DataFrame:
    """What is known of each image, a row each, indexed by id.

    A table's values lead; what it does not give is taken from the headers of DICOM files.

    Args:
        images: N.
        known: the user's table.
        patients: the patient of each image by the user's table, for models that ask for it.
    """
    table = known.rows if known else pd.DataFrame(index=pd.Index([], dtype=str))
    if patients is not None:
        table = table.join(patients.rename(PATIENT))
    rows = table.reindex([_find_name(image, table.index) for image in images])
    rows.index = pd.Index([image.isic_id for image in images])
    headers = _read_values(images)
    sites = [name for name in map(str, headers) if name.startswith(_SITE)]
    has_site = rows.reindex(columns=sites).notna().any(axis="columns")
    for name in map(str, headers):
        if name != PATIENT or patients is not None:
            said = headers[name].set_axis(rows.index)
            own = rows[name] if name in rows else pd.Series(index=rows.index, dtype=said.dtype)
            rows[name] = own.where(own.notna() | (has_site if name in sites else False), said)
    return rows


def _find_name(image: GivenImage, names: pd.Index) -> str:
    return next((name for name in image.names if name in names), image.isic_id)


def _read_values(images: Sequence[GivenImage]) -> pd.DataFrame:
    """The inputs and patients that headers give, typed, a row per image; no column without any."""
    texts = pd.DataFrame([image.values for image in images], dtype=str).fillna("")
    if texts.empty:
        return pd.DataFrame(index=range(len(images)))
    # Numbers for ids: two files may hold the same image.
    valid = validate_rows(texts.assign(isic_id=[str(k) for k in range(len(images))]))
    taken = [name for name in map(str, valid.rows)
             if name == PATIENT or (name in COLUMNS and COLUMNS[name].role == "input")]
    return valid.rows.set_index("isic_id").reindex(
        [str(k) for k in range(len(images))])[taken].dropna(axis="columns", how="all")
