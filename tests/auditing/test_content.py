from pathlib import Path

import pytest
from looking import look

from factories import clean_frame, make_prepared


def test_dropped_rows_are_told_by_reason(tmp_path: Path):
    data = make_prepared(
        tmp_path, clean_frame(), counts={
            "num_rows_read": 410, "dropped_by_source": {"repeated_id": 2},
            "dropped_by_target": {"Indeterminate": 8}, "rejected_images": {"truncated": 1}},
        dropped=[{"isic_id": "A", "source": "x", "reason": "repeated_id", "detail": "row 1"},
                 {"isic_id": "A", "source": "x", "reason": "repeated_id", "detail": "row 2"},
                 {"isic_id": "B", "source": None, "reason": "truncated", "detail": "cut"}])
    finding = look("LL201", data)
    assert (finding.section, finding.count, finding.isic_ids) == ("tip", 10, ("A",))
    assert finding.explanation == (
        "10 of 410 rows read (2.4 %) were dropped: no class for Indeterminate (8), repeated_id "
        "(2); read the reasons in manifest.json and state what was left out.")


def test_rejected_images_are_told_by_reason(tmp_path: Path):
    data = make_prepared(
        tmp_path, clean_frame(), counts={"rejected_images": {"truncated": 1, "empty": 3}},
        dropped=[{"isic_id": "B", "source": None, "reason": "truncated", "detail": "cut"}])
    finding = look("LL202", data)
    assert (finding.section, finding.count, finding.isic_ids) == ("tip", 4, ("B",))
    assert finding.explanation == (
        "4 of 404 image files (1.0 %) were rejected: empty (3), truncated (1); fetch these files "
        "again or state that they are left out.")


def test_adjusted_values_are_told_by_column_and_reason(tmp_path: Path):
    rows = [{"isic_id": "A", "column": "age_approx", "value": "90", "reason": "above_85"},
            {"isic_id": "A", "column": "sex", "value": "x", "reason": "enum"},
            {"isic_id": "B", "column": "sex", "value": "y", "reason": "enum"}]
    finding = look("LL203", make_prepared(tmp_path, clean_frame(), adjusted=rows))
    assert (finding.section, finding.value, finding.isic_ids) == ("tip", 3, ("A", "B"))
    assert finding.explanation == (
        "3 values of 2 images broke a rule of the schema and were set to missing or to the limit: "
        "sex enum (2), age_approx above_85 (1); look at the values in manifest.json and correct "
        "the table where they are systematic.")


def test_columns_without_a_second_value_are_named(tmp_path: Path):
    frame = clean_frame().assign(image_type="dermoscopic", clin_size_long_diam_mm=float("nan"))
    finding = look("LL501", make_prepared(tmp_path, frame))
    assert (finding.section, finding.value) == ("tip", 2)
    assert finding.explanation == (
        "2 of 4 input columns without a second value in training: clin_size_long_diam_mm (always "
        "missing), image_type (always dermoscopic); expect no gain from them, and no sense from "
        "other values later.")


@pytest.mark.parametrize(("column", "value", "text"), [
    ("age_approx", 0.0, "age_approx outside 1 to 85 (1)"),
    ("pixels_x", 32.0, "pixels_x outside 64 to 20000 (1)")])
def test_a_value_that_stands_for_unknown_is_implausible(
    tmp_path: Path, column: str, value: float, text: str
):
    frame = clean_frame()
    frame.loc["ISIC_0000002", column] = value
    finding = look("LL502", make_prepared(tmp_path, frame))
    assert (finding.section, finding.isic_ids) == ("tip", ("ISIC_0000002",))
    assert finding.explanation == (
        f"An implausible value stands at 1 image: {text}; set to missing what stands for unknown, "
        "and correct units.")


def test_without_inputs_and_numbers_nothing_is_said_of_them(tmp_path: Path):
    data = make_prepared(tmp_path, clean_frame()[["target", "role", "group_id"]])
    assert {code: look(code, data).section for code in ("LL501", "LL502")} == {
        "LL501": "not_applicable", "LL502": "not_applicable"}


def test_columns_that_are_mostly_missing_are_named(tmp_path: Path):
    frame = clean_frame()
    frame.loc[frame.index[40:], "sex"] = None
    finding = look("LL506", make_prepared(tmp_path / "a", frame))
    assert finding.section == "tip"
    assert finding.explanation.startswith("1 input column missing in most images: sex (9")
    assert look("LL506", make_prepared(tmp_path / "b", clean_frame())).section == "passed"
    bare = clean_frame().drop(columns=["age_approx", "sex"])
    assert look("LL506", make_prepared(tmp_path / "c", bare)).section == "not_applicable"
