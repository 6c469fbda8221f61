"""Values put before the official schema, each pattern and each number just once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd
from isic_metadata.metadata import IGNORE_RCM_MODEL_CHECKS, MetadataBatch, MetadataRow
from pydantic import ValidationError

from lesionlab.core.terms import COLUMNS
from lesionlab.sources.renaming import DIAGNOSIS_LEVELS, SITE_LEVELS

TERMS = ("sex", "anatom_site", "anatom_site_general", "anatom_site_special", "diagnosis",
         "diagnosis_confirm_type", "personal_hx_mm", "family_hx_mm", "fitzpatrick_skin_type",
         "melanocytic", "concomitant_biopsy", "mel_mitotic_index", "mel_ulcer",
         "image_manipulation", "image_type", "dermoscopic_type", "tbp_tile_type", "marker_pen",
         "hairy", "blurry", "color_tint")
"""Schema fields of few values, judged together."""

NUMBERS = ("age", "acquisition_day", "clin_size_long_diam_mm", "mel_thick_mm")
"""Schema fields that hold a number."""

IDS = ("patient_id", "lesion_id", "rcm_case_id")
"""Schema fields that may hold any text."""

# The schema's rules across fields ask only whether these are there, so any valid value does.
_STAND_INS = {"mel_thick_mm": "1", "rcm_case_id": "1"}
_MELANOMA = "Malignant:Malignant melanocytic proliferations (Melanoma)"

# The schema wants the old general site beside a special one, but exports of the Archive have the
# new site in its place; the rule is kept by giving it the general site that the new one implies.
_GENERAL_OF_SITE = (
    ("Head and neck", "head/neck"), ("Upper extremity", "upper extremity"),
    ("Lower extremity", "lower extremity"), ("Anogenital region", "oral/genital"),
    ("Trunk:Posterior trunk", "posterior torso"), ("Trunk:Lateral trunk", "lateral torso"),
    ("Trunk", "anterior torso"),
)
_LINK_OF = {"one_lesion_multiple_patients": "lesion_id",
            "rcm_multiple_macroscopics": "rcm_case_id",
            "one_rcm_case_multiple_lesions": "rcm_case_id"}


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Values that keep the schema's rules, and those that did not."""

    values: pd.DataFrame
    """A row per row judged, a column of `lesionlab.core.terms.COLUMNS` each, typed."""
    faults: pd.DataFrame
    """`row` (position, int), `field`, `reason` (the schema's error type)."""


def judge_terms(fields: pd.DataFrame) -> Judged:
    """Judge `TERMS` together; `fields` are text columns with unknown as the empty text."""
    names = [name for name in (*TERMS, *_STAND_INS) if name in fields]
    present = {name: (fields[name] != "").map({True: term, False: ""})
               for name, term in _STAND_INS.items() if name in fields}
    texts = fields[names].assign(**present)
    codes = texts.groupby(names, sort=False).ngroup()
    patterns = texts[~codes.duplicated()]
    verdicts = [_judge_row({str(name): text for name, text in row.items() if text})
                for row in patterns.to_dict("records")]
    kept = [name for name in names if name in COLUMNS and name not in _STAND_INS]
    found = {name: pd.Series([row[name] for row, _ in verdicts], dtype=_dtype(name))
             for name in (*kept, *DIAGNOSIS_LEVELS, *SITE_LEVELS)}
    values = {name: column.array.take(codes) for name, column in found.items()}
    faults = pd.DataFrame([(code, *fault) for code, (_, faulty) in enumerate(verdicts)
                           for fault in faulty.items()], columns=["code", "field", "reason"])
    rows = pd.DataFrame({"code": codes.to_numpy(), "row": range(len(codes))})
    return Judged(values=pd.DataFrame(values), faults=faults.merge(rows).drop(columns="code"))


def judge_number(texts: pd.Series, field: str) -> tuple[pd.Series, pd.Series]:
    """The numbers (N,) float64 of one field with NaN for unknown, and a reason for each refused.

    Ages over 85 are clamped by the schema and have the reason `above_85`; for a column that the
    schema does not know, only its range counts.
    """
    unique = texts[texts != ""].unique()
    judge = _judge_number if field in NUMBERS else _parse_number
    verdicts = {text: judge(text, field) for text in unique}
    numbers = texts.map({text: number for text, (number, _) in verdicts.items()})
    reasons = texts.map({text: reason for text, (_, reason) in verdicts.items() if reason})
    return numbers.astype("float64"), reasons


def judge_links(rows: pd.DataFrame) -> dict[tuple[str, str], str]:
    """The reason for each (column, id) that breaks one of the schema's rules across rows."""
    links = _find_links(rows)
    items = [MetadataRow(**{str(name): text for name, text in row.items() if pd.notna(text)},
                         **{IGNORE_RCM_MODEL_CHECKS: True}) for row in links.to_dict("records")]
    found: dict[tuple[str, str], str] = {}
    while (fault := _break_batch(items)) is not None:
        reason, wrong = fault
        found |= {(_LINK_OF[reason], name): reason for name in wrong}
        for item in items:
            if getattr(item, _LINK_OF[reason]) in wrong:
                setattr(item, _LINK_OF[reason], None)
    return found


def _find_links(rows: pd.DataFrame) -> pd.DataFrame:
    """Ids and image type of the rows that a rule across rows could concern."""
    names = [name for name in IDS if name in rows]
    types = ["image_type"] if "image_type" in rows else []
    # Only a case of confocal microscopy counts its images; other rows matter once.
    counts = rows["rcm_case_id"].notna() if "rcm_case_id" in rows else False
    links = rows.loc[counts | ~rows[names].duplicated(), [*names, *types]]
    shared = [links[name].notna() & links[name].duplicated(keep=False)
              for name in names if name != "patient_id"]
    return links[pd.concat(shared, axis=1).any(axis=1)] if shared else links[:0]


def _judge_row(given: Mapping[str, str]) -> tuple[dict[str, object], dict[str, str]]:
    """The schema's reading of one pattern, and the reason for each field it had to leave out."""
    values, faults = dict(given), {}
    while True:
        try:
            row = MetadataRow(**values, **_implied(values))
        except ValidationError as error:
            found = _name_faults(error)
            assert found.keys() <= values.keys(), f"the schema refuses what was not given: {found}"
            faults |= found
            values = {name: text for name, text in values.items() if name not in found}
        else:
            return row.model_dump(mode="json"), faults


def _implied(values: Mapping[str, str]) -> dict[str, str]:
    """The general site that the schema wants beside a special one, where it is not given."""
    special = values.get("anatom_site_special")
    if special is None or "anatom_site_general" in values:
        return {}
    site = values.get("anatom_site", "")
    alone = "oral/genital" if special == "oral or genital" else "palms/soles"
    implied = [general for start, general in _GENERAL_OF_SITE if site.startswith(start)]
    return {"anatom_site_general": [*implied, alone][0]}


def _name_faults(error: ValidationError) -> dict[str, str]:
    """The error type of each field at fault; of two that do not fit, the first that is named."""
    return {str(fault["loc"][0] if fault["loc"] else fault.get("ctx", {})["field1"]): fault["type"]
            for fault in error.errors(include_url=False)}


def _judge_number(text: str, field: str) -> tuple[float | None, str | None]:
    context = {"diagnosis": _MELANOMA} if field == "mel_thick_mm" else {}
    try:
        number = float(getattr(MetadataRow(**{field: text}, **context), field))
    except ValidationError as error:
        return None, _name_faults(error)[field]
    if field == "age" and text != "85+" and float(text) > number:
        return number, "above_85"
    return _check_range(number, "age_approx" if field == "age" else field)


def _parse_number(text: str, column: str) -> tuple[float | None, str | None]:
    try:
        return _check_range(float(text), column)
    except ValueError:
        return None, "float_parsing"


def _check_range(number: float, column: str) -> tuple[float | None, str | None]:
    low, high = COLUMNS[column].low, COLUMNS[column].high
    above, below = low is None or number >= low, high is None or number <= high
    return (number, None) if above and below else (None, "out_of_range")


def _break_batch(items: list[MetadataRow]) -> tuple[str, list[str]] | None:
    """The rule across rows that is broken and some ids that break it, or None."""
    try:
        MetadataBatch(items=items)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        return fault["type"], fault.get("ctx", {})["examples"]
    return None


def _dtype(name: str) -> Literal["boolean", "str"]:
    return "boolean" if COLUMNS[name].kind == "boolean" else "str"
