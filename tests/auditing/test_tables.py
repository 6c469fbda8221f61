"""Columns that say the label in other words, and gaps that follow the role."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from looking import look

from factories import clean_frame, make_prepared

FRAME = clean_frame()
IS_MALIGNANT = (FRAME["target"] == "Malignant").to_numpy()
CODES = np.where(IS_MALIGNANT ^ (np.arange(400) % 33 == 0), "K", "L")


def test_a_column_of_codes_that_follow_the_label_is_a_near_copy(tmp_path: Path):
    finding = look("LL315", make_prepared(tmp_path, FRAME.assign(batch=CODES)))
    assert (finding.section, finding.count) == ("issue", 400)
    shares = [100 * (CODES[side] == "K").mean() for side in (IS_MALIGNANT, ~IS_MALIGNANT)]
    assert finding.explanation == (
        f"batch nearly says the label: it is K in {shares[0]:.1f} % of Malignant and "
        f"{shares[1]:.1f} % of other images (Cramer's V {finding.value:.2f}, one image per group "
        "and class); find out when and by whom the column is written, and keep it out of any "
        "model.")


def test_the_clearest_near_copy_leads_and_the_others_are_named(tmp_path: Path):
    frame = FRAME.assign(batch=CODES, result=np.where(IS_MALIGNANT, "B5", "B2"))
    finding = look("LL315", make_prepared(tmp_path, frame))
    assert finding.explanation.startswith(
        "result nearly says the label: it is B5 in 100.0 % of Malignant and 0.0 % of other images "
        "(Cramer's V 1.00, one image per group and class); the label also shows in batch; ")


def test_a_column_written_for_one_class_only_is_a_near_copy(tmp_path: Path):
    notes = [f"note {row}" if malignant else None for row, malignant in enumerate(IS_MALIGNANT)]
    finding = look("LL315", make_prepared(tmp_path, FRAME.assign(pathology=notes)))
    assert finding.section == "issue"
    assert "pathology nearly says the label: it is " in finding.explanation


@pytest.mark.parametrize("as_text", [False, True])
def test_a_score_that_tells_the_label_is_a_near_copy(tmp_path: Path, as_text: bool):
    noise = np.random.default_rng(5).random(400)
    scores = pd.Series(noise + 0.97 * IS_MALIGNANT, FRAME.index).round(4)
    frame = FRAME.assign(score=scores.astype(str) if as_text else scores)
    finding = look("LL315", make_prepared(tmp_path, frame))
    assert finding.section == "issue"
    assert finding.explanation.startswith("score alone tells Malignant from the rest with AUROC 1")


def test_a_column_that_follows_the_label_loosely_is_worth_a_note(tmp_path: Path):
    codes = np.where(IS_MALIGNANT ^ (np.arange(400) % 6 == 0), "K", "L")
    assert look("LL315", make_prepared(tmp_path, FRAME.assign(own=codes))).section == "tip"


@pytest.mark.parametrize("name", [
    "diagnosis_3", "dx", "label", "melanocytic", "Malignant", "target_given", "image_type"])
def test_columns_known_to_hold_the_diagnosis_are_no_news(tmp_path: Path, name: str):
    values = np.where(IS_MALIGNANT, "mel", "nv")
    frame = FRAME.assign(**{name: IS_MALIGNANT if name == "melanocytic" else values})
    assert look("LL315", make_prepared(tmp_path, frame)).section == "passed"


def test_columns_that_tell_nothing_are_passed(tmp_path: Path):
    rng = np.random.default_rng(5)
    frame = FRAME.assign(own=rng.choice(["a", "b", "c"], 400), number=rng.random(400))
    finding = look("LL315", make_prepared(tmp_path, frame))
    assert (finding.section, finding.value) == ("passed", 0)
    assert finding.explanation == "None of 4 columns says the label in other words."


def test_without_other_columns_there_is_no_copy(tmp_path: Path):
    data = make_prepared(tmp_path, FRAME[["target", "role", "group_id"]])
    assert look("LL315", data).section == "not_applicable"


def test_gaps_of_one_role_are_an_issue(tmp_path: Path):
    is_test = FRAME["role"] == "test"
    frame = FRAME.assign(age_approx=FRAME["age_approx"].fillna(50).mask(is_test), sex="male")
    finding = look("LL504", make_prepared(tmp_path, frame))
    assert finding.section == "issue"
    assert finding.isic_ids == tuple(FRAME.index[is_test])
    assert finding.explanation == (
        "Gaps of age_approx differ between the roles: missing in 100.0 % of test and 0.0 % of "
        "train images (Cramer's V 1.00, one image per group); split so that roles are alike, or "
        "score images with and without the value apart.")


def test_gaps_of_a_column_of_the_users_own_count_too(tmp_path: Path):
    notes = np.where(FRAME["role"] == "train", "seen", None)
    finding = look("LL504", make_prepared(tmp_path, FRAME.assign(notes=notes)))
    assert finding.section == "issue"
    assert finding.explanation.startswith("Gaps of notes differ between the roles: ")


def test_gaps_of_one_large_group_are_no_difference(tmp_path: Path):
    frame = FRAME.drop(columns=["age_approx", "sex"])
    one = frame.index[frame["role"] == "test"][:60]
    frame.loc[one, ["patient_id", "group_id"]] = "P0"
    frame["clin_size_long_diam_mm"] = np.where(frame.index.isin(one), np.nan, 5.0)
    assert look("LL504", make_prepared(tmp_path, frame)).section == "passed"


def test_gaps_in_all_roles_are_passed(tmp_path: Path):
    finding = look("LL504", make_prepared(tmp_path, FRAME))
    assert finding.section == "passed"
    assert finding.explanation.startswith("Gaps of none of 2 columns differ between the roles by")


def test_one_role_or_no_gaps_say_nothing(tmp_path: Path):
    one = make_prepared(tmp_path / "a", FRAME.assign(role="train"))
    whole = make_prepared(tmp_path / "b", FRAME.drop(columns=["age_approx", "sex"]))
    assert [look("LL504", data).section for data in (one, whole)] == ["not_applicable"] * 2
