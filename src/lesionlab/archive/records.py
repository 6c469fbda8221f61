"""A result of the API as a row of metadata.csv and the files that can be downloaded."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

from lesionlab.core.errors import ArchiveError

Size = Literal["thumbnail", "full"]
SIZES: dict[Size, str] = {"thumbnail": "thumbnail_256", "full": "full"}
"""What the Archive calls the file of each size."""

FIRST_COLUMNS = ("isic_id", "attribution", "copyright_license")
"""What stands first in metadata.csv; the columns after it are sorted."""

_ID = re.compile(r"ISIC_[0-9]{7,10}")
_COLUMN = re.compile(r"\w[\w.-]{0,99}")
_ADDRESS = re.compile(r"https?://[\w.:\[\]-]+([/?]\S*)?", re.ASCII)
_LICENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]{0,39}")


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteFile:
    """Where a file lies for a while, and how large it is."""

    url: str
    num_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """What the Archive knows of an image."""

    isic_id: str
    row: dict[str, str]
    """Its row in metadata.csv; unknown is the empty text, or not there."""
    files: dict[Size, RemoteFile]


def read_record(result: Any) -> Record:
    """The record in a result of the API, of which nothing is believed.

    Raises:
        ArchiveError: it is not what the API is documented to give.
    """
    isic_id = result.get("isic_id") if isinstance(result, dict) else None
    if not isinstance(isic_id, str) or not _ID.fullmatch(isic_id):
        raise ArchiveError(f"{_show(isic_id)} is no ISIC id")
    licence = result.get("copyright_license")
    if not isinstance(licence, str) or not _LICENCE.fullmatch(licence):
        raise ArchiveError(f"{_show(licence)} is no licence")
    row = _flatten(result.get("metadata")) | {
        "isic_id": isic_id, "attribution": _read_text(result.get("attribution")),
        "copyright_license": licence}
    try:
        "".join(row.values()).encode()
    except UnicodeEncodeError as error:
        raise ArchiveError(f"its metadata have {_show(error.object[error.start])}, which is no "
                           "character") from error
    return Record(isic_id=isic_id, row=row, files={size: read_file(result, size)
                                                   for size in SIZES})


def read_file(result: dict[str, Any], size: Size) -> RemoteFile:
    """One of the files in a result.

    Raises:
        ArchiveError: it has no address, or no size.
    """
    files = result.get("files")
    name = SIZES[size]
    file = files.get(name) if isinstance(files, dict) else None
    url, num_bytes = (file.get("url"), file.get("size")) if isinstance(file, dict) else (None, None)
    if not isinstance(url, str) or not _ADDRESS.fullmatch(url):
        raise ArchiveError(f"its file {name} has {_show(url)} for an address")
    if type(num_bytes) is not int or not 0 < num_bytes < 2**40:
        raise ArchiveError(f"its file {name} has {_show(num_bytes)} for a size in bytes")
    return RemoteFile(url=url, num_bytes=num_bytes)


def _flatten(metadata: Any) -> dict[str, str]:
    """The values of all sections, `acquisition` and `clinical`, in one row."""
    sections = metadata.values() if isinstance(metadata, dict) else [metadata]
    row: dict[str, str] = {}
    for section in sections:
        if not isinstance(section, dict):
            raise ArchiveError(f"its metadata have {_show(section)} for a section")
        row |= {name: _read_text(value) for name, value in section.items()}
    wrong = [name for name in row if not _COLUMN.fullmatch(name)]
    if wrong:
        raise ArchiveError(f"its metadata have {_show(wrong[0])} for a column")
    return row


def _read_text(value: Any) -> str:
    """A value as it stands in metadata.csv, on one line."""
    if value is None:
        return ""
    return " ".join((value if isinstance(value, str) else _write_value(value)).split())


def _write_value(value: Any) -> str:
    """Booleans as Python writes them, for so does the ISIC client."""
    return json.dumps(value) if isinstance(value, (dict, list)) else str(value)


def _show(value: object) -> str:
    """A foreign value, short, in plain characters."""
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
