"""DICOM from prepare to the report: rows a frame, metadata of headers, and nobody named."""

import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import highdicom
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pydicom import DataElement, dcmread
from pydicom.uid import JPEGBaseline8Bit

import lesionlab
from conftest import TrainSmall
from dicom_files import ROOT, draw_frame, make_dataset, make_file, save, write
from lesionlab.cli.main import main
from lesionlab.core.errors import SourceError
from lesionlab.core.terms import RESEARCH_USE
from lesionlab.imaging.jpeg import encode_jpeg
from lesionlab.inference.bundle import ModelBundle
from lesionlab.inference.dicom_reports import write_reports
from lesionlab.inference.predicting import PredictedImages, predict
from lesionlab.sources.pseudonyms import Pseudonyms

SECRETS = ("Qvist", "Wilma", "MRN-77", "19800615", "Elm Street", ROOT)
"""The patient's name, number, birth and address, and the UIDs that lead to them."""
NAMES = Pseudonyms(key=b"k" * 64)
STUDY = {"StudyInstanceUID": f"{ROOT}.100", "SeriesInstanceUID": f"{ROOT}.101",
         "StudyDate": "20240102", "StudyTime": "101112", "AccessionNumber": "MRN-77-A",
         "ReferringPhysicianName": "Qvist^Wilma"}
PERSON = {"PatientName": "Qvist^Wilma", "PatientID": "MRN-77", "PatientBirthDate": "19800615",
          "PatientSex": "F"} | STUDY


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "secret.key"
    path.write_bytes(NAMES.key)
    path.chmod(0o600)
    return path


@pytest.fixture
def linear(train_small: TrainSmall) -> ModelBundle:
    """A model of metadata alone."""
    return ModelBundle.load(train_small("metadata_linear"))


@pytest.fixture
def fusion(train_small: TrainSmall) -> ModelBundle:
    """A model of image and metadata."""
    return ModelBundle.load(train_small("fusion_frozen"))


def image_id(number: int, frame: int | None = None) -> str:
    return NAMES.name_image(*(f"{ROOT}.{number}",) if frame is None
                            else (f"{ROOT}.{number}#{frame}", str(frame)))


def name_everywhere(data: bytes) -> bytes:
    """The file with the patient's name in every text element that a header may have."""
    dataset = dcmread(BytesIO(data))
    dataset.TrackingUID = f"{ROOT}.55.{dataset.SOPInstanceUID}"
    for keyword in ("OtherPatientNames", "PatientAddress", "PatientComments", "InstitutionName",
                    "StationName", "StudyDescription", "SeriesDescription", "ProtocolName",
                    "OperatorsName", "PerformingPhysicianName", "ImageComments", "Manufacturer",
                    "DeviceSerialNumber", "StudyID", "AdmittingDiagnosesDescription"):
        setattr(dataset, keyword, "Qvist Elm Street")
    for keyword in ("BodyPartExamined", "ContactMethod", "LightSourcePolarization",
                    "ImmersionMedia"):
        setattr(dataset, keyword, "QVIST")
    block = dataset.private_block(0x0011, "Wilma Qvist", create=True)
    block.add_new(1, "LO", "Wilma Qvist")
    return write(dataset, dataset.file_meta.TransferSyntaxUID)


def make_clinic(folder: Path, num_patients: int = 24) -> Path:
    """A named file of two frames for each of some patients, and a table with their names."""
    rows = []
    for number in range(1, num_patients + 1):
        person = PERSON | {"PatientID": f"MRN-77-{number}", "PatientName": f"Qvist^Wilma {number}"}
        data = make_file([draw_frame(10 * number + k) for k in range(2)], uid=f"{ROOT}.{number}",
                         syntax=JPEGBaseline8Bit, photometric="YBR_FULL_422", **person)
        name = f"Wilma Qvist/Qvist_Wilma_{number}.dcm"
        save(folder / name, name_everywhere(data))
        rows.append({"file": name, "diagnosis_1": ("Benign", "Malignant")[number % 2],
                     "surname": f"Qvist {number}", "lesion_id": f"Wilma's {number}"})
    rows.append({"file": "Qvist_Wilma_gone.dcm", "diagnosis_1": "Benign", "surname": "Qvist"})
    save(folder / "Qvist_cut.dcm", name_everywhere(make_file([draw_frame(1)], **PERSON))[:900])
    save(folder / "Wilma_wrong.dcm", name_everywhere(make_file(
        [draw_frame(1)], uid=f"{ROOT}.999", **PERSON)).replace(b"RGB ", b"QVIS"))
    rows.append({"file": "Wilma_wrong.dcm", "diagnosis_1": "Benign"})
    pd.DataFrame(rows).to_csv(folder / "Qvist.csv", index=False)
    return folder


def read_everything(folder: Path) -> str:
    """All bytes of all files as Latin text, tables also as they read when unpacked."""
    parts = [str(path.relative_to(folder)) for path in sorted(folder.rglob("*"))]
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        parts.append(path.read_bytes().decode("latin-1"))
        if path.suffix == ".parquet":
            parts.append(pd.read_parquet(path).to_csv())
        if path.suffix == ".arrow":
            with pa.memory_map(str(path)) as source:
                table = pa.ipc.open_file(source).read_all()
            parts += [value.decode("latin-1") for value in table["image"].to_pylist()]
            parts.append(table.drop_columns(["image", "thumbnail"]).to_pandas().to_csv())
    return "\n".join(parts)


@pytest.fixture
def run_cli(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    def run(*arguments: object) -> tuple[object, str]:
        monkeypatch.setattr(sys, "argv", ["lesionlab", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capfd.readouterr()
        return stop.value.code, captured.out + captured.err

    return run


def assert_names_nobody(text: str, path: Path) -> None:
    # Folders that the user names in the command stand in what it says of them.
    plain = text.replace(str(path), "")
    assert [secret for secret in SECRETS if secret.lower() in plain.lower()] == []


@pytest.mark.slow
def test_nobody_is_named_from_prepare_to_the_report(
    tmp_path: Path, key: Path, run_cli: Callable, fusion: ModelBundle
):
    source, data, table = make_clinic(tmp_path / "Qvist"), tmp_path / "data", tmp_path / "p.csv"
    inputs, report, tested = tmp_path / "inputs.csv", tmp_path / "report", tmp_path / "tested.csv"
    write_inputs(inputs)

    def run(exit_code: int, *arguments: object) -> None:
        code, said = run_cli(*arguments)
        assert code == exit_code, said
        assert_names_nobody(said, source)

    run(0, "prepare", source, "--out", data, "--pseudonym-key", key, "--size", 64, "--workers", 1)
    run(0, "audit", data)
    run(1, "predict", fusion.folder, source, "--pseudonym-key", key, "--out", table, "--metadata",
        inputs)
    prepared = lesionlab.PreparedData.load(data)
    # The same key gave the images their names here and there, so that the two can be joined.
    rows = pd.read_csv(table)
    rows[rows["isic_id"].isin(prepared.rows("test").index)].to_csv(tested, index=False)
    run(0, "evaluate", tested, "--data", data, "--out", report)
    for folder in (data, report):
        text = read_everything(folder)
        assert len(text) > 10_000
        assert_names_nobody(text, source)
    assert_names_nobody(table.read_text(), source)
    assert prepared.manifest["counts"]["num_images"] == 48
    assert prepared.manifest["counts"]["num_patients"] == 24
    assert prepared.manifest["duplicates"] == []  # the frames of a file are not copies
    assert sorted(row["reason"] for row in prepared.manifest["dropped"]) == [
        "no_image_file", "not_an_image", "unsupported"]
    assert NAMES.key.decode() not in read_everything(data)


def write_inputs(path: Path) -> Path:
    """A table that calls images by a UID, by a pseudonym and by a name that no file has."""
    pd.DataFrame({"isic_id": [f"{ROOT}.1", image_id(2, 1), "Wilma Qvist"],
                  "age_approx": [30, 70, 20]}).to_csv(path, index=False)
    return path


def predict_two(bundle: ModelBundle, folder: Path, key: Path, **more: object) -> PredictedImages:
    save(folder / "b.dcm", make_file([draw_frame(3, 64, 64)] * 2, uid=f"{ROOT}.2",
                                     **PERSON | {"PatientAge": "061Y"}))
    save(folder / "a", make_file([draw_frame(4, 64, 64)], uid=f"{ROOT}.1",
                                 **PERSON | {"PatientAge": "017Y", "PatientSex": "M"}))
    return predict(bundle, [folder], pseudonym_key=key, **more)


def test_each_frame_is_a_row_under_a_pseudonym(fusion: ModelBundle, tmp_path: Path, key: Path):
    result = predict_two(fusion, tmp_path / "scans", key)
    ids = [image_id(1), image_id(2, 0), image_id(2, 1)]
    assert result.table["isic_id"].tolist() == ids
    assert result.table["file"].tolist() == [f"{name}.dcm" for name in ids]
    assert result.num_errors == 0
    p = result.table[[f"p_{name}" for name in fusion.classes]].to_numpy()
    np.testing.assert_allclose(p[1], p[2], atol=1e-6)
    assert abs(p[0] - p[1]).max() > 1e-4


def test_the_header_gives_what_no_table_gives(linear: ModelBundle, tmp_path: Path, key: Path):
    table = tmp_path / "inputs.csv"
    rows = {"age_approx": [17, 61, 61], "sex": ["male", "female", "female"],
            "image_type": "dermoscopic"}
    for name in ("one", "two", "three"):
        save(tmp_path / "photos" / f"{name}.jpg", encode_jpeg(draw_frame(0)))
    pd.DataFrame({"isic_id": ["one", "two", "three"], **rows,
                  "age_approx": [15, 60, 60]}).to_csv(table, index=False)
    photos = [tmp_path / "photos" / f"{name}.jpg" for name in ("one", "two", "three")]
    expected = predict(linear, photos, metadata=table)
    found = predict_two(linear, tmp_path / "scans", key)
    columns = [f"p_{name}" for name in linear.classes]
    np.testing.assert_allclose(found.table[columns], expected.table[columns], atol=1e-6)
    assert found.table["missing_metadata"].tolist() == expected.table["missing_metadata"].tolist()


def test_a_table_leads_and_may_call_files_by_uid_name_or_pseudonym(
    linear: ModelBundle, tmp_path: Path, key: Path
):
    without = predict_two(linear, tmp_path / "scans", key).table
    columns = [f"p_{name}" for name in linear.classes]
    for names in ([f"{ROOT}.1", f"{ROOT}.2"], ["a", "b.dcm"], [image_id(1), image_id(2, 0)]):
        table = tmp_path / "inputs.csv"
        pd.DataFrame({"isic_id": names, "age_approx": [85, 85]}).to_csv(table, index=False)
        result = predict_two(linear, tmp_path / "scans", key, metadata=table)
        changed = (abs(result.table[columns] - without[columns]) > 1e-6).any(axis="columns")
        # A pseudonym is one frame's, the other names are the file's.
        assert changed.tolist() == [True, True, names[1] != image_id(2, 0)]
        assert not [text for text in result.notes if "match no image" in text]


def test_rows_that_match_nothing_are_counted_without_their_names(
    linear: ModelBundle, tmp_path: Path, key: Path
):
    result = predict_two(linear, tmp_path / "scans", key,
                         metadata=write_inputs(tmp_path / "inputs.csv"))
    assert "1 rows of the metadata table match no image" in result.notes


@pytest.mark.parametrize(("text", "problem"), [
    ("isic_id,sex\nWilma Qvist,female,1\n",
     ("cannot be read as a table: a line that is not shown; correct it, or save it anew as CSV in "
      "UTF-8")),
    ("isic_id,sex\nWilma Qvist,female\nWilma Qvist,male\n",
     "1 ids stand in more than one row; keep one row an id")])
def test_an_error_in_a_table_of_dicom_files_quotes_nothing(
    text: str, problem: str, linear: ModelBundle, tmp_path: Path, key: Path
):
    (tmp_path / "inputs.csv").write_text(text)
    with pytest.raises(SourceError) as caught:
        predict_two(linear, tmp_path / "scans", key, metadata=tmp_path / "inputs.csv")
    assert str(caught.value) == f"{tmp_path / 'inputs.csv'}: {problem}"
    assert caught.value.__cause__ is None


def test_values_that_are_refused_are_counted_and_not_quoted(
    linear: ModelBundle, tmp_path: Path, key: Path
):
    pd.DataFrame({"isic_id": [f"{ROOT}.1"], "sex": ["Wilma"]}).to_csv(
        tmp_path / "inputs.csv", index=False)
    result = predict_two(linear, tmp_path / "scans", key, metadata=tmp_path / "inputs.csv")
    assert "1 values of sex set to missing or clamped (literal_error)" in result.notes


def test_a_bad_dicom_file_is_a_row_with_an_error(fusion: ModelBundle, tmp_path: Path, key: Path):
    save(tmp_path / "scans" / "Qvist.dcm", make_file([draw_frame(1)], **PERSON)[:-2000])
    save(tmp_path / "scans" / "Wilma.dcm", write(make_dataset()))
    save(tmp_path / "scans" / "photo.jpg", encode_jpeg(draw_frame(1, 64, 64)))
    result = predict(fusion, [tmp_path / "scans"], pseudonym_key=key)
    assert result.table["error"].tolist()[:2] == [
        ("truncated: frame 0 of the DICOM file ends before its picture does; copy or export the "
         "file again"),
        ("not_an_image: the DICOM file holds no picture, as reports and indexes do not; leave it "
         "out")]
    assert result.table["isic_id"].tolist()[2] == "photo"
    assert result.table["error"].isna().tolist() == [False, False, True]


def test_a_report_holds_probabilities_model_notice_and_source(
    fusion: ModelBundle, tmp_path: Path, key: Path
):
    result = predict_two(fusion, tmp_path / "scans", key)
    done = write_reports(fusion, result, tmp_path / "reports")
    assert (done.num_written, done.problems) == (2, ())
    names = [image_id(1), image_id(2)]
    assert sorted(path.name for path in (tmp_path / "reports").iterdir()) == sorted(
        f"{name}.dcm" for name in names)
    for number, name, num_frames in ((1, names[0], 1), (2, names[1], 2)):
        path = tmp_path / "reports" / f"{name}.dcm"
        header = dcmread(path)
        assert header.SOPClassUID.name == "Comprehensive SR Storage"
        assert (header.PatientName, header.PatientID) == ("Qvist^Wilma", "MRN-77")
        assert header.StudyInstanceUID == STUDY["StudyInstanceUID"]
        assert header.SeriesInstanceUID != STUDY["SeriesInstanceUID"]
        assert header.ContentTemplateSequence[0].TemplateIdentifier == "1500"
        assert (header.ContentQualification, header.VerificationFlag, header.PreliminaryFlag) == (
            "RESEARCH", "UNVERIFIED", "PRELIMINARY")
        text = path.read_bytes().decode("latin-1")
        assert all(part in text for part in (RESEARCH_USE, fusion.digest, "fusion_frozen",
                                             lesionlab.__version__))
        groups = highdicom.sr.srread(path).content.get_image_measurement_groups()
        assert len(groups) == num_frames
        rows = result.table[result.table["isic_id"].str.startswith(name)]
        for frame, (group, (_, row)) in enumerate(zip(groups, rows.iterrows(), strict=True), 1):
            measured = {item.name.meaning: item.value for item in group.get_measurements()}
            assert measured == {f"Probability of {kind}": pytest.approx(row[f"p_{kind}"], abs=1e-6)
                                for kind in fusion.classes}
            (decided,) = group.get_qualitative_evaluations()
            assert decided.value.meaning == row["predicted"]
            (source,) = group.source_images
            assert source.referenced_sop_instance_uid == f"{ROOT}.{number}"
            assert source.referenced_frame_numbers == ([frame] if num_frames > 1 else None)


def test_files_that_no_report_can_be_made_of_are_told(
    linear: ModelBundle, tmp_path: Path, key: Path
):
    save(tmp_path / "scans" / "Qvist.dcm", make_file([draw_frame(1)], uid=f"{ROOT}.7"))
    save(tmp_path / "scans" / "photo.jpg", encode_jpeg(draw_frame(1)))
    result = predict(linear, [tmp_path / "scans"], pseudonym_key=key)
    done = write_reports(linear, result, tmp_path / "reports")
    assert done.num_written == 0
    (problem,) = done.problems
    assert problem == (f"{image_id(7)}: no report can refer to an image without StudyInstanceUID, "
                       "SeriesInstanceUID")


def test_a_name_in_another_script_is_filed_as_it_is(
    linear: ModelBundle, tmp_path: Path, key: Path
):
    person = PERSON | {"SpecificCharacterSet": "ISO_IR 144", "PatientName": "Иванов^Иван"}
    save(tmp_path / "scan.dcm", make_file([draw_frame(1)], uid=f"{ROOT}.8", **person))
    result = predict(linear, [tmp_path / "scan.dcm"], pseudonym_key=key)
    write_reports(linear, result, tmp_path / "reports")
    assert dcmread(tmp_path / "reports" / f"{image_id(8)}.dcm").PatientName == "Иванов^Иван"


def test_the_command_writes_reports_and_says_whom_they_name(
    tmp_path: Path, key: Path, run_cli: Callable, linear: ModelBundle
):
    save(tmp_path / "Qvist.dcm", make_file([draw_frame(1)], uid=f"{ROOT}.1", **PERSON))
    save(tmp_path / "Wilma.dcm", make_file([draw_frame(1)], uid=f"{ROOT}.2"))
    reports = tmp_path / "reports"
    code, said = run_cli("predict", linear.folder, tmp_path / "Qvist.dcm", "--pseudonym-key", key,
                         "--dicom-report", reports)
    assert code == 0
    assert f"wrote 1 DICOM reports to {reports}; they name the patient, as the images do\n" in said
    code, said = run_cli("predict", linear.folder, tmp_path / "Wilma.dcm", "--pseudonym-key", key,
                         "--dicom-report", reports)
    assert code == 1
    assert f"note: no report of {image_id(2)}: no report can refer to an image without" in said


def test_a_value_of_the_header_that_is_no_value_costs_nothing(
    linear: ModelBundle, tmp_path: Path, key: Path
):
    dataset = dcmread(BytesIO(make_file([draw_frame(1)], uid=f"{ROOT}.1", **PERSON)))
    for tag in (0x00101010, 0x00161005, 0x00280008):
        dataset[tag] = DataElement(tag, "LO", "Qvist")
    save(tmp_path / "scan.dcm", write(dataset))
    result = predict(linear, [tmp_path / "scan.dcm"], pseudonym_key=key)
    assert len(result.table) == 1 and result.num_errors == 0
    assert_names_nobody(result.table.to_csv() + str(result.notes), tmp_path)
