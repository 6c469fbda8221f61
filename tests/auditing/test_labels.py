from pathlib import Path

import numpy as np
import pandas as pd
import pytest
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


def seen(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Features that tell malignant from benign for sure."""
    return {"whole": imagine(frame, frame["target"] == "Malignant")}


@pytest.mark.parametrize("seed", range(2))
def test_labels_that_were_dealt_anew_are_an_issue(tmp_path: Path, seed: int):
    frame = clean_frame()
    features = seen(frame)
    rng = np.random.default_rng(seed)
    rows = frame.index[rng.permutation(len(frame))[:160]]
    right = frame["target"].copy()
    frame.loc[rows, "target"] = rng.permutation(frame.loc[rows, "target"])
    finding = look("LL602", make_prepared(tmp_path, frame), features)
    assert finding.section == "issue"
    wrong = frame.index[frame["target"] != right]
    assert len(wrong.intersection(pd.Index(finding.isic_ids))) > 0.9 * len(finding.isic_ids)
    assert finding.explanation.startswith(
        "Of pictures that a simple model is surest are not Malignant, ")
    assert finding.explanation.endswith(
        "that it is a few odd pictures); look at the listed images, compare their labels with the "
        "source, and find the step that changed them.")


def test_right_labels_and_a_few_wrong_ones_pass(tmp_path: Path):
    frame = clean_frame()
    features = seen(frame)
    assert look("LL602", make_prepared(tmp_path / "a", frame), features).explanation == (
        "Labels are as the pictures have them where these are clear: of pictures that a simple "
        "model is surest are not Malignant, 0.0 % are labelled so, which may be chance.")
    wrong = frame.index[[5, 60, 301]]
    frame.loc[wrong, "target"] = "Malignant"
    assert look("LL602", make_prepared(tmp_path / "b", frame), features).section == "passed"


def test_a_class_of_few_groups_is_not_judged(tmp_path: Path):
    frame = clean_frame()
    frame["target"] = np.where(np.arange(len(frame)) % 20 == 0, "Malignant", "Benign")
    assert look("LL602", make_prepared(tmp_path, frame), seen(frame)).explanation == (
        "No class has 30 groups, and at most half of the images.")
    assert look("LL602", make_prepared(tmp_path / "b", frame)).section == "not_applicable"
