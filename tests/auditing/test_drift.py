from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from looking import imagine, look

from factories import clean_frame, make_prepared


def test_a_column_that_differs_between_roles_is_an_issue(tmp_path: Path):
    frame = clean_frame()
    frame.loc[frame["role"] == "test", "age_approx"] = 80.0
    finding = look("LL404", make_prepared(tmp_path, frame))
    assert (finding.section, finding.count) == ("issue", 400)
    assert finding.explanation.startswith("age_approx differs between the roles (Cramer's V 0.")


@pytest.mark.parametrize("seed", range(5))
def test_columns_that_are_alike_in_all_roles_pass(tmp_path: Path, seed: int):
    assert look("LL404", make_prepared(tmp_path, clean_frame(seed=seed))).section == "passed"


def test_a_second_class_of_a_group_says_nothing_new_of_its_role(tmp_path: Path):
    frame = clean_frame()
    again = frame.set_axis(frame.index + "_2").assign(
        target=frame["target"].map({"Benign": "Malignant", "Malignant": "Benign"}).to_numpy())
    once = look("LL404", make_prepared(tmp_path / "once", frame))
    both = pd.concat([frame, again]).rename_axis("isic_id")
    assert look("LL404", make_prepared(tmp_path / "both", both)).value == once.value


def test_one_role_cannot_differ(tmp_path: Path):
    data = make_prepared(tmp_path, clean_frame().assign(role="train"))
    assert [look(code, data, {"whole": imagine(data.frame)}).section
            for code in ("LL404", "LL405")] == ["not_applicable"] * 2


@pytest.mark.parametrize(("code", "column", "value", "section"), [
    ("LL405", "role", "test", "issue"), ("LL406", "source", "Vienna", "tip")])
def test_pictures_that_tell_the_role_or_source_are_found(
    tmp_path: Path, code: str, column: str, value: str, section: str
):
    frame = clean_frame()
    data = make_prepared(tmp_path, frame)
    finding = look(code, data, {"whole": imagine(frame, frame[column] == value)})
    assert finding.section == section
    assert "AUROC 1.00 (1.00-1.00)" in finding.explanation
    assert set(frame.loc[list(finding.isic_ids), column]) <= set(np.unique(frame[column]))
    assert look(code, data, {"whole": imagine(frame)}).section == "passed"
    assert look(code, data).explanation == "The extra 'train' is not here."
