"""What is particular to each challenge and research set, and what goes wrong with it."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from challenge_samples import (
    CLASSES_2018,
    SAMPLES,
    SLICE_HEADER,
    draw,
    one_hot,
    slice_row,
    write_hdf5,
    write_images,
    write_table,
)

from lesionlab.core.errors import DecodeError, SourceError
from lesionlab.dataset.building import PrepareSettings, prepare
from lesionlab.sources.reading import SourceRead, read_sources
from lesionlab.targets import ISIC2018, ISIC2019, assign_target


def read_sample(layout: str, folder: Path) -> SourceRead:
    return read_sources([SAMPLES[layout].write(folder)])


def refusal(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        read_sources([path])
    return str(caught.value)


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def reasons(read: SourceRead) -> dict[str, str]:
    return dict(zip(read.dropped["isic_id"], read.dropped["reason"], strict=True))


def test_a_table_of_2016_is_read_by_its_path(tmp_path: Path):
    folder = SAMPLES["isic2016"].write(tmp_path)
    read = read_sources([folder / "ISBI2016_ISIC_Part3_Test_GroundTruth.csv"])
    assert read.cohort.ids.tolist() == ["ISIC_9000003", "ISIC_9000004"]
    assert read.cohort.frame["official_split"].tolist() == ["test", "test"]


def test_masks_and_superpixels_are_no_images_of_lesions(tmp_path: Path):
    folder = SAMPLES["isic2016"].write(tmp_path)
    write_images(folder / "masks", ["ISIC_9000000_Segmentation.png",
                                    "ISIC_9000000_superpixels.png"])
    read = read_sources([folder])
    assert len(read.cohort) == 5
    assert read.unlisted["isic_id"].tolist() == ["ISIC_9000000_Segmentation",
                                                 "ISIC_9000000_superpixels"]


def test_age_and_sex_of_2017_stand_in_the_folders_of_images(tmp_path: Path):
    frame = read_sample("isic2017", tmp_path).cohort.frame
    assert frame.loc["ISIC_9001000", ["age_approx", "sex"]].tolist() == [55.0, "female"]
    assert frame.loc[["ISIC_9001001", "ISIC_9001002"], "age_approx"].isna().all()
    assert frame["label"].tolist() == ["nevus", "melanoma", "seborrheic_keratosis", "nevus",
                                       "melanoma"]


def test_the_classes_of_2018_are_its_own_target(tmp_path: Path):
    read = read_sample("isic2018", tmp_path)
    classes, dropped = assign_target(ISIC2018, read.cohort)
    assert classes.tolist() == ["MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC", "NV", "NV",
                                "BKL"]
    assert dropped == {}
    assert read.cohort.frame["diagnosis_confirm_type"].dropna().unique().tolist() == [
        "histopathology", "serial imaging showing no change"]


def test_the_published_split_can_be_used(tmp_path: Path):
    data = prepare([SAMPLES["isic2018"].write(tmp_path / "set")], tmp_path / "data",
                   settings=PrepareSettings(target="isic2018", split_column="official_split"),
                   num_workers=1)
    roles = data.split.frame["role"]
    assert roles["ISIC_9002010"] == "valid" and roles["ISIC_9002011"] == "test"
    assert (roles[:"ISIC_9002009"] == "train").all()


def test_a_file_of_predictions_is_no_ground_truth(tmp_path: Path):
    write_table(tmp_path / "submission.csv", ",".join(["image", *CLASSES_2018]),
                "ISIC_9002000,0.9,0.1,0.0,0.0,0.0,0.0,0.0",
                "ISIC_9002001,high,0,0,0,0,0,0", one_hot("ISIC_9002002", CLASSES_2018, ""))
    assert refusal(tmp_path) == (
        f"{tmp_path}: no row is left; dropped: 1 no_class, 2 not_one_hot")


def test_a_submission_beside_the_table_of_the_images_is_left_alone(tmp_path: Path):
    write_table(tmp_path / "metadata.csv", "isic_id,diagnosis", "ISIC_9002000,nevus")
    write_table(tmp_path / "submission.csv", ",".join(["image", *CLASSES_2018]),
                "ISIC_9002000,0.9,0.1,0.0,0.0,0.0,0.0,0.0")
    write_images(tmp_path / "images", ["ISIC_9002000.jpg"])
    (info,) = read_sources([tmp_path]).sources
    assert info.layout == "isic-client"


def test_a_row_without_just_one_class_says_what_it_has(tmp_path: Path):
    read = read_sample("isic2018", tmp_path)
    assert dict(zip(read.dropped["isic_id"], read.dropped["detail"], strict=True)) == {
        "ISIC_9002007": "", "ISIC_9002008": "MEL=1.0 NV=1.0"}


def test_tables_that_say_two_things_of_an_image_are_refused(tmp_path: Path):
    folder = SAMPLES["isic2018"].write(tmp_path)
    groupings = folder / "ISIC2018_Task3_Training_LesionGroupings.csv"
    edit(groupings, "ISIC_9002003,HAM_9000003", "ISIC_9002002,HAM_9000003")
    assert refusal(folder) == (
        f"{groupings}: 1 ids stand in rows that differ: ISIC_9002002; keep one row an id")


def test_the_collections_of_2019_are_its_sources(tmp_path: Path):
    read = read_sample("isic2019", tmp_path)
    frame = read.cohort.frame
    assert frame["source"].tolist()[:5] == ["BCN", "MSK", "HAM", "HAM", "HAM"]
    assert frame["source"].tolist()[5].startswith("Hospital Clínic de Barcelona; ViDIR Group")
    assert frame.loc["ISIC_9003002", "anatom_site_special"] == "acral palms or soles"
    classes, dropped = assign_target(ISIC2019, read.cohort)
    assert classes.dropna().tolist() == ["MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC"]
    assert dropped == {"no diagnosis": 1}


def test_of_listed_duplicates_the_first_stays_whatever_the_chain(tmp_path: Path):
    folder = SAMPLES["isic2020"].write(tmp_path)
    write_table(folder / "ISIC_2020_Training_Duplicates.csv", "image_name_1,image_name_2",
                "ISIC_9004000,ISIC_9004002", "ISIC_9004002,ISIC_9004003",
                "ISIC_9004003,ISIC_9004000", "ISIC_9004004,ISIC_9004004")
    read = read_sources([folder])
    copies = read.dropped[read.dropped["reason"] == "listed_duplicate"]
    assert copies[["isic_id", "detail"]].to_numpy().tolist() == [
        ["ISIC_9004002", "a copy of ISIC_9004000"], ["ISIC_9004003", "a copy of ISIC_9004000"]]


def test_without_the_list_of_duplicates_all_images_of_2020_are_kept(tmp_path: Path):
    folder = SAMPLES["isic2020"].write(tmp_path)
    (folder / "ISIC_2020_Training_Duplicates.csv").unlink()
    assert reasons(read_sources([folder])) == {"ISIC_9004005": "conflicting_diagnosis"}


def test_the_second_version_of_2020_leads_for_it_has_the_lesions(tmp_path: Path):
    frame = read_sample("isic2020", tmp_path).cohort.frame
    assert frame["lesion_id"].tolist() == [f"IL_900000{number}" for number in range(5)]
    assert frame.loc["ISIC_9004003", "diagnosis_1"] == "Indeterminate"


def test_slice3d_measurements_are_numbers_and_its_diagnosis_is_placed(tmp_path: Path):
    read = read_sample("slice3d", tmp_path)
    frame = read.cohort.frame
    assert frame["tbp_lv_areaMM2"].tolist() == [1.5] * 10
    assert frame["tbp_lv_location"].unique().tolist() == ["Torso Back Top Third"]
    assert frame.loc["ISIC_9005006", ["diagnosis_3", "mel_thick_mm", "mel_mitotic_index"]
                     ].tolist() == ["Melanoma Invasive", 0.4, "0/mm^2"]
    assert frame.loc["ISIC_9005007", ["diagnosis_2", "diagnosis_3"]].tolist() == [
        "Malignant adnexal epithelial proliferations - Follicular", "Basal cell carcinoma"]
    assert pd.isna(frame.loc["ISIC_9005007"].get("diagnosis_4"))
    assert pd.isna(frame.loc["ISIC_9005009", "tbp_lv_nevi_confidence"])
    assert read.own_columns == ()
    assert frame["locator"].iloc[0] == f"{tmp_path.name}/train-image.hdf5#ISIC_9005000"


def test_the_hdf5_file_is_listed_without_reading_an_image(tmp_path: Path, monkeypatch):
    folder = SAMPLES["slice3d"].write(tmp_path / "set")
    huge = "ISIC_9005099"
    with h5py.File(folder / "train-image.hdf5", "a") as file:
        # Eight gigabytes, of which none is on disk.
        file.create_dataset(huge, shape=(2**33,), dtype="u1", chunks=(2**20,))
    with (folder / "train-metadata.csv").open("a", encoding="utf-8") as table:
        table.write(slice_row(99, 0, "Benign") + "\n")
    reads = []
    real = h5py.Dataset.__getitem__
    monkeypatch.setattr(h5py.Dataset, "__getitem__",
                        lambda self, key: reads.append(self.name) or real(self, key))
    addresses = read_sources([folder]).addresses
    assert len(addresses) == 11 and reads == []
    assert addresses["ISIC_9005003"].read() == draw("ISIC_9005003")
    assert reads == ["/ISIC_9005003"]
    with pytest.raises(DecodeError) as caught:
        addresses[huge].read()
    assert caught.value.reason == "too_large_file"
    assert reads == ["/ISIC_9005003"]


def test_an_image_that_the_hdf5_file_lacks_is_counted(tmp_path: Path):
    folder = SAMPLES["slice3d"].write(tmp_path / "set")
    with h5py.File(folder / "train-image.hdf5", "a") as file:
        del file["ISIC_9005002"]
    assert reasons(read_sources([folder]))["ISIC_9005002"] == "no_image_file"


def test_single_copies_beside_the_hdf5_file_have_a_row(tmp_path: Path):
    folder = SAMPLES["slice3d"].write(tmp_path / "set")
    write_images(folder / "train-image/image", ["ISIC_9005000.jpg", "ISIC_9005777.jpg"])
    read = read_sources([folder])
    assert read.unlisted["isic_id"].tolist() == ["ISIC_9005777"]
    assert read.addresses["ISIC_9005000"].path.name == "train-image.hdf5"


def test_a_damaged_hdf5_file_is_an_error(tmp_path: Path):
    folder = SAMPLES["slice3d"].write(tmp_path / "set")
    (folder / "train-image.hdf5").write_bytes(b"not found")
    assert refusal(folder).startswith(f"{folder}/train-image.hdf5 cannot be read (")
    assert refusal(folder).endswith("); check that the file is there, is whole and may be read")


def test_two_hdf5_files_of_other_names_are_an_error(tmp_path: Path):
    folder = SAMPLES["slice3d"].write(tmp_path / "set")
    (folder / "train-image.hdf5").rename(folder / "b.hdf5")
    write_hdf5(folder / "a.h5", [])
    assert refusal(folder) == (
        f"{folder}/train-metadata.csv: its images could be in a.h5, b.hdf5; "
        "name the right one train-image.hdf5")
    (folder / "a.h5").unlink()
    assert len(read_sources([folder]).cohort) == 10


def test_slice3d_without_its_images_has_no_row(tmp_path: Path):
    write_table(tmp_path / "train-metadata.csv", ",".join(SLICE_HEADER), slice_row(0, 0, "Benign"))
    assert refusal(tmp_path) == f"{tmp_path}: no row is left; dropped: 1 no_image_file"


def test_both_images_of_a_lesion_of_milk10k_have_its_class(tmp_path: Path):
    frame = read_sample("milk10k", tmp_path).cohort.frame
    pair = frame.loc[["ISIC_9006100", "ISIC_9006110"]]
    assert pair["image_type"].tolist() == ["clinical: close-up", "dermoscopic"]
    assert pair["diagnosis_4"].tolist() == ["Nevus, Acral"] * 2
    assert pair["label"].tolist() == ["NV", "NV"]
    assert pair["anatom_site_special"].tolist() == ["acral NOS", "acral NOS"]
    assert pair["skin_tone_class"].tolist() == ["1", "1"]
    assert pair["MONET_hair"].tolist() == [0.25, 0.25]


def test_milk10k_without_the_supplement_is_as_fine_as_its_classes(tmp_path: Path):
    folder = SAMPLES["milk10k"].write(tmp_path)
    (folder / "MILK10k_Training_Supplement.csv").unlink()
    frame = read_sources([folder]).cohort.frame
    assert frame.loc["ISIC_9006200", "diagnosis_2"] == (
        "Malignant melanocytic proliferations (Melanoma)")
    assert pd.isna(frame.loc["ISIC_9006300", "diagnosis_1"])


def test_milk10k_without_any_diagnosis_is_refused(tmp_path: Path):
    folder = SAMPLES["milk10k"].write(tmp_path)
    for name in ("Supplement", "GroundTruth"):
        (folder / f"MILK10k_Training_{name}.csv").unlink()
    assert refusal(folder) == (
        f"{folder}: MILK10k's diagnoses are missing; put MILK10k_Training_GroundTruth.csv "
        "(columns lesion_id, AKIEC, BCC, BEN_OTH, BKL, DF, INF, MAL_OTH, MEL, NV, SCCKA, VASC) or "
        "MILK10k_Training_Supplement.csv (columns isic_id, diagnosis_full, "
        "diagnosis_confirm_type, invasion_thickness_interval) beside the metadata")


def test_pad_ufes_20_in_our_words(tmp_path: Path):
    frame = read_sample("pad-ufes-20", tmp_path).cohort.frame
    row = frame.loc["PAT_9001_82_15"]
    assert row[["patient_id", "lesion_id", "sex", "fitzpatrick_skin_type", "anatom_site_2",
                "clin_size_long_diam_mm", "label", "diagnosis_3", "image_type"]].tolist() == [
        "PAT_9001", "PAT_9001_82", "female", "III", "Forearm", 7.0, "ACK",
        "Solar or actinic keratosis", "clinical: close-up"]
    assert row[["pad_smoke", "pad_drink"]].tolist() == [True, False]
    assert pd.isna(row["pad_itch"])
    assert row["pad_background_father"] == "POMERANIA"
    assert frame["biopsed"].tolist() == [True, False, False, False, True, True, False]
    assert pd.isna(frame.loc["PAT_9003_83_18", "clin_size_long_diam_mm"])


def test_the_same_number_of_a_lesion_in_two_patients_is_two_lesions(tmp_path: Path):
    frame = read_sample("pad-ufes-20", tmp_path).cohort.frame
    assert frame.loc["PAT_9001_81_14", "lesion_id"] == "PAT_9001_81"
    assert frame.loc["PAT_9002_81_16", "lesion_id"] == "PAT_9002_81"


def test_skin_types_of_fitzpatrick17k_are_roman_and_minus_one_is_unknown(tmp_path: Path):
    frame = read_sample("fitzpatrick17k", tmp_path).cohort.frame
    types = {name[0]: text for name, text in frame["fitzpatrick_skin_type"].items()}
    assert pd.isna(types.pop("b"))
    assert types == {"a": "III", "c": "VI", "d": "I", "e": "V", "0": "IV"}
    assert frame.loc["b" * 32, "diagnosis_2"] == "Inflammatory or infectious diseases"
    assert frame.loc["d" * 32, "three_partition_label"] == "non-neoplastic"


def test_ddi_keeps_its_groups_of_skin_tone_and_no_saved_index(tmp_path: Path):
    read = read_sample("ddi", tmp_path)
    assert read.cohort.frame["skin_tone"].tolist() == ["56", "12", "34", "56", "12"]
    assert read.own_columns == ("DDI_ID", "DDI_file")
    assert read.addresses["DDI_000001"].path.name == "000001.png"


def test_the_masks_of_ph2_are_no_images_and_its_legend_no_rows(tmp_path: Path):
    read = read_sample("ph2", tmp_path)
    frame = read.cohort.frame
    assert frame["label"].tolist() == ["Common nevus", "Atypical nevus", "Melanoma",
                                       "Atypical nevus"]
    assert frame["diagnosis_4"].dropna().unique().tolist() == [
        "Nevus, Atypical, Dysplastic, or Clark"]
    assert frame["histology"].dropna().tolist() == ["Melanoma in situ", "Compound nevus"]
    assert frame["Pigment Network"].unique().tolist() == ["T"]
    assert {address.path.parent.name for address in read.addresses.values()} == {
        f"IMD90{place}_Dermoscopic_Image" for place in range(4)}


def test_a_short_row_of_ph2_is_an_error(tmp_path: Path):
    folder = SAMPLES["ph2"].write(tmp_path)
    table = folder / "PH2_dataset.txt"
    with table.open("a", encoding="utf-8") as file:
        file.write("|| IMD999 || || 0 ||\n")
    assert refusal(folder) == (
        f"{table}: rows of another length than the header: IMD999 |  | 0; download it anew")


def test_ph2_without_rows_is_an_error(tmp_path: Path):
    table = SAMPLES["ph2"].write(tmp_path) / "PH2_dataset.txt"
    table.write_text(table.read_text(encoding="utf-8").splitlines()[0], encoding="utf-8")
    assert refusal(tmp_path) == f"{table}: the table has no row; download it anew"


def test_the_two_images_of_a_case_of_derm7pt(tmp_path: Path):
    read = read_sample("derm7pt", tmp_path)
    frame = read.cohort.frame
    pair = frame.loc[["derm7pt_2_clinic", "derm7pt_2_derm"]]
    assert pair["image_type"].tolist() == ["clinical: close-up", "dermoscopic"]
    assert pair["lesion_id"].tolist() == ["derm7pt_2"] * 2
    assert pair["label"].tolist() == ["reed or spitz nevus"] * 2
    assert pair["official_split"].tolist() == ["valid", "valid"]
    assert pair["anatom_site_special"].tolist() == ["acral NOS"] * 2
    assert read.addresses["derm7pt_2_clinic"].path.name == "NEL002.JPG"


def test_indexes_of_derm7pt_mean_case_numbers_whatever_the_order_of_rows(tmp_path: Path):
    folder = SAMPLES["derm7pt"].write(tmp_path)
    table = folder / "meta/meta.csv"
    header, *rows = table.read_text(encoding="utf-8").splitlines()
    expected = read_sources([folder]).cohort.frame["official_split"]
    write_table(table, header, *reversed(rows))
    pd.testing.assert_series_equal(read_sources([folder]).cohort.frame["official_split"], expected)


def test_paths_of_derm7pt_may_differ_in_case(tmp_path: Path):
    folder = SAMPLES["derm7pt"].write(tmp_path)
    edit(folder / "meta/meta.csv", "NEL/Nel001.jpg", "Nel/NEL001.jpg")
    assert read_sources([folder]).addresses["derm7pt_1_derm"].path.name == "Nel001.jpg"


@pytest.mark.parametrize("gone", [("valid", "test"), ("train",)])
def test_some_of_the_lists_of_derm7pt_are_no_split(tmp_path: Path, gone: tuple[str, ...]):
    folder = SAMPLES["derm7pt"].write(tmp_path)
    for role in gone:
        (folder / f"meta/{role}_indexes.csv").unlink()
    names = ", ".join(f"{role}_indexes.csv" for role in gone)
    assert refusal(folder) == (
        f"{folder}/meta: of the split of Derm7pt {names} is missing; "
        "put all three lists of indexes there, or none")


def test_derm7pt_without_lists_has_no_split(tmp_path: Path):
    folder = SAMPLES["derm7pt"].write(tmp_path)
    for file in folder.glob("meta/*_indexes.csv"):
        file.unlink()
    read = read_sources([folder])
    assert len(read.cohort) == 12 and "official_split" not in read.cohort.frame


@pytest.mark.parametrize(("lines", "problem"), [
    (("indexes", "2", "1"), "index 1 stands in two parts of the split; download the lists anew"),
    (("indexes", "first"), "'first' is no index of a case; download it anew"),
    (("cases", "2"), "no column 'indexes'; download it anew")])
def test_a_broken_list_of_derm7pt_is_an_error(
    tmp_path: Path, lines: tuple[str, ...], problem: str
):
    folder = SAMPLES["derm7pt"].write(tmp_path)
    write_table(folder / "meta/test_indexes.csv", *lines)
    assert refusal(folder) == f"{folder}/meta/test_indexes.csv: {problem}"


def test_folders_of_a_challenge_without_its_table_are_no_classes(tmp_path: Path):
    write_images(tmp_path, ["ISIC_2019_Training_Input/a.jpg", "ISIC_2019_Test_Input/b.jpg"])
    assert refusal(tmp_path).startswith(f"{tmp_path}: no layout that lesionlab knows; looked for:")


def test_a_line_without_end_is_no_header(tmp_path: Path):
    folder = SAMPLES["isic2016"].write(tmp_path)
    (folder / "LICENSE.txt").write_text("x" * 200_000, encoding="utf-8")
    assert len(read_sources([folder]).cohort) == 5


def test_a_column_that_stands_twice_in_a_challenge_table_is_an_error(tmp_path: Path):
    folder = SAMPLES["ddi"].write(tmp_path)
    edit(folder / "ddi_metadata.csv", "malignant,disease", "disease,disease")
    assert refusal(folder) == (
        f"{folder}/ddi_metadata.csv: the column 'disease' stands there more than once; "
        "rename or remove the others")


def test_numbers_of_sizes_are_the_longer_diameter_that_is_known(tmp_path: Path):
    folder = SAMPLES["pad-ufes-20"].write(tmp_path)
    edit(folder / "metadata.csv", "NECK,6.0,5.0", "NECK,wide,5.0")
    frame = read_sources([folder]).cohort.frame
    assert frame.loc["PAT_9001_81_14", "clin_size_long_diam_mm"] == 5.0
    assert np.isclose(frame.loc["PAT_9004_84_19", "clin_size_long_diam_mm"], 5.0)
