"""Values put before the official schema, each pattern and each number just once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from isic_metadata.fields import ImageTypeEnum
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
_ENOUGH = 3
"""A lesion or case with more patients, lesions or images than this breaks what this many break."""
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
    if field not in NUMBERS:
        return _parse_numbers(texts, field)
    unique = texts[texts != ""].unique()
    verdicts = {text: _judge_number(text, field) for text in unique}
    numbers = texts.map({text: number for text, (number, _) in verdicts.items()})
    reasons = texts.map({text: reason for text, (_, reason) in verdicts.items() if reason})
    return numbers.astype("float64"), reasons


def judge_word(texts: pd.Series, column: str) -> tuple[pd.Series, pd.Series]:
    """The values of a column of few, typed, missing for unknown, and a reason for each refused."""
    known = COLUMNS[column]
    words = ({"true": True, "false": False} if known.kind == "boolean"
             else {term.lower(): term for term in known.terms})
    unique = texts[texts != ""].unique()
    values = texts.map({text: words.get(text.lower()) for text in unique})
    reason = "bool_parsing" if known.kind == "boolean" else "enum"
    reasons = texts.map({text: reason for text in unique if text.lower() not in words})
    return values.astype(_dtype(column)), reasons


def judge_links(rows: pd.DataFrame) -> dict[tuple[str, str], str]:
    """The reason for each (column, id) that breaks one of the schema's rules across rows.

    The rules ask how many patients a lesion has, and how many lesions and macroscopic images a
    case of confocal microscopy, so each such pattern is judged just once, with ids that stand in.
    """
    names = (*IDS, "image_type")
    links = pd.DataFrame({name: rows.get(name) for name in names}, rows.index, dtype=str)
    patients = links.groupby("lesion_id")["patient_id"].nunique().to_frame()
    bad_lesions = _judge_counts(patients, _make_lesion)
    links["lesion_id"] = links["lesion_id"].mask(links["lesion_id"].isin(bad_lesions.index))
    cases = links["rcm_case_id"]
    images = (links["image_type"] == ImageTypeEnum.rcm_macroscopic.value).groupby(cases).sum()
    lesions = links["lesion_id"].groupby(cases).nunique()
    bad_cases = _judge_counts(pd.concat([lesions, images], axis=1), _make_case)
    return {(_LINK_OF[reason], str(name)): reason
            for name, reason in (*bad_lesions.items(), *bad_cases.items())}


def _judge_counts(
    counts: pd.DataFrame, make_rows: Callable[..., list[MetadataRow]]
) -> pd.Series[str]:
    """The error type of each id whose row of counts breaks a rule."""
    patterns = pd.MultiIndex.from_frame(counts.clip(upper=_ENOUGH))
    verdicts = {pattern: _break_batch(make_rows(*pattern)) for pattern in patterns.unique()}
    return pd.Series([verdicts[pattern] for pattern in patterns], counts.index, dtype=str).dropna()


def _make_lesion(num_patients: int) -> list[MetadataRow]:
    return [MetadataRow(lesion_id="1", patient_id=str(number)) for number in range(num_patients)]


def _make_case(num_lesions: int, num_macroscopic: int) -> list[MetadataRow]:
    known = {"rcm_case_id": "1", IGNORE_RCM_MODEL_CHECKS: True}
    image = {"image_type": ImageTypeEnum.rcm_macroscopic}
    return [*(MetadataRow(lesion_id=str(number), **known) for number in range(num_lesions)),
            *(MetadataRow(**image, **known) for _ in range(num_macroscopic))]


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
    except OverflowError:  # the schema takes integers of any length
        return None, "out_of_range"
    if field == "age" and text != "85+" and float(text) > number:
        return number, "above_85"
    return _check_range(number, "age_approx" if field == "age" else field)


def _parse_numbers(texts: pd.Series, column: str) -> tuple[pd.Series, pd.Series]:
    """As `judge_number`, at once: measurements are hardly ever twice the same."""
    known, given = COLUMNS[column], texts != ""
    numbers = pd.to_numeric(texts.where(given), errors="coerce").astype("float64")
    low = -np.inf if known.low is None else known.low
    high = np.inf if known.high is None else known.high
    is_fine = np.isfinite(numbers) & (numbers >= low) & (numbers <= high)
    reasons = pd.Series("out_of_range", index=texts.index, dtype=str)
    reasons = reasons.mask(numbers.isna(), "float_parsing").where(given & ~is_fine)
    return numbers.where(is_fine), reasons


def _check_range(number: float, column: str) -> tuple[float | None, str | None]:
    low, high = COLUMNS[column].low, COLUMNS[column].high
    above, below = low is None or number >= low, high is None or number <= high
    return (number, None) if above and below else (None, "out_of_range")


def _break_batch(items: list[MetadataRow]) -> str | None:
    """The error type of the rule across rows that is broken, or None."""
    try:
        MetadataBatch(items=items)
    except ValidationError as error:
        return error.errors(include_url=False)[0]["type"]
    return None


def _dtype(name: str) -> Literal["boolean", "str"]:
    return "boolean" if COLUMNS[name].kind == "boolean" else "str"
