"""The one table of columns: what each is called, what it holds and what it may be used for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["identifier", "input", "label", "consequence", "provenance"]
Kind = Literal["number", "category", "boolean", "text"]

REASONS: dict[Role, str] = {
    "identifier": "it names an image, lesion or patient; a model would learn them by heart",
    "label": "it is the diagnosis itself",
    "consequence": "it is known only because of the diagnosis",
    "provenance": "it tells where the image comes from, not what it shows",
    "input": "",
}
"""Why a column of each role cannot become a feature."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of the vocabulary."""

    name: str
    """ISIC's name, unchanged."""
    role: Role
    kind: Kind
    meaning: str
    """One line, with the unit where there is one."""
    low: float | None = None
    """Smallest plausible number, inclusive."""
    high: float | None = None
    """Largest plausible number, inclusive."""
    terms: tuple[str, ...] = ()
    """Every value allowed, where the list is short and closed."""


def _number(
    name: str, role: Role, meaning: str, low: float | None = None, high: float | None = None
) -> Column:
    return Column(name=name, role=role, kind="number", meaning=meaning, low=low, high=high)


def _category(name: str, role: Role, meaning: str, *terms: str) -> Column:
    return Column(name=name, role=role, kind="category", meaning=meaning, terms=terms)


def _boolean(name: str, role: Role, meaning: str) -> Column:
    return Column(name=name, role=role, kind="boolean", meaning=meaning)


def _text(name: str, role: Role, meaning: str) -> Column:
    return Column(name=name, role=role, kind="text", meaning=meaning)


_COLUMNS = (
    _text("isic_id", "identifier", "image id, unique"),
    _text("patient_id", "identifier", "patient id"),
    _text("lesion_id", "identifier", "lesion id"),
    _text("rcm_case_id", "identifier", "confocal microscopy case id"),
    _text("locator", "identifier", "source and path of the file"),
    _number("age_approx", "input", "age in years; 85 means 85 or more", 0, 85),
    _category("sex", "input", "sex", "male", "female"),
    _category("anatom_site_1", "input", "body site, first level"),
    _category("anatom_site_2", "input", "body site, second level"),
    _category("anatom_site_3", "input", "body site, third level"),
    _category("anatom_site_4", "input", "body site, fourth level"),
    _category("anatom_site_5", "input", "body site, fifth level"),
    _category("anatom_site_special", "input", "acral, nail or mucosal site"),
    _number("clin_size_long_diam_mm", "input", "longest diameter in mm", 0, 999.99),
    _category("image_type", "input", "dermoscopic, clinical, TBP tile or RCM"),
    _category("dermoscopic_type", "input", "contact and polarisation"),
    _category("tbp_tile_type", "input", "kind of total-body-photography tile"),
    _category("fitzpatrick_skin_type", "input", "skin type", "I", "II", "III", "IV", "V", "VI"),
    _boolean("personal_hx_mm", "input", "patient had a melanoma before"),
    _boolean("family_hx_mm", "input", "first-degree relative had a melanoma"),
    _category("diagnosis_1", "label", "diagnosis, first level",
              "Benign", "Indeterminate", "Malignant"),
    _category("diagnosis_2", "label", "diagnosis, second level"),
    _category("diagnosis_3", "label", "diagnosis, third level"),
    _category("diagnosis_4", "label", "diagnosis, fourth level"),
    _category("diagnosis_5", "label", "diagnosis, fifth level"),
    _category("dx", "label", "HAM10000's own class",
              "akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"),
    _category("label", "label", "class as the user's own table or folders name it"),
    _category("target", "label", "class to be predicted"),
    _boolean("melanocytic", "consequence", "set from the diagnosis"),
    _category("diagnosis_confirm_type", "consequence", "how the diagnosis was made"),
    _boolean("concomitant_biopsy", "consequence", "biopsied at this visit"),
    _category("mel_mitotic_index", "consequence", "mitoses per square mm"),
    _number("mel_thick_mm", "consequence", "Breslow thickness in mm", 0),
    _boolean("mel_ulcer", "consequence", "melanoma is ulcerated"),
    _text("attribution", "provenance", "who must be named"),
    _category("copyright_license", "provenance", "licence of the image"),
    _category("source", "provenance", "collection or institution"),
    _number("acquisition_day", "provenance", "days since the patient's first image"),
    _category("image_manipulation", "provenance", "edited after capture"),
    _boolean("marker_pen", "provenance", "pen marks in the image"),
    _boolean("hairy", "provenance", "hair in the image"),
    _boolean("blurry", "provenance", "image is out of focus"),
    _category("color_tint", "provenance", "colour cast", "blue", "pink", "none"),
    _number("pixels_x", "provenance", "width of the original in pixels", 1),
    _number("pixels_y", "provenance", "height of the original in pixels", 1),
    _number("file_bytes", "provenance", "size of the file that was read, in bytes", 0),
)

COLUMNS: dict[str, Column] = {column.name: column for column in _COLUMNS}
"""Every known column by name."""

OTHER_NAMES: dict[str, Role] = {
    "benign_malignant": "label", "diagnosis": "label", "mel_class": "label", "mel_type": "label",
    "nevus_type": "label", "biopsed": "consequence", "dx_type": "consequence",
    "histology": "consequence",
}
"""Columns of other tools' tables that give the diagnosis away, with their roles."""

STUDY_INPUTS = ("age_approx", "sex", "clin_size_long_diam_mm")
"""The three columns of the original study."""

WIDE_INPUTS = (
    "age_approx", "sex", "anatom_site_1", "anatom_site_special", "clin_size_long_diam_mm",
    "image_type", "dermoscopic_type", "fitzpatrick_skin_type",
    "personal_hx_mm", "family_hx_mm",
)
"""Everything a clinician knows before looking at the lesion."""

RESEARCH_USE = (
    "Research use only. Not a medical device; "
    "not for diagnosis or for any decision about a patient."
)
"""The notice that stands wherever a prediction is shown."""
