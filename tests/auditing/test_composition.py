from pathlib import Path

import numpy as np
import pytest
from looking import look

from factories import clean_frame, make_prepared


def test_a_role_without_a_class_is_an_issue(tmp_path: Path):
    frame = clean_frame()
    frame.loc[frame["role"] == "valid", "target"] = "Benign"
    finding = look("LL401", make_prepared(tmp_path, frame))
    assert (finding.section, finding.value) == ("issue", 0)
    assert finding.explanation == (
        "There is no image of Malignant in valid; gather more images, choose other shares for the "
        "split, join classes, or leave the class out.")


def test_a_class_of_few_groups_in_a_role_is_a_tip(tmp_path: Path):
    frame = clean_frame()
    of_valid = frame.index[(frame["role"] == "valid") & (frame["target"] == "Malignant")]
    frame.loc[of_valid, "group_id"] = "one"
    finding = look("LL401", make_prepared(tmp_path, frame))
    assert (finding.section, finding.value) == ("tip", 1)
    assert finding.isic_ids == tuple(of_valid)
    assert finding.explanation == (
        "There are fewer than 10 groups of Malignant in valid (1); gather more images, choose "
        "other shares for the split, join classes, or leave the class out.")


def test_a_test_role_of_another_prevalence_is_a_tip(tmp_path: Path):
    frame = clean_frame()
    frame["target"] = np.where(frame["role"] == "test", "Malignant", "Benign")
    finding = look("LL402", make_prepared(tmp_path, frame))
    assert finding.section == "tip"
    assert finding.explanation == (
        "Roles differ in their classes by more than chance: 0.0 % of the test images are "
        "Benign, 80.0 % of all; prepare with a stratified split, or recalibrate for the "
        "prevalence of the test images.")


@pytest.mark.parametrize("licence", ["CC-BY-NC", "CC BY-NC 4.0", None])
def test_a_licence_that_restricts_or_is_unknown_is_a_tip(tmp_path: Path, licence: str | None):
    frame = clean_frame()
    frame.loc["ISIC_0000002", "copyright_license"] = licence
    finding = look("LL403", make_prepared(tmp_path, frame))
    assert (finding.section, finding.isic_ids) == ("tip", ("ISIC_0000002",))
    assert finding.explanation == (
        "1 of 400 images have a licence that is non-commercial or not known: CC-BY (399), "
        f"{licence or 'unknown'} (1); keep model and images to the uses that these licences "
        "allow, and name the authors.")


def test_without_licences_nothing_is_said_of_them(tmp_path: Path):
    data = make_prepared(tmp_path, clean_frame().drop(columns="copyright_license"))
    assert look("LL403", data).section == "not_applicable"


def test_a_few_images_of_another_type_are_named(tmp_path: Path):
    frame = clean_frame().assign(image_type="dermoscopic")
    frame.loc[frame.index[:4], "image_type"] = "clinical: close-up"
    finding = look("LL407", make_prepared(tmp_path / "a", frame))
    assert (finding.section, finding.isic_ids) == ("tip", tuple(frame.index[:4]))
    assert finding.explanation == (
        "4 of 400 images are of a rare type: dermoscopic (99.0%), clinical: close-up (1.0%); "
        "leave them out, or report them separately.")
    same = make_prepared(tmp_path / "b", clean_frame().assign(image_type="dermoscopic"))
    assert look("LL407", same).section == "passed"
    assert look("LL407", make_prepared(tmp_path / "c", clean_frame())).section == "not_applicable"
