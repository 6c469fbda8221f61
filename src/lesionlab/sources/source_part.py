"""SourcePart: the rows of one source that are valid and have an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from lesionlab.imaging.addresses import ImageAddress
from lesionlab.sources.image_files import (
    list_images,
    match_images,
    name_stem,
    refuse_undecodable,
)
from lesionlab.sources.raw_source import DROPPED, RawSource, name_rows
from lesionlab.sources.schema import ValidRows, validate_rows


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
        SourceError: an id has several image files, or the name of one is not UTF-8.
    """
    rows, faulty = _check_ids(raw.rows)
    valid = _hide_values(validate_rows(rows)) if raw.is_private else validate_rows(rows)
    # Of a private source every file has its row, and no other may be named.
    images = [] if raw.is_private else list_images(raw.folder)
    refuse_undecodable(images, raw.folder)
    ids = valid.rows["isic_id"]
    paths = match_images(ids, images, raw.folder) if raw.paths is None else raw.paths
    has_image = np.array([isic_id in paths for isic_id in ids.tolist()], bool)
    kept = valid.rows[has_image].reset_index(drop=True)
    absent = name_rows(ids[~has_image], DROPPED, reason="no_image_file",
                       detail="no image file of that name")
    return SourcePart(
        name=name, num_rows=len(raw.rows) + len(raw.dropped),
        rows=kept.assign(locator=_locate(name, raw, kept["isic_id"], paths),
                         source=_name_origin(kept, name)),
        addresses={isic_id: ImageAddress(path=raw.folder / paths[isic_id],
                                         member=raw.members.get(isic_id, ""))
                   for isic_id in kept["isic_id"].tolist()},
        dropped=_name_source(name, raw.dropped, faulty, valid.dropped, absent),
        adjusted=pd.concat([raw.adjusted, valid.adjusted], ignore_index=True),
        unlisted=_find_unlisted(name, raw, images, paths), own_columns=valid.own_columns)


def _hide_values(valid: ValidRows) -> ValidRows:
    """The same without the values refused: where columns were shifted, they may be names."""
    is_label = valid.dropped["reason"] == "invalid_diagnosis"
    return replace(valid, adjusted=valid.adjusted.assign(value=""),
                   dropped=valid.dropped.assign(detail=valid.dropped["detail"].mask(is_label, "")))


def _locate(name: str, raw: RawSource, ids: pd.Series, paths: Mapping[str, str]) -> pd.Series:
    """The `locator` of each id: source, path from its folder, and member where there is one.

    Of a private source the id stands for the path.
    """
    if raw.is_private:
        return f"{name}/" + ids
    members = {isic_id: f"#{member}" for isic_id, member in raw.members.items()}
    return pd.Series([f"{name}/{paths[isic_id]}{members.get(isic_id, '')}"
                      for isic_id in ids.tolist()], index=ids.index, dtype=str)


def _check_ids(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows with an id of their own, and why the others are dropped.

    Of rows that are the same throughout the first is kept; where they differ, none is, for no
    one can say which is right.
    """
    rows = rows.reset_index(drop=True)
    ids = rows["isic_id"]
    number = pd.Series(range(1, len(rows) + 1), index=rows.index)
    no_id, is_shared = ids == "", ids.duplicated(keep=False)
    # Only rows that share their id are compared throughout: there are few, and many columns.
    same = rows[is_shared].duplicated().reindex(rows.index, fill_value=False) & ~no_id
    once = ids[~same & ~no_id]
    repeated = once.duplicated(keep=False).reindex(rows.index, fill_value=False)
    dropped = [name_rows(ids[which], DROPPED, reason=reason,
                         detail="row " + number[which].astype(str))
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


def _find_unlisted(
    name: str, raw: RawSource, images: list[str], paths: Mapping[str, str]
) -> pd.DataFrame:
    """The images that no row names, neither one that is kept nor one that was dropped."""
    listed = set(paths.values())
    extra = [path for path in images if path not in listed]
    # Beside a file of many images there may be single copies, named by their ids.
    if raw.paths is None or raw.members:
        ids = {*raw.rows["isic_id"].tolist(), *raw.dropped["isic_id"].tolist()}
        extra = [path for path in extra if name_stem(path) not in ids]
    return pd.DataFrame({"isic_id": [name_stem(path) for path in extra], "source": name,
                         "reason": "no_row", "detail": [f"{name}/{path}" for path in extra]},
                        dtype=str)
