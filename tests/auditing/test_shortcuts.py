from pathlib import Path

import numpy as np
from looking import look

from factories import clean_frame, make_prepared


def test_consequences_of_the_label_are_named(tmp_path: Path):
    frame = clean_frame().assign(mel_thick_mm=1.0, concomitant_biopsy=None)
    finding = look("LL301", make_prepared(tmp_path, frame))
    assert (finding.section, finding.count) == ("tip", 400)
    assert finding.explanation == (
        "mel_thick_mm is known only because of the diagnosis and cannot become a feature here; "
        "keep them out of any model that you build elsewhere.")


def test_gaps_that_follow_the_label_are_an_issue(tmp_path: Path):
    frame = clean_frame()
    is_benign = frame["target"] == "Benign"
    frame["clin_size_long_diam_mm"] = np.where(is_benign, np.nan, 5.0)
    finding = look("LL302", make_prepared(tmp_path, frame))
    assert (finding.section, finding.count) == ("issue", is_benign.sum())
    assert finding.explanation == (
        "Gaps of clin_size_long_diam_mm go with the label: missing in 100.0 % of Benign and 0.0 % "
        "of Malignant images (Cramer's V 1.00, one image per group and class); compare scores "
        "with and without these columns, or leave them out.")


def test_gaps_of_one_large_patient_are_not_a_pattern(tmp_path: Path):
    frame = clean_frame().drop(columns=["age_approx", "sex"])
    one = frame.index[(frame["role"] == "train") & (frame["target"] == "Malignant")]
    frame.loc[one, ["patient_id", "group_id"]] = "P0"
    frame["clin_size_long_diam_mm"] = np.where(frame.index.isin(one), np.nan, 5.0)
    assert look("LL302", make_prepared(tmp_path, frame)).section == "passed"


def test_a_coarse_site_is_no_gap(tmp_path: Path):
    frame = clean_frame().drop(columns=["age_approx", "sex"])
    frame["anatom_site_2"] = np.where(frame["target"] == "Benign", None, "Back")
    assert look("LL302", make_prepared(tmp_path, frame)).section == "not_applicable"


def test_a_class_from_one_source_is_an_issue(tmp_path: Path):
    frame = clean_frame()
    frame["source"] = np.where(frame["target"] == "Malignant", "Vienna", frame["source"])
    finding = look("LL303", make_prepared(tmp_path, frame))
    is_malignant = frame["target"] == "Malignant"
    assert finding.section == "issue"
    assert finding.isic_ids == tuple(frame.index[is_malignant])
    share = 100 * (frame["source"] == "Vienna").mean()
    assert finding.explanation == (
        f"Class and source go together (Cramer's V {finding.value:.2f} over 400 groups by class): "
        f"{is_malignant.sum()} of {is_malignant.sum()} Malignant images come from Vienna, which "
        f"has {share:.1f} % of all images; report scores per source and test on a source that was "
        "left out of training.")


def test_one_source_says_nothing(tmp_path: Path):
    one = make_prepared(tmp_path / "a", clean_frame().assign(source="Vienna"))
    none = make_prepared(tmp_path / "b", clean_frame().drop(columns="source"))
    assert [look("LL303", data).section for data in (one, none)] == ["not_applicable"] * 2


def test_a_class_of_large_files_is_an_issue(tmp_path: Path):
    frame = clean_frame()
    frame["file_bytes"] += 100_000.0 * (frame["target"] == "Malignant")
    finding = look("LL305", make_prepared(tmp_path, frame))
    assert (finding.section, finding.value) == ("issue", 1.0)
    assert finding.explanation == (
        "The file's size in bytes alone tells Malignant from the rest with AUROC 1.00 (1.00-1.00); "
        "check that classes do not come from other devices or exports, and compare scores within "
        "one size.")


def test_files_of_one_size_or_unknown_size_say_nothing(tmp_path: Path):
    frame = clean_frame().assign(pixels_x=600.0, file_bytes=1000.0)
    same = make_prepared(tmp_path / "a", frame)
    unknown = make_prepared(tmp_path / "b", frame.drop(columns="file_bytes"))
    assert [look("LL305", data).section for data in (same, unknown)] == [
        "not_applicable", "not_applicable"]
