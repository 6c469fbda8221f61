"""Every row through the official schema, and out of it in one vocabulary."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from lesionlab.core.cohort import list_some
from lesionlab.core.errors import SourceError
from lesionlab.core.terms import COLUMNS
from lesionlab.sources.judging import (
    IDS,
    NUMBERS,
    TERMS,
    judge_links,
    judge_number,
    judge_terms,
    judge_word,
)
from lesionlab.sources.raw_source import ADJUSTED, DROPPED, are_among, name_rows, no_rows
from lesionlab.sources.renaming import RENAMED, find_ambiguous, find_conflicts, unify_fields

OURS = ("target", "locator", "file_bytes")
"""Columns that only lesionlab fills; a source's own of that name gets `_given` after it."""

_OTHERS = [column for name, column in COLUMNS.items() if name not in
           {*TERMS, *NUMBERS, *IDS, *RENAMED, *OURS, "dx", "isic_id"}]

OTHER_TEXTS = tuple(column.name for column in _OTHERS
                    if column.kind in ("text", "category") and not column.terms)
"""Text columns that we know and the schema does not."""

OTHER_WORDS = tuple(column.name for column in _OTHERS if column.kind == "boolean" or column.terms)
"""Columns of a few values that we know and the schema does not."""

OTHER_NUMBERS = tuple(column.name for column in _OTHERS if column.kind == "number")
"""Numeric columns that we know and the schema does not."""

KNOWN = frozenset((*COLUMNS, *TERMS, *NUMBERS, *RENAMED)) - set(OURS)
"""Every column that is read as what its name says."""


@dataclass(frozen=True, kw_only=True)
class ValidRows:
    """Rows that keep the schema's rules, and what it took."""

    rows: pd.DataFrame
    """Columns of `lesionlab.core.terms.COLUMNS` in their types, and the user's own as text."""
    dropped: pd.DataFrame
    """`isic_id`, `reason`, `detail` of the rows whose label or ids are at fault."""
    adjusted: pd.DataFrame
    """`isic_id`, `column`, `value`, `reason` of values set to missing or clamped, in kept rows."""
    own_columns: tuple[str, ...]
    """Columns that neither we nor the schema know, kept as the user's own."""


def validate_rows(rows: pd.DataFrame) -> ValidRows:
    """Judge `rows`: text columns, unknown as the empty text, each row with its own `isic_id`.

    A value that breaks a rule is set to missing; a row is dropped where its diagnosis is no term
    of the schema (`invalid_diagnosis`), where one column says benign and another malignant
    (`conflicting_diagnosis`), or where its lesion has several patients: with either id at fault
    no grouping would be safe. Other reasons are the schema's error types (`enum`, `int_parsing`,
    `incompatible_fields`, ...), `ambiguous_term`, `above_85` and `out_of_range`.

    Raises:
        SourceError: a column would take the name of another one.
    """
    assert rows["isic_id"].is_unique and (rows["isic_id"] != "").all()
    rows = rows.reset_index(drop=True)
    fields = unify_fields(rows)
    valid, faults = _judge_fields(fields)
    own = _own_columns(rows)
    is_label = faults["column"] == "diagnosis"
    dropped = [_invalid(faults[is_label]), _conflicting(rows)]
    links = _judge_links(_without(pd.concat([valid, own], axis=1), dropped))
    dropped.append(links.dropped)
    adjusted = pd.concat([find_ambiguous(rows), faults[~is_label], links.adjusted])
    return ValidRows(rows=links.rows, own_columns=tuple(map(str, own)),
                     dropped=pd.concat(dropped, ignore_index=True).drop_duplicates("isic_id"),
                     adjusted=_without(adjusted, dropped))


def _judge_fields(fields: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Typed columns of the vocabulary, and the faults as adjusted values."""
    judged = judge_terms(fields)
    texts = {name: _known(fields[name]) for name in (*IDS, *OTHER_TEXTS) if name in fields}
    if "dx" in fields:
        texts["dx"] = _known(fields["dx"].where(fields["dx"].isin(COLUMNS["dx"].terms), ""))
    numbers, notes = {}, []
    for field in [name for name in (*NUMBERS, *OTHER_NUMBERS, *OTHER_WORDS) if name in fields]:
        judge = judge_word if field in OTHER_WORDS else judge_number
        numbers[_column(field)], reasons = judge(fields[field], field)
        notes.append(_adjusted(fields, field, reasons.dropna()))
    for key, found in judged.faults.groupby(["field", "reason"]):
        field, reason = map(str, key)
        rows = fields.index[found["row"]]
        notes.append(_adjusted(fields, field, pd.Series(reason, index=rows)))
        for column in [column for column in (numbers, texts) if field in column]:
            column[field] = column[field].drop(rows).reindex(fields.index)
    valid = pd.concat([fields[["isic_id"]], pd.DataFrame(texts), judged.values,
                       pd.DataFrame(numbers)], axis=1)
    return valid, pd.concat([no_rows(ADJUSTED), *notes], ignore_index=True)


def _judge_links(valid: pd.DataFrame) -> ValidRows:
    """Rules across rows: a lesion of several patients drops its rows, a case id is blanked."""
    reasons = judge_links(valid)
    dropped, adjusted = [no_rows(DROPPED)], [no_rows(ADJUSTED)]
    for column in [name for name in ("lesion_id", "rcm_case_id") if name in valid]:
        why = valid[column].map({name: reason for (of, name), reason in reasons.items()
                                 if of == column}).dropna()
        ids, values = valid["isic_id"][why.index], valid[column][why.index]
        if column == "lesion_id":
            dropped.append(name_rows(ids, DROPPED, reason=why, detail="lesion " + values))
        else:
            adjusted.append(name_rows(ids, ADJUSTED, column=column, value=values, reason=why))
            valid = valid.assign(**{column: valid[column].drop(why.index).reindex(valid.index)})
    return ValidRows(rows=_without(valid, dropped), own_columns=(),
                     dropped=pd.concat(dropped), adjusted=pd.concat(adjusted))


def _own_columns(rows: pd.DataFrame) -> pd.DataFrame:
    own = rows[[name for name in rows if name not in KNOWN]]
    both = [name for name in OURS if name in own and f"{name}_given" in own]
    if both:
        raise SourceError(f"the column {list_some(map(repr, both))} becomes {both[0]}_given, which "
                          "is a column too; rename one of them")
    return own.rename(columns={name: f"{name}_given" for name in OURS}).apply(_known)


def _invalid(faults: pd.DataFrame) -> pd.DataFrame:
    return name_rows(faults["isic_id"], DROPPED, reason="invalid_diagnosis",
                     detail=faults["value"])


def _conflicting(rows: pd.DataFrame) -> pd.DataFrame:
    return name_rows(rows["isic_id"][find_conflicts(rows)], DROPPED, reason="conflicting_diagnosis",
                     detail="one column says benign, another malignant")


def _adjusted(fields: pd.DataFrame, field: str, reasons: pd.Series) -> pd.DataFrame:
    return name_rows(fields["isic_id"][reasons.index], ADJUSTED, column=_column(field),
                     value=fields[field][reasons.index], reason=reasons)


def _column(field: str) -> str:
    return "age_approx" if field == "age" else field


def _known(texts: pd.Series) -> pd.Series:
    return texts.where(texts != "")


def _without(rows: pd.DataFrame, dropped: list[pd.DataFrame]) -> pd.DataFrame:
    gone = pd.concat([part["isic_id"] for part in dropped])
    return rows[~are_among(rows["isic_id"], gone)].reset_index(drop=True)
