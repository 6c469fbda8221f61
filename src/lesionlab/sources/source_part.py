"""SourcePart: the rows of one source that are valid and have an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import pandas as pd

from lesionlab.imaging.addresses import ImageAddress
from lesionlab.sources.image_files import list_images, match_images, strip_suffix
from lesionlab.sources.raw_source import DROPPED, RawSource, name_rows
from lesionlab.sources.schema import validate_rows


@dataclass(frozen=True, kw_only=True)
class SourcePart:
    """One source of a cohort."""

    name: str
    num_rows: int
    """Rows read."""
    rows: pd.DataFrame
    """Rows kept, in the cohort's vocabulary, with `locator` and `source`."""
    addresses: dict[str, ImageAddress]
    """Where the image of each row is."""
    dropped: pd.DataFrame
    """`isic_id`, `source`, `reason`, `detail` of the others."""
    adjusted: pd.DataFrame
    """`isic_id`, `column`, `value`, `reason`."""
    unlisted: pd.DataFrame
    """Image files without a row: `isic_id`, `source`, `reason`, `detail` (locator)."""
    own_columns: tuple[str, ...]


def read_part(name: str, raw: RawSource) -> SourcePart:
    """The rows of one source whose ids and values are in order and whose image is there.

    Raises:
        SourceError: an id has several image files.
    """
    rows, faulty = _check_ids(raw.rows)
    valid = validate_rows(rows)
    images = list_images(raw.folder)
    ids = valid.rows["isic_id"]
    paths = match_images(ids, images, raw.folder) if raw.paths is None else raw.paths
    has_image = ids.isin(list(paths))
    kept = valid.rows[has_image].reset_index(drop=True)
    absent = name_rows(ids[~has_image], DROPPED, reason="no_image_file",
                       detail="no image file of that name")
    return SourcePart(
        name=name, num_rows=len(raw.rows) + len(raw.dropped),
        rows=kept.assign(locator=_locate(name, raw, kept["isic_id"], paths),
                         source=_name_origin(kept, name)),
        addresses={isic_id: ImageAddress(path=raw.folder / paths[isic_id],
                                         member=raw.members.get(isic_id, ""))
                   for isic_id in kept["isic_id"]},
        dropped=_name_source(name, raw.dropped, faulty, valid.dropped, absent),
        adjusted=pd.concat([raw.adjusted, valid.adjusted], ignore_index=True),
        unlisted=_find_unlisted(name, raw, images), own_columns=valid.own_columns)


def _locate(name: str, raw: RawSource, ids: pd.Series, paths: Mapping[str, str]) -> pd.Series:
    """The `locator` of each id: source, path from its folder, and member where there is one."""
    members = {isic_id: f"#{member}" for isic_id, member in raw.members.items()}
    return pd.Series([f"{name}/{paths[isic_id]}{members.get(isic_id, '')}" for isic_id in ids],
                     index=ids.index, dtype=str)


def _check_ids(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows with an id of their own, and why the others are dropped.

    Of rows that are the same throughout the first is kept; where they differ, none is, for no
    one can say which is right.
    """
    ids = rows["isic_id"]
    number = pd.Series([f"row {place + 1}" for place in range(len(rows))], index=rows.index)
    no_id, same = ids == "", rows.duplicated() & (ids != "")
    once = ids[~same & ~no_id]
    repeated = ids.isin(once[once.duplicated()]) & ~same
    dropped = [name_rows(ids[which], DROPPED, reason=reason, detail=number[which])
               for which, reason in ((no_id, "no_id"), (same, "repeated_row"),
                                     (repeated, "repeated_id"))]
    return rows[~(no_id | same | repeated)], pd.concat(dropped, ignore_index=True)


def _name_source(name: str, *dropped: pd.DataFrame) -> pd.DataFrame:
    rows = pd.concat(dropped, ignore_index=True).assign(source=name)
    return rows[["isic_id", "source", "reason", "detail"]]


def _name_origin(rows: pd.DataFrame, name: str) -> pd.Series:
    """The collection that the table names, else the institution, else the source itself."""
    origin = pd.Series(pd.NA, index=rows.index, dtype="str")
    for column in [column for column in ("source", "attribution") if column in rows]:
        origin = origin.fillna(rows[column])
    return origin.fillna(name)


def _find_unlisted(name: str, raw: RawSource, images: list[str]) -> pd.DataFrame:
    ids = {*raw.rows["isic_id"], *raw.dropped["isic_id"]}
    listed = set((raw.paths or {}).values())
    stems = {path: strip_suffix(PurePosixPath(path).name) for path in images}
    extra = [path for path in images
             if path not in listed and (raw.paths is not None or stems[path] not in ids)]
    return pd.DataFrame({"isic_id": [stems[path] for path in extra], "source": name,
                         "reason": "no_row", "detail": [f"{name}/{path}" for path in extra]},
                        dtype=str)
