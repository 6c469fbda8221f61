"""Targets: small declared mappings from what is known of an image to the class to be predicted."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

import pandas as pd

from lesionlab.core.cohort import Cohort
from lesionlab.core.errors import InputError
from lesionlab.core.terms import COLUMNS

MOST_CLASSES = 50
"""A column of more values is no class label."""

NO_DIAGNOSIS = "no diagnosis"
"""Why an image without a diagnosis has no class."""

_LEVELS = tuple(f"diagnosis_{level}" for level in range(1, 6))
_MELANOMA = "Malignant:Malignant melanocytic proliferations (Melanoma)"
_FOLLICULAR = "Malignant:Malignant adnexal epithelial proliferations - Follicular"
_BCC = f"{_FOLLICULAR}:Basal cell carcinoma"
_EPIDERMAL = "Malignant:Malignant epidermal proliferations"
_SCC_IN_SITU = f"{_EPIDERMAL}:Squamous cell carcinoma in situ"
_SCC_INVASIVE = f"{_EPIDERMAL}:Squamous cell carcinoma, Invasive"
_SCC_NOS = f"{_EPIDERMAL}:Squamous cell carcinoma, NOS"
_ACTINIC = "Indeterminate:Indeterminate epidermal proliferations:Solar or actinic keratosis"
_KERATOSES = tuple(f"Benign:Benign epidermal proliferations:{name}" for name in (
    "Lichen planus like keratosis", "Pigmented benign keratosis", "Seborrheic keratosis",
    "Solar lentigo"))
_NEVUS = "Benign:Benign melanocytic proliferations:Nevus"
_DERMATOFIBROMA = "Benign:Benign soft tissue proliferations - Fibro-histiocytic:Dermatofibroma"
_VASCULAR = ("Benign:Benign soft tissue proliferations - Vascular",
             "Benign:Hemorrhagic lesions:Hemorrhage")


@dataclass(frozen=True, kw_only=True)
class Target:
    """A question with two or more answers, and where they stand in a cohort."""

    name: str
    classes: tuple[str, ...]
    """In the order of every table of probabilities."""
    terms: dict[str, str]
    """Class of each term of the diagnosis hierarchy and of all below it; the longest term leads.

    For a target that is a column: class of each of its values.
    """
    dropped: dict[str, str]
    """Reason for each term that has no class; the longest term leads, these and `terms` alike."""
    column: str | None = None
    """The column that is read, None for the diagnosis hierarchy."""
    dx: dict[str, str] | None = None
    """Class of each of HAM10000's `dx`, for images without a diagnosis."""

    def __post_init__(self) -> None:
        named = set(self.terms.values()) | set((self.dx or {}).values())
        assert named <= set(self.classes), f"{self.name}: not classes: {named}"
        assert not self.terms.keys() & self.dropped.keys(), f"{self.name}: kept and dropped"


MALIGNANCY = Target(
    name="malignancy", classes=("Benign", "Malignant"),
    terms={"Benign": "Benign", "Malignant": "Malignant"},
    dropped={"Indeterminate": "Indeterminate"})

MALIGNANT_SUBTYPE = Target(
    name="malignant_subtype",
    classes=("Benign", "basal cell carcinoma", "melanoma", "melanoma metastasis",
             "squamous cell carcinoma"),
    terms={
        "Benign": "Benign",
        _BCC: "basal cell carcinoma",
        _MELANOMA: "melanoma",
        f"{_MELANOMA}:Melanoma metastasis": "melanoma metastasis",
        _SCC_IN_SITU: "squamous cell carcinoma",
        _SCC_INVASIVE: "squamous cell carcinoma",
        _SCC_NOS: "squamous cell carcinoma",
    },
    dropped={"Indeterminate": "Indeterminate",
             "Malignant": "Malignant, other than the subtypes"})

_CHALLENGE_TERMS = {
    _NEVUS: "NV",
    _MELANOMA: "MEL",
    _BCC: "BCC",
    **dict.fromkeys(_KERATOSES, "BKL"),
    _DERMATOFIBROMA: "DF",
    **dict.fromkeys(_VASCULAR, "VASC"),
}
# Both challenges ask for primary melanoma, so a metastasis has no class.
_CHALLENGE_DROPPED = {
    "Benign": "Benign, other than the classes",
    "Indeterminate": "Indeterminate, other than the classes",
    "Malignant": "Malignant, other than the classes",
    f"{_MELANOMA}:Melanoma metastasis": "Malignant, other than the classes",
}

ISIC2018 = Target(
    name="isic2018", classes=("NV", "MEL", "BKL", "BCC", "AKIEC", "VASC", "DF"),
    # Invasive carcinoma is no part of AKIEC; "NOS" is what the Archive calls HAM10000's Bowen.
    terms=_CHALLENGE_TERMS | {_ACTINIC: "AKIEC", _SCC_IN_SITU: "AKIEC", _SCC_NOS: "AKIEC"},
    dropped=_CHALLENGE_DROPPED,
    dx={name: name.upper() for name in COLUMNS["dx"].terms})

ISIC2019 = Target(
    name="isic2019", classes=("MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC"),
    terms=_CHALLENGE_TERMS | {_ACTINIC: "AK", _SCC_IN_SITU: "SCC", _SCC_INVASIVE: "SCC",
                              _SCC_NOS: "SCC"},
    dropped=_CHALLENGE_DROPPED,
    # akiec may be AK or SCC.
    dx={name: name.upper() for name in COLUMNS["dx"].terms if name != "akiec"})

TARGETS: dict[str, Target] = {target.name: target for target in
                              (MALIGNANCY, MALIGNANT_SUBTYPE, ISIC2018, ISIC2019)}
"""Every declared target by name."""


def find_target(name: str, cohort: Cohort) -> Target:
    """The declared target of that name, or the column of the cohort as a target.

    Raises:
        InputError: there is neither, or the column cannot be a target.
    """
    if name in TARGETS:
        return TARGETS[name]
    if name in cohort.table.column_names:
        return column_target(name, cohort)
    columns = list_target_columns(cohort)
    close = difflib.get_close_matches(name, [*TARGETS, *columns], n=1)
    hint = f"; did you mean '{close[0]}'?" if close else "."
    raise InputError(f"there is no target '{name}'{hint} Choose one of {', '.join(TARGETS)}, or "
                     f"a column of this cohort: {', '.join(columns) or 'none is categorical'}")


def list_target_columns(cohort: Cohort) -> list[str]:
    """The columns that `column_target` takes."""
    frame = cohort.frame
    return [name for name in map(str, frame) if not _column_problem(name, frame[name])]


def column_target(name: str, cohort: Cohort) -> Target:
    """The values of a categorical column as classes, sorted.

    Raises:
        InputError: the column is not categorical, or has fewer than two values or too many.
    """
    values = cohort.frame[name]
    problem = _column_problem(name, values)
    if problem:
        raise InputError(f"column '{name}' cannot be a target: {problem}")
    classes = sorted({str(value) for value in values.dropna()})
    return Target(name=name, classes=tuple(classes), column=name, dropped={},
                  terms={value: value for value in classes})


def assign_target(target: Target, cohort: Cohort) -> tuple[pd.Series, dict[str, int]]:
    """The class of each image, str by `isic_id` with missing for none, and why, with counts.

    Raises:
        InputError: no image has a class.
    """
    frame = cohort.frame
    texts = _join_diagnosis(frame) if target.column is None else _texts(frame[target.column])
    verdicts = {text: _classify(target, text) for text in texts.dropna().unique()}
    classes = texts.map({text: name for text, (name, _) in verdicts.items()})
    reasons = texts.map({text: reason for text, (_, reason) in verdicts.items()}).astype("str")
    if target.dx and "dx" in frame:
        classes = classes.where(texts.notna(), frame["dx"].map(target.dx))
    why = reasons[classes.isna()].fillna(NO_DIAGNOSIS if target.column is None
                                         else f"no {target.column}")
    counts = {str(reason): int(count) for reason, count in why.value_counts().sort_index().items()}
    if classes.isna().all():
        columns = ", ".join(list_target_columns(cohort)) or "none is categorical"
        raise InputError(f"target '{target.name}' gives no class to any of {len(cohort)} images "
                         f"({_list_counts(counts)}); columns that could be the target: {columns}")
    return classes.astype("str").rename("target"), counts


def _classify(target: Target, text: str) -> tuple[str | None, str | None]:
    """The class of a value, or the reason for none, by the longest term that it stands under."""
    levels = text.split(":")
    for depth in range(len(levels), 0, -1):
        term = ":".join(levels[:depth])
        if term in target.terms:
            return target.terms[term], None
        if term in target.dropped:
            return None, target.dropped[term]
    return None, f"no class for {text}"


def _join_diagnosis(frame: pd.DataFrame) -> pd.Series:
    """Each image's place in the hierarchy, `Benign:Benign melanocytic proliferations:Nevus`."""
    path = pd.Series(pd.NA, index=frame.index, dtype="str")
    for place, name in enumerate(name for name in _LEVELS if name in frame):
        level = frame[name] if place == 0 else path + ":" + frame[name]
        path = level.where(level.notna(), path)
    return path


def _texts(values: pd.Series) -> pd.Series:
    return values.map(str, na_action="ignore").astype("str")


def _column_problem(name: str, values: pd.Series) -> str | None:
    """Why a column cannot be a target, or None if it can."""
    kind = COLUMNS[name].kind if name in COLUMNS else None
    num_values = values.nunique()
    if kind in ("number", "text") or pd.api.types.is_float_dtype(values):
        return f"it holds {'free text' if kind == 'text' else 'numbers'}, not classes"
    if not 2 <= num_values <= MOST_CLASSES:
        return f"it has {num_values} different values; a target needs 2 to {MOST_CLASSES}"
    return None


def _list_counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in counts.items())
