"""Which images are taken by their licence, and who must be named for those that are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pandas as pd

from lesionlab.core.cohort import list_some
from lesionlab.core.errors import InputError
from lesionlab.core.licences import LICENCES, UNKNOWN, normalise_licence
from lesionlab.sources.raw_source import are_among
from lesionlab.sources.reading import SourceRead, count_licences

REASON = "licence"
"""Why a row is dropped whose licence was not asked for, or is not stated."""


def name_licences(spellings: Iterable[str]) -> tuple[str, ...]:
    """The names of licences in any spelling, sorted, each once.

    >>> name_licences(["cc by 4.0", "CC0", "CC-BY"])
    ('CC-0', 'CC-BY')

    Raises:
        InputError: one is empty.
    """
    names = sorted({normalise_licence(text) for text in spellings})
    if "" in names:
        raise InputError("--licence has an empty name; give one or more, such as CC-0,CC-BY")
    return tuple(names)


def select_licences(source: SourceRead, licences: Sequence[str]) -> SourceRead:
    """The rows whose licence is one of `licences`; the others are dropped with `REASON`.

    Raises:
        InputError: a name that is neither a licence of Creative Commons nor one of the cohort's,
            or no row is left.
    """
    licences = name_licences(licences)
    frame = source.cohort.frame
    stated = frame.get("copyright_license", pd.Series(pd.NA, index=frame.index, dtype="str"))
    names = stated.map({text: normalise_licence(text) for text in stated.dropna().unique()})
    _check_names(licences, names)
    is_kept = names.isin(list(licences))
    sources = frame["locator"].str.partition("/")[0]
    dropped = pd.DataFrame({
        "isic_id": frame.index, "source": sources.array, "reason": REASON,
        "detail": stated.fillna("no licence is stated").array}, dtype=str)[~is_kept.to_numpy()]
    kept = frame.index[is_kept].to_series()
    return replace(
        source, cohort=source.cohort.select(kept),
        addresses={isic_id: source.addresses[isic_id] for isic_id in kept},
        sources=tuple(
            replace(info, licences=count_licences(stated[is_kept & (sources == info.name)]))
            for info in source.sources),
        dropped=pd.concat([source.dropped, dropped], ignore_index=True),
        adjusted=source.adjusted[are_among(source.adjusted["isic_id"], kept)]
        .reset_index(drop=True))


def count_rights(frame: pd.DataFrame) -> dict[str, dict[str, int]]:
    """`licences` and `attributions` of a manifest: images by each, the most first."""
    columns = {"licences": "copyright_license", "attributions": "attribution"}
    return {name: _count(frame.get(column, pd.Series(pd.NA, index=frame.index, dtype="str")))
            for name, column in columns.items()}


def _count(values: pd.Series) -> dict[str, int]:
    counts = values.fillna(UNKNOWN).value_counts()
    return {str(name): int(count) for name, count in counts.items()}


def _check_names(licences: Sequence[str], names: pd.Series) -> None:
    """Raise InputError for a name that nobody knows, or where no image has any of them."""
    counts = names.value_counts().to_dict()
    found = list_some((f"{name} ({count:,})" for name, count in counts.items()), most=12)
    has = f"this cohort has {found or 'no licences'}"
    if missing := int(names.isna().sum()):
        has += f"; of {missing:,} images none is stated"
    if unknown := [name for name in licences if name not in LICENCES and name not in counts]:
        raise InputError(f"--licence {','.join(unknown)}: no such licence; {has}")
    if not counts.keys() & set(licences):
        raise InputError(f"--licence {','.join(licences)}: no image has it; {has}")
