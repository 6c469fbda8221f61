"""What a DICOM header says of patient and lesion, under ISIC's column names."""

from __future__ import annotations

import re
from datetime import date, datetime

from pydicom import Dataset
from pydicom.uid import DermoscopicPhotographyImageStorage

from lesionlab.sources.dicom_sites import find_site

ELEMENTS = (
    "SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "Modality",
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "PatientAge",
    "AcquisitionDateTime", "AcquisitionDate", "ContentDate", "StudyDate", "BodyPartExamined",
    "AnatomicRegionSequence", "Laterality", "ImageLaterality", "TrackingUID",
    "LightSourcePolarization", "ContactMethod", "ImmersionMedia", "OpticalMagnificationFactor",
    "BurnedInAnnotation", "NumberOfFrames", "Rows")
"""The elements that are read."""

MOST_AGE = 85
"""ISIC's oldest age; those above it stand out, and are written as 85."""
_AGE_STEP = 5
"""ISIC gives ages in steps, so that nobody is known by one."""
_MOST_YEARS = 130
_YEARS = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}
_SEXES = {"M": "male", "F": "female"}
_SIDES = {"R": "right", "L": "left", "U": "unpaired", "B": "both"}
_DERMOSCOPIC_TYPES = {
    ("CONTACT", "POLARIZED"): "contact polarized",
    ("CONTACT", "NON_POLARIZED"): "contact non-polarized",
    ("NON_CONTACT", "POLARIZED"): "non-contact polarized"}
"""By contact method and polarization (PS3.3, C.8.12.13)."""
_MEDIA = {"ULTRASOUND_GEL": "ultrasound gel", "ALCOHOL": "alcohol", "WATER": "water",
          "MINERAL_OIL": "mineral oil", "PLASTIC_CAP": "plastic cap"}


def describe_header(dataset: Dataset) -> dict[str, str]:
    """The columns of one file as text, unknown as the empty text; ids are still in clear.

    Free text is never taken, only what is known of a closed list: it might name the patient.
    """
    site, special = find_site(_text(dataset, "BodyPartExamined"), _list_codes(dataset))
    is_dermoscopy = (dataset.get("SOPClassUID") == DermoscopicPhotographyImageStorage
                     or _text(dataset, "Modality") == "DMS")
    method = _text(dataset, "ContactMethod"), _text(dataset, "LightSourcePolarization")
    return {
        "patient_id": _find_patient(dataset),
        "lesion_id": _text(dataset, "TrackingUID"),
        "age_approx": _find_age(dataset),
        "sex": _SEXES.get(_text(dataset, "PatientSex"), ""),
        "anatom_site": site,
        "anatom_site_special": special,
        "image_type": "dermoscopic" if is_dermoscopy else "",
        "dermoscopic_type": _DERMOSCOPIC_TYPES.get(method, "") if is_dermoscopy else "",
        "laterality": _SIDES.get(_text(dataset, "ImageLaterality")
                                 or _text(dataset, "Laterality"), ""),
        "immersion": _MEDIA.get(_text(dataset, "ImmersionMedia"), ""),
        "magnification": _find_magnification(dataset),
    }


def has_unknown_site(dataset: Dataset) -> bool:
    """Whether a body site is given that has no place in ISIC's hierarchy."""
    part = _text(dataset, "BodyPartExamined")
    return (bool(part) or bool(_list_codes(dataset))) and not any(
        find_site(part, _list_codes(dataset)))


def _text(dataset: Dataset, keyword: str) -> str:
    """The first value of an element, stripped."""
    value = dataset.get(keyword)
    if isinstance(value, list | tuple) or type(value).__name__ == "MultiValue":
        value = next(iter(value), None)
    return "" if value is None else str(value).strip()


def _list_codes(dataset: Dataset) -> list[str]:
    return [_text(item, "CodeValue") for item in dataset.get("AnatomicRegionSequence") or ()]


def _find_patient(dataset: Dataset) -> str:
    """What tells the patient from others; where nothing does, the study, else the file itself.

    Images of one study, and frames of one file, are then still kept together.
    """
    if number := _text(dataset, "PatientID"):
        return number
    name, birth = _text(dataset, "PatientName"), _text(dataset, "PatientBirthDate")
    if name and birth:
        return f"{name.upper()}/{birth}"
    return _text(dataset, "StudyInstanceUID") or _text(dataset, "SOPInstanceUID")


def _find_age(dataset: Dataset) -> str:
    years = _read_age(_text(dataset, "PatientAge"))
    if years is None:
        birth = _read_date(_text(dataset, "PatientBirthDate"))
        taken = next((day for keyword in ("AcquisitionDateTime", "AcquisitionDate", "ContentDate",
                                          "StudyDate")
                      if (day := _read_date(_text(dataset, keyword)))), None)
        years = (taken - birth).days / 365.25 if birth and taken else None
    if years is None or not 0 <= years <= _MOST_YEARS:
        return ""
    # "85+" is the schema's own word for it; the true age goes nowhere.
    return f"{MOST_AGE}+" if years > MOST_AGE else str(_AGE_STEP * round(years / _AGE_STEP))


def _read_age(text: str) -> float | None:
    """Years of an age string: three digits and D, W, M or Y."""
    found = re.fullmatch(r"(\d{1,3})([DWMY])", text)
    return int(found[1]) * _YEARS[found[2]] if found else None


def _read_date(text: str) -> date | None:
    """The day of a date or a date with time."""
    try:
        return datetime.strptime(text[:8], "%Y%m%d").date()
    except ValueError:
        return None


def _find_magnification(dataset: Dataset) -> str:
    try:
        factor = float(_text(dataset, "OpticalMagnificationFactor"))
    except ValueError:
        return ""
    return f"{factor:g}" if 0 < factor < 1000 else ""
