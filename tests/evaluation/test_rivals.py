"""Rivals learn from train rows what a table tells, and nothing from the rows that they score."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from suspects import BINARY, make_cohort

from lesionlab.evaluation.rivals import fit_metadata_rival, fit_shortcut_rival


def roles(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    return rows[rows["role"] == "train"], rows[rows["role"] == "test"]


def test_what_a_table_tells_is_told_and_nothing_else() -> None:
    rows = make_cohort(3000)
    train, test = roles(rows)
    metadata = fit_metadata_rival(train, test, BINARY, "malignancy")
    files = fit_shortcut_rival(train, test, BINARY, "malignancy")
    assert metadata and metadata.columns == ("age_approx", "sex")
    assert files and files.columns == ("source", "pixels_x", "file_bytes")
    is_malignant = test["target"] == "Malignant"
    assert 0.6 < roc_auc_score(is_malignant, metadata.probabilities["Malignant"]) < 0.8
    assert 0.4 < roc_auc_score(is_malignant, files.probabilities["Malignant"]) < 0.6


def test_a_number_that_is_high_in_both_tails_is_told() -> None:
    rows = make_cohort(2000)
    is_malignant = rows["target"] == "Malignant"
    rows["file_bytes"] = np.where(is_malignant, np.where(np.arange(2000) % 3 == 0, 1e3, 1e6),
                                  rows["file_bytes"])
    train, test = roles(rows)
    found = fit_shortcut_rival(train, test, BINARY, "malignancy")
    assert found and roc_auc_score(is_malignant[test.index],
                                   found.probabilities["Malignant"]) > 0.95


def test_rows_are_joined_by_id_and_scored_each_by_itself() -> None:
    train, test = roles(make_cohort(600))
    whole = fit_metadata_rival(train, test, BINARY, "malignancy")
    part = fit_metadata_rival(train.sample(frac=1, random_state=0), test.iloc[::-3], BINARY,
                              "malignancy")
    assert whole and part
    pd.testing.assert_frame_equal(whole.probabilities.loc[part.probabilities.index],
                                  part.probabilities)


def test_values_that_train_rows_lack_do_not_stop_it() -> None:
    train, test = roles(make_cohort(600))
    test = test.assign(sex="unheard of", age_approx=np.nan)
    found = fit_metadata_rival(train, test, (*BINARY, "Unseen"), "malignancy")
    assert found and (found.probabilities["Unseen"] == 0).all()
    assert found.probabilities.sum(axis=1).to_numpy() == pytest.approx(1)


def test_the_target_is_no_column_of_its_own_rival() -> None:
    rows = make_cohort(600).assign(target=lambda rows: rows["source"])
    train, test = roles(rows)
    found = fit_shortcut_rival(train, test, ("Barcelona", "Graz", "Vienna"), "source")
    assert found and found.columns == ("pixels_x", "file_bytes")


@pytest.mark.parametrize("columns", [[], ["age_approx"]])
def test_without_a_column_that_differs_there_is_no_rival(columns: list[str]) -> None:
    rows = make_cohort(300).assign(age_approx=50.0)[[*columns, "target", "role", "group_id"]]
    assert fit_metadata_rival(*roles(rows), BINARY, "malignancy") is None


def test_one_class_in_training_makes_no_rival() -> None:
    train, test = roles(make_cohort(300))
    alone = train[train["target"] == "Benign"]
    assert fit_metadata_rival(alone, test, BINARY, "malignancy") is None
