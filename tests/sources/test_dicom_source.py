"""A folder of DICOM files: what headers and tables say of each frame, and of nobody by name."""

import logging
import warnings
from pathlib import Path

import pandas as pd
import pytest
from isic_metadata.anatom_site_hierarchical import AnatomSiteEnum
from isic_metadata.fields import AnatomSiteSpecialEnum
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import JPEGBaseline8Bit, SecondaryCaptureImageStorage, VLPhotographicImageStorage

from dicom_files import ROOT, draw_frame, make_dataset, make_file, save, write
from lesionlab.core.cohort import Cohort
from lesionlab.core.errors import SourceError
from lesionlab.imaging.jpeg import encode_jpeg
from lesionlab.sources import dicom_sites
from lesionlab.sources.dicom_metadata import describe_header
from lesionlab.sources.dicom_sites import find_site
from lesionlab.sources.pseudonyms import Pseudonyms
from lesionlab.sources.reading import SourceRead, TableColumns, read_sources
from lesionlab.targets import MALIGNANCY, assign_target

KEY = "k" * 64
NAMES = Pseudonyms(key=KEY.encode())
FRAMES = [draw_frame(0), draw_frame(1)]


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "secret.key"
    path.write_text(KEY)
    path.chmod(0o600)
    return path


def image_id(number: int, frame: int | None = None) -> str:
    name = NAMES.name("image", f"{ROOT}.{number}")
    return name if frame is None else f"{name}_{frame:04d}"


def add(folder: Path, name: str, number: int, num_frames: int = 1, **elements: object) -> Path:
    frames = [draw_frame(10 * number + k) for k in range(num_frames)]
    return save(folder / name, make_file(frames, uid=f"{ROOT}.{number}", **elements))


def read_one(tmp_path: Path, key: Path, **elements: object) -> pd.Series:
    """The cohort's row of one file with a label."""
    add(tmp_path / "one", "a.dcm", 1, **elements)
    pd.DataFrame({"file": ["a.dcm"], "diagnosis_1": ["Benign"]}).to_csv(
        tmp_path / "one" / "labels.csv", index=False)
    read = read_sources([tmp_path / "one"], pseudonym_key=key)
    return read.cohort.frame.iloc[0]


def test_the_header_gives_patient_age_sex_site_and_optics(tmp_path: Path, key: Path):
    row = read_one(tmp_path, key, PatientID=" MRN7 ", PatientAge="047Y", PatientSex="F",
                   BodyPartExamined="UPPER EXTREMITY", LightSourcePolarization="POLARIZED",
                   ContactMethod="CONTACT", ImmersionMedia=["MINERAL_OIL", "WATER"],
                   OpticalMagnificationFactor="10.0", ImageLaterality="L",
                   TrackingUID=f"{ROOT}.9.9")
    assert row.name == image_id(1)
    assert row.drop(["locator", "source"]).to_dict() == {
        "patient_id": NAMES.name("patient", "MRN7"),
        "lesion_id": NAMES.name("lesion", f"{ROOT}.9.9"), "age_approx": 45.0, "sex": "female",
        "anatom_site_1": "Upper extremity", "image_type": "dermoscopic",
        "dermoscopic_type": "contact polarized", "diagnosis_1": "Benign", "laterality": "left",
        "immersion": "mineral oil", "magnification": 10.0}
    assert (row["locator"], row["source"]) == (f"dicom/{image_id(1)}", "dicom")


def describe(**elements: object) -> dict[str, str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's, of values that break its rules
        return {name: text for name, text in describe_header(make_dataset(**elements)).items()
                if text}


@pytest.mark.parametrize(("elements", "age"), [
    ({"PatientAge": "004M"}, "0"), ({"PatientAge": "048Y"}, "50"), ({"PatientAge": "085Y"}, "85"),
    ({"PatientAge": "086Y"}, "85+"), ({"PatientAge": "old"}, ""), ({"PatientAge": "200Y"}, ""),
    ({"PatientBirthDate": "19800615", "StudyDate": "20200101"}, "40"),
    ({"PatientBirthDate": "19800615", "AcquisitionDateTime": "20300101101500+0100",
      "StudyDate": "20200101"}, "50"),
    ({"PatientBirthDate": "20300615", "StudyDate": "20200101"}, ""),
    ({"PatientBirthDate": "19800615"}, ""), ({"PatientBirthDate": "1980", "StudyDate": "2"}, ""),
])
def test_the_age_is_stated_or_reckoned_in_steps_up_to_85(elements: dict[str, str], age: str):
    assert describe(**elements).get("age_approx", "") == age


@pytest.mark.parametrize(("elements", "kind", "method"), [
    ({}, "dermoscopic", ""),
    ({"SOPClassUID": SecondaryCaptureImageStorage}, "dermoscopic", ""),
    ({"SOPClassUID": VLPhotographicImageStorage, "Modality": "XC"}, "", ""),
    ({"SOPClassUID": VLPhotographicImageStorage, "Modality": "XC", "ContactMethod": "CONTACT",
      "LightSourcePolarization": "POLARIZED"}, "", ""),
    ({"ContactMethod": "NON_CONTACT", "LightSourcePolarization": "POLARIZED"}, "dermoscopic",
     "non-contact polarized"),
    ({"ContactMethod": "CONTACT", "LightSourcePolarization": "NON_POLARIZED"}, "dermoscopic",
     "contact non-polarized"),
    ({"ContactMethod": "NON_CONTACT", "LightSourcePolarization": "NON_POLARIZED"}, "dermoscopic",
     ""),
])
def test_only_dermoscopy_says_so_and_how(elements: dict[str, str], kind: str, method: str):
    found = describe(**elements)
    assert found.get("image_type", "") == kind
    assert found.get("dermoscopic_type", "") == method


@pytest.mark.parametrize(("elements", "patient"), [
    ({"PatientID": "7", "PatientName": "DOE", "StudyInstanceUID": "1.2"}, "7"),
    ({"PatientID": "", "PatientName": "Doe", "PatientBirthDate": "19800101"}, "DOE/19800101"),
    ({"PatientName": "DOE", "StudyInstanceUID": "1.2"}, "1.2"),
    ({}, f"{ROOT}.1")])
def test_images_of_one_patient_study_or_file_are_kept_together(
    elements: dict[str, str], patient: str
):
    assert describe(**elements)["patient_id"] == patient


def test_every_site_is_a_term_of_the_schema():
    sites = {term.value for term in AnatomSiteEnum}
    special = {term.value for term in AnatomSiteSpecialEnum}
    found = [*dicom_sites._sites_by_code().values(),
             *(find_site(part, []) for part in dicom_sites.BODY_PARTS)]
    assert {site for site, _ in found} <= sites
    assert {name for _, name in found} <= special | {""}


def test_every_term_for_dermatology_but_skin_has_a_site():
    known = dicom_sites._sites_by_code()
    terms = {name: getattr(codes.cid4029, name).value for name in codes.cid4029.dir()}
    assert [name for name, code in terms.items() if code not in known] == ["Skin"]


@pytest.mark.parametrize(("part", "code", "site"), [
    ("HAND", "", ("Upper extremity:Hand", "acral NOS")),
    ("", codes.cid4029.NailUnitOfThumb.value,
     ("Upper extremity:Hand:Fingers and thumb:Thumb", "fingernail")),
    ("FOOT", codes.cid4029.SkinOfHeel.value,
     ("Lower extremity:Foot:Sole of foot:Heel", "acral palms or soles")),
    ("PALMS/SOLES", "", ("", "acral palms or soles")),
    ("head/neck", "unknown", ("Head and neck", "")),
    ("", codes.SCT.Back.value, ("Trunk:Posterior trunk", "")),
    ("SKIN", "", ("", "")), ("", "", ("", ""))])
def test_a_code_leads_and_a_term_follows(part: str, code: str, site: tuple[str, str]):
    assert find_site(part, [code] if code else []) == site


def test_a_site_in_code_is_read_from_its_sequence(tmp_path: Path, key: Path):
    item = Dataset()
    item.CodeValue = codes.cid4029.SkinOfCheek.value
    item.CodingSchemeDesignator = "SCT"
    item.CodeMeaning = "Jane's cheek"
    row = read_one(tmp_path, key, AnatomicRegionSequence=[item])
    assert row[[f"anatom_site_{k}" for k in range(1, 5)]].tolist() == [
        "Head and neck", "Head", "Face", "Cheek"]


def clinic(folder: Path) -> Path:
    """Files by name and by content, of one frame and of three, on two levels."""
    add(folder, "DOE_JANE/a.dcm", 1, PatientID="P1", PatientAge="091Y", BodyPartExamined="JANE")
    add(folder, "DOE_JANE/IM0002", 2, 3, PatientID="P1", syntax=JPEGBaseline8Bit,
        photometric="YBR_FULL_422")
    add(folder, "1.2.840.3", 3, PatientID="P2", PatientSex="M")
    save(folder / "DICOMDIR", write(make_dataset(f"{ROOT}.4")))
    save(folder / "cut.dcm", make_file(FRAMES, uid=f"{ROOT}.5")[:150])
    save(folder / "marked.dcm", make_file(FRAMES, uid=f"{ROOT}.6", BurnedInAnnotation="YES"))
    save(folder / "notes.doc", b"no image")
    return folder


def test_files_are_found_by_name_or_content_and_each_frame_is_a_row(tmp_path: Path, key: Path):
    folder = clinic(tmp_path / "DOE_JANE")
    pd.DataFrame({"SOPInstanceUID": [f"{ROOT}.{k}" for k in (1, 2, 3)],
                  "diagnosis_1": ["Benign", "Malignant", "Benign"]}).to_csv(
        folder / "labels.csv", index=False)
    read = read_sources([folder], pseudonym_key=key)
    frame = read.cohort.frame
    assert sorted(frame.index) == sorted([image_id(1), *(image_id(2, k) for k in range(3)),
                                          image_id(3)])
    assert frame["patient_id"].map(frame["patient_id"].value_counts()).tolist().count(4) == 4
    assert [read.addresses[image_id(2, k)].frame for k in range(3)] == [0, 1, 2]
    assert frame.loc[image_id(2, 1), "diagnosis_1"] == "Malignant"
    assert sorted(read.dropped["reason"]) == ["burned_in_annotation", "not_an_image",
                                              "not_an_image"]
    assert read.adjusted.drop(columns="isic_id").to_dict("records") == [
        {"column": "age_approx", "value": "85+", "reason": "above_85"},
        {"column": "anatom_site", "value": "", "reason": "unknown_body_site"}]
    assert frame.loc[image_id(1), "age_approx"] == 85
    (info,) = read.sources
    assert (info.name, info.layout, str(info.path), info.num_rows) == ("dicom", "dicom", "dicom", 8)
    assert read.unlisted.empty and read.own_columns == ()


def everything(read: SourceRead) -> str:
    tables = [read.cohort.frame.reset_index(), read.dropped, read.adjusted, read.unlisted]
    return "".join(table.to_csv() for table in tables) + str(read.sources)


@pytest.mark.parametrize("label", ["diagnosis_1", None])
def test_no_name_number_or_uid_is_left_in_what_was_read(
    label: str | None, tmp_path: Path, key: Path
):
    folder = clinic(tmp_path / "DOE_JANE")
    rows = {"file": ["DOE_JANE/a.dcm", "IM0002", "JANE_WHO_IS_GONE"],
            "diagnosis_1": ["Benign", "Malignant", "Benign"], "surname": ["DOE"] * 3,
            "lesion_id": ["DOE mole", "", ""]}
    pd.DataFrame(rows).to_csv(folder / "labels.csv", index=False)
    text = everything(read_sources([folder], pseudonym_key=key))
    for secret in ("DOE", "JANE", "P1", "IM0002", ROOT, "a.dcm", "1.2.840"):
        assert secret not in text
    assert NAMES.name("image", "JANE_WHO_IS_GONE") in text
    assert NAMES.name("lesion", "DOE mole") in text


def test_another_key_gives_other_names_and_the_same_key_the_same(tmp_path: Path, key: Path):
    folder = clinic(tmp_path / "clinic")
    pd.DataFrame({"file": ["a"], "diagnosis_1": ["Benign"]}).to_csv(folder / "t.csv", index=False)
    other = tmp_path / "other.key"
    other.write_text("o" * 64)
    other.chmod(0o600)
    first, again, others = (read_sources([folder], pseudonym_key=path).cohort
                            for path in (key, key, other))
    assert first.digest == again.digest
    assert set(first.ids) & set(others.ids) == set()
    assert set(first.frame["patient_id"]) & set(others.frame["patient_id"]) == set()


def make_labels(folder: Path, **columns: list[str]) -> Path:
    pd.DataFrame(columns).to_csv(folder / "labels.csv", index=False)
    return folder


def two(folder: Path) -> Path:
    add(folder, "x/a.dcm", 1, PatientID="P1", PatientSex="F", PatientAge="040Y",
        BodyPartExamined="FACE")
    add(folder, "y/b.dcm", 2, PatientID="P1", PatientSex="F", PatientAge="040Y",
        BodyPartExamined="FACE")
    return folder


@pytest.mark.parametrize("names", [
    ["a", "b"], ["a.dcm", "b.dcm"], ["x/a.dcm", "y/b.dcm"], ["x\\a.dcm", ".\\y\\b.dcm"],
    [f"{ROOT}.1", f"{ROOT}.2"]])
@pytest.mark.parametrize("column", ["isic_id", "image_name", "file"])
def test_a_table_is_joined_by_file_path_or_uid(
    column: str, names: list[str], tmp_path: Path, key: Path
):
    folder = make_labels(two(tmp_path / "clinic"), **{column: names},
                         diagnosis_1=["Benign", "Malignant"])
    frame = read_sources([folder], pseudonym_key=key).cohort.frame
    assert frame["diagnosis_1"].to_dict() == {image_id(1): "Benign", image_id(2): "Malignant"}


def test_the_columns_of_a_table_can_be_named(tmp_path: Path, key: Path):
    folder = make_labels(two(tmp_path / "clinic"), nr=["1", "2"], scan=["a", "b"],
                         verdict=["mole", "odd"], who=["Jane", "Joan"], spot=["S1", ""])
    read = read_sources([folder], pseudonym_key=key, columns=TableColumns(
        id="nr", label="verdict", file="scan", patient="who", lesion="spot"))
    frame = read.cohort.frame
    assert frame["label"].to_dict() == {image_id(1): "mole", image_id(2): "odd"}
    assert frame.loc[image_id(1), ["patient_id", "lesion_id"]].tolist() == [
        NAMES.name("patient", "Jane"), NAMES.name("lesion", "S1")]


def test_columns_named_that_no_table_has_are_told(tmp_path: Path, key: Path):
    folder = make_labels(two(tmp_path / "clinic"), scan=["a", "b"])
    with pytest.raises(SourceError) as caught:
        read_sources([folder], pseudonym_key=key, columns=TableColumns(id="scan", label="verdict"))
    assert str(caught.value) == (f"{folder}: no table with the columns scan, verdict beside the "
                                 "DICOM files; name the columns of the one that is there")


def test_what_a_table_knows_leads_and_the_header_fills_its_gaps(tmp_path: Path, key: Path):
    folder = make_labels(
        two(tmp_path / "clinic"), file=["a", "b"], sex=["male", ""], age=["70", ""],
        anatom_site_general=["posterior torso", ""], copyright_license=["CC-0", ""],
        diagnosis_1=["Benign", "Benign"])
    frame = read_sources([folder], pseudonym_key=key).cohort.frame
    wanted = ["sex", "age_approx", "anatom_site_1", "anatom_site_2"]
    assert frame.loc[image_id(1), wanted].tolist() == ["male", 70, "Trunk", "Posterior trunk"]
    assert frame.loc[image_id(2), wanted].tolist() == ["female", 40, "Head and neck", "Head"]
    assert frame.loc[image_id(1), "copyright_license"] == "CC-0"


def test_columns_of_the_users_own_are_left_out_and_named(
    tmp_path: Path, key: Path, caplog: pytest.LogCaptureFixture
):
    folder = make_labels(two(tmp_path / "clinic"), file=["a", "b"], diagnosis_1=["Benign"] * 2,
                         surname=["Doe", "Roe"], ward=["7", "8"])
    with caplog.at_level(logging.INFO):
        read = read_sources([folder], pseudonym_key=key)
    assert caplog.messages == [
        ("2 columns of the table are left out, for they may name a patient: surname, ward")]
    assert not {"surname", "ward"} & set(read.cohort.table.column_names)


def test_a_table_with_shifted_columns_is_not_quoted(tmp_path: Path, key: Path):
    folder = make_labels(two(tmp_path / "clinic"), file=["a", "b"], sex=["Doe", "male"],
                         diagnosis_1=["Benign", "Jane"])
    read = read_sources([folder], pseudonym_key=key)
    assert read.dropped.drop(columns="isic_id").to_dict("records") == [
        {"source": "dicom", "reason": "invalid_diagnosis", "detail": ""}]
    assert read.adjusted.to_dict("records") == [
        {"isic_id": image_id(1), "column": "sex", "value": "", "reason": "literal_error"}]
    (folder / "labels.csv").write_text("file,diagnosis_1\na,Benign,Doe\n")
    with pytest.raises(SourceError) as caught:
        read_sources([folder], pseudonym_key=key)
    assert str(caught.value) == (f"{folder / 'labels.csv'}: cannot be read as a table: a line that "
                                 "is not shown; correct it, or save it anew as CSV in UTF-8")
    assert caught.value.__cause__ is None


def test_a_table_row_for_several_files_is_refused_without_their_names(tmp_path: Path, key: Path):
    folder = tmp_path / "clinic"
    add(folder, "x/doe.dcm", 1)
    add(folder, "y/doe.dcm", 2)
    make_labels(folder, file=["doe"], diagnosis_1=["Benign"])
    with pytest.raises(SourceError) as caught:
        read_sources([folder], pseudonym_key=key)
    assert str(caught.value) == (f"{folder}: 1 rows of the table name several DICOM files each; "
                                 "give the path from the folder, or SOPInstanceUID")


def test_rows_that_contradict_each_other_and_copies_are_dropped(tmp_path: Path, key: Path):
    folder = two(tmp_path / "clinic")
    save(folder / "copy.dcm", (folder / "x" / "a.dcm").read_bytes())
    make_labels(folder, file=["b", "b", "x/a.dcm"], diagnosis_1=["Benign", "Malignant", "Benign"])
    with pytest.raises(SourceError) as caught:
        read_sources([folder], pseudonym_key=key)
    assert str(caught.value) == f"{folder}: no row is left; dropped: 4 repeated_id"


def test_other_images_beside_dicom_files_are_refused(tmp_path: Path, key: Path):
    folder = two(tmp_path / "clinic")
    save(folder / "photo.jpg", encode_jpeg(draw_frame(1)))
    with pytest.raises(SourceError) as caught:
        read_sources([folder], pseudonym_key=key)
    assert str(caught.value) == (
        f"{folder}: holds 2 DICOM files and 1 other images; put them into folders of their own, "
        "for only what is in DICOM files is given pseudonyms")


def test_files_named_by_public_ids_beside_a_public_table_keep_them(tmp_path: Path):
    folder = tmp_path / "isic2020"
    for number in (1, 2):
        add(folder, f"train/ISIC_000000{number}.dcm", number, PatientID="IP_1")
    rows = {"image_name": ["ISIC_0000001", "ISIC_0000002"], "patient_id": ["IP_1", "IP_1"],
            "sex": "male", "age_approx": 45, "anatom_site_general_challenge": "torso",
            "diagnosis": ["nevus", "melanoma"], "benign_malignant": ["benign", "malignant"],
            "target": [0, 1]}
    pd.DataFrame(rows).to_csv(folder / "train.csv", index=False)
    read = read_sources([folder])
    assert [info.layout for info in read.sources] == ["isic2020"]
    assert read.cohort.ids.tolist() == ["ISIC_0000001", "ISIC_0000002"]
    assert set(read.cohort.frame["patient_id"]) == {"IP_1"}


def test_a_public_id_in_a_name_is_the_id(tmp_path: Path, key: Path):
    folder = tmp_path / "clinic"
    add(folder, "ISIC_0000007.dcm", 1, 2)
    make_labels(folder, file=["ISIC_0000007"], label=["odd"])
    assert read_sources([folder], pseudonym_key=key).cohort.ids.tolist() == [
        "ISIC_0000007_0000", "ISIC_0000007_0001"]


def test_files_without_labels_have_no_class(tmp_path: Path, key: Path):
    read = read_sources([two(tmp_path / "clinic")], pseudonym_key=key)
    classes, reasons = assign_target(MALIGNANCY, Cohort.from_frame(
        read.cohort.frame.reset_index().assign(diagnosis_1=[None, "Benign"])))
    assert reasons == {"no diagnosis": 1} and classes.notna().sum() == 1


def test_one_image_in_two_sources_is_kept_once(tmp_path: Path, key: Path):
    one, other = (make_labels(two(tmp_path / name), file=["a", "b"], diagnosis_1=["Benign"] * 2)
                  for name in ("here", "there"))
    read = read_sources([one, other], pseudonym_key=key)
    assert len(read.cohort) == 2
    assert [info.name for info in read.sources] == ["dicom", "dicom_2"]
    assert set(read.dropped["reason"]) == {"same_image_in_two_sources"}
