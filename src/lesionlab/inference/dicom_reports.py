"""Predictions of DICOM images as structured reports, to be filed with the images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pandas as pd

import lesionlab
from lesionlab.core import artifacts
from lesionlab.core.errors import DecodeError
from lesionlab.core.terms import RESEARCH_USE
from lesionlab.imaging.decoding import DEFAULT_LIMITS
from lesionlab.imaging.dicom_extra import require_dicom
from lesionlab.inference.bundle import ModelBundle
from lesionlab.inference.given_images import GivenImage
from lesionlab.inference.predicting import PredictedImages

with require_dicom():
    from highdicom import sr
    from pydicom import FileDataset
    from pydicom.sr.codedict import codes
    from pydicom.uid import UID, generate_uid

    from lesionlab.imaging.dicom_header import explain_damage, read_elements

_ELEMENTS = (
    "SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID",
    "SeriesInstanceUID", "StudyID", "StudyDate", "StudyTime", "AccessionNumber",
    "ReferringPhysicianName", "PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate",
    "PatientSex", "NumberOfFrames", "Rows", "Columns")
"""What a report takes over from its image, or refers to it by."""
_SCHEME = "99LESIONLAB"
"""Where our own codes are from; "99" begins a private scheme (PS3.16, 8)."""
_MOST_MEANING = 64
"""Characters of a code's meaning."""


@dataclass(frozen=True, kw_only=True)
class WrittenReports:
    """What became of the DICOM files among the images."""

    num_written: int
    problems: tuple[str, ...]
    """Why a file has no report, each by the file's pseudonym."""


def write_reports(bundle: ModelBundle, result: PredictedImages, folder: Path) -> WrittenReports:
    """Write a report per DICOM file into `folder`, named by the file's pseudonym.

    A report names the patient, as it has to be filed with the image; nothing else here does.
    """
    rows = [k for k, image in enumerate(result.images) if image.is_dicom]
    files = pd.Series(rows, dtype=int).groupby([str(result.images[k].address.path) for k in rows])
    problems, num_written = [], 0
    for _, group in files:
        images = [result.images[k] for k in group]
        name = _name_file(images[0])
        table = result.table.iloc[[*group]]
        try:
            data = _make_report(bundle, images, table)
        except DecodeError as error:
            problems.append(f"{name}: {error}")
        else:
            artifacts.write_bytes(folder / f"{name}.dcm", data)
            num_written += 1
    return WrittenReports(num_written=num_written, problems=tuple(problems))


def _name_file(image: GivenImage) -> str:
    """The pseudonym of the file of a frame."""
    member = image.address.member
    return image.isic_id.removesuffix(f"_{int(member):04d}") if member else image.isic_id


def _make_report(
    bundle: ModelBundle, images: Sequence[GivenImage], table: pd.DataFrame
) -> bytes:
    """The report of one file, its frames those of `images`, row by row of `table`.

    Raises:
        DecodeError: the file cannot be read, or no report can refer to it.
    """
    good = [k for k, error in enumerate(table["error"]) if pd.isna(error)]
    if not good:
        raise DecodeError("unreadable", "the image has an error, so there is no report")
    try:
        with images[0].address.path.open("rb") as file:
            source = read_elements(file, _ELEMENTS, max_bytes=DEFAULT_LIMITS.max_bytes)
    except OSError as error:
        raise DecodeError("unreadable", "the file is gone") from error
    with explain_damage():
        missing = [name for name in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
                   if not source.get(name)]
        if missing:
            raise DecodeError("unsupported", "no report can refer to an image without "
                              + ", ".join(missing))
        for name in _ELEMENTS:
            if name not in source and name not in ("NumberOfFrames", "IssuerOfPatientID"):
                setattr(source, name, None)
        groups = [_measure(bundle, source, images[k], table.iloc[k]) for k in good]
        return _compose(bundle, source, groups)


def _measure(
    bundle: ModelBundle, source: FileDataset, image: GivenImage, row: pd.Series
) -> sr.MeasurementsAndQualitativeEvaluations:
    """What the model says of one frame."""
    frame = [image.address.frame + 1] if image.address.member else None
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=generate_uid(), identifier="prediction"),
        finding_type=codes.SCT.SkinLesion,
        algorithm_id=sr.AlgorithmIdentification(
            name="lesionlab", version=lesionlab.__version__, parameters=_list_parameters(bundle)),
        measurements=[
            sr.Measurement(name=_code(f"probability {name}", f"Probability of {name}"),
                           value=round(float(row[f"p_{name}"]), 6), unit=codes.UCUM.NoUnits)
            for name in bundle.classes],
        qualitative_evaluations=[sr.QualitativeEvaluation(
            name=_code("predicted class", "Predicted class"),
            value=_code(row["predicted"], row["predicted"]))],
        source_images=[sr.SourceImageForMeasurementGroup(
            referenced_sop_class_uid=source.SOPClassUID,
            referenced_sop_instance_uid=source.SOPInstanceUID,
            referenced_frame_numbers=frame)])


def _list_parameters(bundle: ModelBundle) -> list[str]:
    """What tells the model from others."""
    return [f"recipe {bundle.manifest['recipe']['name']}", f"bundle sha256 {bundle.digest}"]


def _compose(
    bundle: ModelBundle, source: FileDataset,
    groups: Sequence[sr.MeasurementsAndQualitativeEvaluations],
) -> bytes:
    """The bytes of a Comprehensive SR that follows template 1500."""
    device = sr.ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(
            uid=UID(f"2.25.{int(bundle.digest[:32], 16)}"), name="lesionlab",
            manufacturer_name="lesionlab", model_name=bundle.manifest["recipe"]["name"],
            serial_number=bundle.digest))
    content = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=device),
        procedure_reported=_code("image classification", "Classification of a skin lesion"),
        imaging_measurements=groups)
    content[0].ContentSequence.append(sr.TextContentItem(
        name=codes.DCM.Comment, value=RESEARCH_USE,
        relationship_type=sr.RelationshipTypeValues.CONTAINS))
    report = sr.ComprehensiveSR(
        evidence=[source], content=content[0], series_instance_uid=generate_uid(),
        series_number=1, sop_instance_uid=generate_uid(), instance_number=1,
        manufacturer="lesionlab", manufacturer_model_name="lesionlab",
        software_versions=lesionlab.__version__, device_serial_number=bundle.digest[:64],
        series_description="Research use only: prediction", content_qualification="RESEARCH",
        specific_character_set="ISO_IR 192")
    buffer = BytesIO()
    report.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _code(value: str, meaning: str) -> sr.CodedConcept:
    return sr.CodedConcept(value, _SCHEME, meaning[:_MOST_MEANING])
