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


_ANAMNESIS = tuple(_boolean(f"pad_{name}", "input", f"PAD-UFES-20: {text}") for name, text in (
    ("itch", "the lesion itches"),
    ("grew", "the lesion has grown"),
    ("hurt", "the lesion hurts"),
    ("changed", "the lesion has changed"),
    ("bleed", "the lesion has bled"),
    ("elevation", "the lesion is raised"),
    ("smoke", "the patient smokes"),
    ("drink", "the patient drinks alcohol"),
    ("pesticide", "the patient has been exposed to pesticides"),
    ("skin_cancer_history", "skin cancer before, in the patient or the family"),
    ("cancer_history", "cancer before, in the patient or the family"),
    ("has_piped_water", "piped water at home"),
    ("has_sewage_system", "sewage system at home"),
)) + tuple(_category(f"pad_background_{parent}", "input", f"PAD-UFES-20: descent of the {parent}")
           for parent in ("father", "mother"))
"""What PAD-UFES-20 asks of the patient; its words are too common to be anyone's column."""

_TBP_INPUTS = (
    *(_number(f"tbp_lv_{name}{place}", "input", f"{meaning} {where} the lesion")
      for name, meaning in (("A", "A of CIELAB"), ("B", "B of CIELAB"), ("C", "chroma"),
                            ("H", "hue, the angle of A and B,"), ("L", "L of CIELAB"))
      for place, where in (("", "inside"), ("ext", "outside"))),
    _number("tbp_lv_areaMM2", "input", "area of the lesion in square mm", 0),
    _number("tbp_lv_area_perim_ratio", "input", "border jaggedness, from perimeter and area"),
    _number("tbp_lv_color_std_mean", "input", "colour irregularity in the lesion", 0),
    *(_number(f"tbp_lv_delta{name}", "input", f"mean contrast in {name}, inside to outside")
      for name in "ABL"),
    _number("tbp_lv_deltaLB", "input", "contrast of lesion and skin around it"),
    _number("tbp_lv_deltaLBnorm", "input", "contrast of lesion and skin around it, normalised"),
    _number("tbp_lv_eccentricity", "input", "eccentricity of the lesion", 0, 1),
    _category("tbp_lv_location", "input", "part of the body on the 3D model, fine"),
    _category("tbp_lv_location_simple", "input", "part of the body on the 3D model, coarse"),
    _number("tbp_lv_minorAxisMM", "input", "smallest diameter in mm", 0),
    _number("tbp_lv_nevi_confidence", "input", "a network's confidence in a nevus", 0, 100),
    _number("tbp_lv_norm_border", "input", "border irregularity, scale of 0 to 10"),
    _number("tbp_lv_norm_color", "input", "colour variation, scale of 0 to 10"),
    _number("tbp_lv_perimeterMM", "input", "perimeter of the lesion in mm", 0),
    _number("tbp_lv_radial_color_std_max", "input", "colour asymmetry in rings around the centre"),
    _number("tbp_lv_stdL", "input", "standard deviation of L inside the lesion", 0),
    _number("tbp_lv_stdLExt", "input", "standard deviation of L outside the lesion", 0),
    _number("tbp_lv_symm_2axis", "input", "border asymmetry about the second axis"),
    _number("tbp_lv_symm_2axis_angle", "input", "angle of the border asymmetry"),
    *(_number(f"tbp_lv_{axis}", "input", f"{axis} coordinate on the 3D model") for axis in "xyz"),
)
"""What the software of 3D total body photography measures, as SLICE-3D describes it."""

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
    _category("skin_tone_class", "input", "MILK10k: skin tone, 0 very dark to 5 very light",
              "0", "1", "2", "3", "4", "5"),
    _category("skin_tone", "input", "skin tone; DDI: Fitzpatrick I-II 12, III-IV 34, V-VI 56"),
    *_ANAMNESIS, *_TBP_INPUTS,
    _number("MONET_ulceration_crust", "input", "MONET's probability of ulceration, crust", 0, 1),
    _number("MONET_vasculature_vessels", "input", "MONET's probability of vessels", 0, 1),
    _number("MONET_erythema", "input", "MONET's probability of erythema", 0, 1),
    _number("MONET_pigmented", "input", "MONET's probability of pigment", 0, 1),
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
    _number("MONET_hair", "provenance", "MONET's probability of hair", 0, 1),
    _number("MONET_gel_water_drop_fluid_dermoscopy_liquid", "provenance",
            "MONET's probability of gel or fluid", 0, 1),
    _number("MONET_skin_markings_pen_ink_purple_pen", "provenance",
            "MONET's probability of pen marks", 0, 1),
    _number("tbp_lv_dnn_lesion_confidence", "provenance",
            "lesion confidence by the camera's software; only for training images", 0, 100),
    _category("laterality", "provenance", "side of the body", "left", "right", "both", "unpaired"),
    _category("immersion", "provenance", "what was between dermoscope and skin",
              "ultrasound gel", "alcohol", "water", "mineral oil", "plastic cap"),
    _number("magnification", "provenance", "how often the optics magnify", 0),
    _category("official_split", "provenance", "part of the publisher's own split"),
    _number("pixels_x", "provenance", "width of the original in pixels", 1),
    _number("pixels_y", "provenance", "height of the original in pixels", 1),
    _number("file_bytes", "provenance", "size of the file that was read, in bytes", 0),
)

COLUMNS: dict[str, Column] = {column.name: column for column in _COLUMNS}
"""Every known column by name."""

OTHER_NAMES: dict[str, Role] = {
    "benign_malignant": "label", "diagnosis": "label", "mel_class": "label", "mel_type": "label",
    "nevus_type": "label", "biopsed": "consequence", "dx_type": "consequence",
    "histology": "consequence", "invasion_thickness_interval": "consequence",
    "management": "consequence", **dict.fromkeys(
        ("diagnosis_full", "disease", "iddx_full", *(f"iddx_{level}" for level in range(1, 6)),
         "malignant", "nine_partition_label", "three_partition_label"), "label"),
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
