from pathlib import Path

import numpy as np
from looking import imagine, look

from factories import clean_frame, make_prepared


def test_labels_that_the_pictures_contradict_are_named(tmp_path: Path):
    frame = clean_frame()
    features = {"whole": imagine(frame, frame["target"] == "Malignant")}
    wrong = frame.index[[5, 60, 130, 301]]
    frame.loc[wrong, "target"] = frame.loc[wrong, "target"].map(
        {"Benign": "Malignant", "Malignant": "Benign"})
    finding = look("LL601", make_prepared(tmp_path, frame), features)
    assert finding.section == "tip"
    assert len(finding.isic_ids) >= 3
    assert set(finding.isic_ids) <= set(wrong)
    assert finding.explanation == (
        f"{finding.count} of 400 labels ({finding.count / 4:.1f} %) are contradicted by a simple "
        "model of the pictures; they may be wrong, or hard; have a dermatologist look at them, "
        "blind to the label, before any is changed.")


def test_labels_that_the_pictures_bear_out_pass(tmp_path: Path):
    frame = clean_frame()
    data = make_prepared(tmp_path, frame)
    finding = look("LL601", data, {"whole": imagine(frame, frame["target"] == "Malignant")})
    assert finding.explanation == "No label of 400 images is clearly contradicted."


def test_pictures_that_tell_nothing_doubt_nothing(tmp_path: Path):
    frame = clean_frame()
    data = make_prepared(tmp_path, frame)
    assert look("LL601", data, {"whole": imagine(frame)}).explanation == (
        "Pictures tell too little of the label to doubt one by them.")
    assert look("LL601", data).explanation == "The extra 'train' is not here."


def test_clear_pictures_under_wrong_labels_are_an_issue_and_hard_ones_are_not(tmp_path: Path):
    frame = clean_frame()
    is_malignant = frame["target"] == "Malignant"
    features = {"whole": imagine(frame, is_malignant)}
    clean = look("LL602", make_prepared(tmp_path / "a", frame), features)
    assert clean.section == "passed"
    other = frame["target"].map({"Benign": "Malignant", "Malignant": "Benign"})
    frame["target"] = frame["target"].where(np.arange(400) % 5 > 0, other)
    finding = look("LL602", make_prepared(tmp_path / "b", frame), features)
    assert finding.section == "issue"
    assert finding.explanation.startswith(
        "Of pictures that a simple model is surest are not Malignant, ")
