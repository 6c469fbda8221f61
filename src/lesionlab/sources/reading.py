"""Sources of any layout read into one cohort, nothing lost without a count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lesionlab.core.cohort import Cohort
from lesionlab.core.errors import SourceError
from lesionlab.core.terms import COLUMNS
from lesionlab.imaging.addresses import ImageAddress
from lesionlab.sources.image_files import refuse_undecodable
from lesionlab.sources.joining import find_addresses, join_parts
from lesionlab.sources.layouts import read_layout
from lesionlab.sources.pseudonyms import Pseudonyms, hide_persons
from lesionlab.sources.raw_source import TableColumns, are_among
from lesionlab.sources.source_part import SourcePart, read_part

__all__ = ["SourceInfo", "SourceRead", "TableColumns", "count_licences", "read_sources"]


@dataclass(frozen=True, kw_only=True)
class SourceInfo:
    """One source, for the manifest."""

    name: str
    """Folder name, or `dicom`, made unique; the first part of its rows' `locator`."""
    layout: str
    path: Path
    """As it was given; the layout's name where it may name a patient."""
    num_rows: int
    """Rows read, those dropped later included."""
    licences: dict[str, int]
    """Rows kept from this source by `copyright_license`; `not stated` where it is missing."""


@dataclass(frozen=True, kw_only=True)
class SourceRead:
    """All sources as one cohort, and all that was left out or changed."""

    cohort: Cohort
    addresses: dict[str, ImageAddress]
    """Where the image of each `isic_id` of the cohort is."""
    sources: tuple[SourceInfo, ...]
    dropped: pd.DataFrame
    """Rows left out: `isic_id`, `source`, `reason`, `detail`."""
    adjusted: pd.DataFrame
    """Values set to missing or clamped: `isic_id`, `column`, `value`, `reason`."""
    unlisted: pd.DataFrame
    """Image files without a row: `isic_id`, `source`, `reason` (`no_row`), `detail` (locator)."""
    own_columns: tuple[str, ...]
    """Columns that lesionlab and the schema do not know, kept as they are."""


def read_sources(
    paths: Sequence[Path], *, columns: TableColumns | None = None,
    pseudonym_key: Path | None = None,
) -> SourceRead:
    """Read every path by its layout and join them by id.

    Args:
        paths: folders or tables.
        columns: names of the columns of a table of the user's own.
        pseudonym_key: file with the key of the pseudonyms that DICOM's ids are replaced by; by
            default the user's own.

    Raises:
        InputError: there is no such key.
        SourceError: a path has no known layout or cannot be read, an id has several image files
            or stands for different images in two sources, or no row is left.
    """
    real = _resolve_paths(paths)
    reads = [read_layout(path, columns) for path in real]
    if any(raw.is_private for _, raw in reads):
        pseudonyms = Pseudonyms.load(pseudonym_key)
        reads = [(layout, hide_persons(raw, pseudonyms) if raw.is_private else raw)
                 for layout, raw in reads]
    names = _name_sources([Path(layout) if raw.is_private else _folder(path)
                           for path, (layout, raw) in zip(real, reads, strict=True)])
    parts = [read_part(name, raw) for name, (_, raw) in zip(names, reads, strict=True)]
    rows, clashing = join_parts(parts)
    dropped = pd.concat([*(part.dropped for part in parts), clashing], ignore_index=True)
    if rows.empty:
        counts = dropped["reason"].value_counts().sort_index()
        raise SourceError(f"{', '.join(map(str, paths))}: no row is left; dropped: "
                          + ", ".join(f"{count} {reason}" for reason, count in counts.items()))
    adjusted = pd.concat([part.adjusted for part in parts])
    return SourceRead(
        cohort=Cohort.from_frame(_tidy_columns(rows)),
        addresses=find_addresses(rows, parts),
        sources=tuple(_describe_source(Path(layout) if raw.is_private else path, layout, part, rows)
                      for path, part, (layout, raw) in zip(paths, parts, reads, strict=True)),
        dropped=dropped,
        adjusted=adjusted[are_among(adjusted["isic_id"], rows["isic_id"])].reset_index(drop=True),
        unlisted=pd.concat([part.unlisted for part in parts], ignore_index=True),
        own_columns=tuple(dict.fromkeys(name for part in parts for name in part.own_columns)))


def _resolve_paths(paths: Sequence[Path]) -> list[Path]:
    if not paths:
        raise SourceError("no source was given; name a folder or a table")
    real = [path.resolve() for path in paths]
    refuse_undecodable(map(str, real), Path())
    twice = [str(path) for place, path in enumerate(paths) if real[place] in real[:place]]
    if twice:
        raise SourceError(f"given more than once: {', '.join(twice)}; name each source once")
    return real


def _folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _name_sources(folders: list[Path]) -> list[str]:
    """The name of each folder; the second of a kind gets `_2`, and so on."""
    names: list[str] = []
    for folder in folders:
        stem = folder.name or "source"
        tries = [stem, *(f"{stem}_{number}" for number in range(2, len(folders) + 1))]
        names.append(next(name for name in tries if name not in names))
    return names


def _describe_source(
    path: Path, layout: str, part: SourcePart, rows: pd.DataFrame
) -> SourceInfo:
    kept = rows[rows["locator"].str.startswith(f"{part.name}/")]
    licences = kept.get("copyright_license", pd.Series(pd.NA, index=kept.index))
    return SourceInfo(name=part.name, layout=layout, path=path, num_rows=part.num_rows,
                      licences=count_licences(licences))


def count_licences(licences: pd.Series) -> dict[str, int]:
    """Rows by licence, by name; `not stated` where it is missing."""
    counts = licences.fillna("not stated").value_counts().sort_index()
    return {str(name): int(count) for name, count in counts.items()}


def _tidy_columns(rows: pd.DataFrame) -> pd.DataFrame:
    """The vocabulary's columns in its order, then own ones, typed; none that nobody filled."""
    rows = rows.dropna(axis="columns", how="all")
    rows = rows[[*(name for name in COLUMNS if name in rows),
                 *sorted(name for name in map(str, rows) if name not in COLUMNS)]]
    return rows.assign(**{name: _infer(rows[name]) for name in map(str, rows)
                          if name not in COLUMNS})


def _infer(texts: pd.Series) -> pd.Series:
    """The column as booleans or numbers if every known value is one; codes like 007 stay text."""
    known = texts.dropna()
    if set(known.str.lower()) <= {"true", "false"}:
        return texts.str.lower().map({"true": True, "false": False}).astype("boolean")
    numbers = pd.to_numeric(known, errors="coerce")
    # What has 16 digits would lose the last as a number, and is the name of something.
    is_code = known.str.match(r"[+-]?(0\d|\d{16})")
    if np.isfinite(numbers).all() and not is_code.any():
        return numbers.reindex(texts.index)
    return texts
