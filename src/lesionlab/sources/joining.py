"""Several sources joined by id; an id in two of them is an error unless the image is the same."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pandas as pd

from lesionlab.core.cohort import join_problems
from lesionlab.core.errors import DecodeError, SourceError
from lesionlab.imaging.addresses import ImageAddress
from lesionlab.sources.raw_source import no_rows
from lesionlab.sources.renaming import DIAGNOSIS_LEVELS
from lesionlab.sources.source_part import SourcePart

_DROPPED = ("isic_id", "source", "reason", "detail")


def join_parts(parts: Sequence[SourcePart]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All rows, ids unique, and the rows dropped because two sources have the image.

    The first source's row is kept (`same_image_in_two_sources`), none where their labels
    contradict each other (`conflicting_diagnosis`).

    Raises:
        SourceError: an id stands for different images in two sources.
    """
    rows = pd.concat([part.rows for part in parts], ignore_index=True)
    owners = pd.Series([part.name for part in parts for _ in range(len(part.rows))], dtype=str)
    clashing = rows[rows["isic_id"].duplicated(keep=False)]
    if clashing.empty:
        return rows, no_rows(_DROPPED)
    _refuse_different(clashing, parts)
    dropped = pd.concat([_settle(group) for _, group in clashing.groupby("isic_id")])
    dropped = dropped.assign(isic_id=rows["isic_id"][dropped.index], source=owners[dropped.index])
    return rows.drop(index=dropped.index), dropped[list(_DROPPED)].reset_index(drop=True)


def find_addresses(
    rows: pd.DataFrame, parts: Sequence[SourcePart]
) -> dict[str, ImageAddress]:
    """Where the image of each row is, by the source that its `locator` begins with."""
    by_source = {part.name: part.addresses for part in parts}
    sources = rows["locator"].str.partition("/")[0]
    return {isic_id: by_source[source][isic_id]
            for isic_id, source in zip(rows["isic_id"].tolist(), sources.tolist(), strict=True)}


def _refuse_different(clashing: pd.DataFrame, parts: Sequence[SourcePart]) -> None:
    problems = []
    for isic_id, group in clashing.groupby("isic_id"):
        addresses = [part.addresses[str(isic_id)] for part in parts if isic_id in part.addresses]
        if len({_digest(address) for address in addresses}) > 1:
            problems.append(f"{isic_id}: {' and '.join(group['locator'])}")
    if problems:
        raise SourceError(join_problems(
            f"{len(problems)} ids stand for different images in two sources; rename one of each",
            problems))


def _digest(address: ImageAddress) -> str:
    """What tells whether two addresses hold the same image."""
    try:
        return f"{hashlib.sha256(address.read()).hexdigest()}#{address.member}"
    except DecodeError as error:
        raise SourceError(str(error)) from error


def _settle(group: pd.DataFrame) -> pd.DataFrame:
    """Which rows of one image are dropped, with reason and detail."""
    if _contradict(group):
        detail = f"the labels differ in {' and '.join(group['locator'])}"
        return pd.DataFrame({"reason": "conflicting_diagnosis", "detail": detail},
                            index=group.index)
    detail = f"kept as {group['locator'].iloc[0]}"
    return pd.DataFrame({"reason": "same_image_in_two_sources", "detail": detail},
                        index=group.index[1:])


def _contradict(group: pd.DataFrame) -> bool:
    """Whether two known labels of one image differ; a coarser diagnosis does not contradict."""
    names = [name for name in (*DIAGNOSIS_LEVELS, "label", "dx") if name in group]
    return any(len(group[name].dropna().unique()) > 1 for name in names)
