"""Predictions of another tool: joined by id, and every fault named."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from lesionlab.core.errors import PredictionsError
from lesionlab.evaluation.external import read_predictions

CLASSES = ("benign", "malignant")
TRUTH = pd.DataFrame(
    {"role": ["test", "test", "test", "valid"], "group_id": ["a", "a", "b", "c"],
     "target": ["benign", "malignant", None, "benign"]},
    index=pd.Index(["ISIC_1", "ISIC_2", "ISIC_3", "ISIC_4"], name="isic_id"))
GOOD = pd.DataFrame({"isic_id": ["ISIC_3", "ISIC_1", "ISIC_2"], "p_benign": [0.5, 0.9, 0.2],
                     "p_malignant": [0.5, 0.1, 0.8]})


def _read(tmp_path, frame, classes=CLASSES, name="other.csv"):
    path = tmp_path / name
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False)
    return read_predictions(path, TRUTH, classes=classes, role="test")


def _fails(tmp_path, frame, expected, classes=CLASSES):
    expected = expected.replace("FILE", str(tmp_path / "other.csv"))
    with pytest.raises(PredictionsError, match=f"^{re.escape(expected)}$"):
        _read(tmp_path, frame, classes)


@pytest.mark.parametrize("name", ["other.csv", "other.parquet"])
def test_rows_are_joined_by_id_whatever_their_order(tmp_path, name):
    found = _read(tmp_path, GOOD, name=name)
    assert found.table["isic_id"].to_pylist() == ["ISIC_1", "ISIC_2", "ISIC_3"]
    assert found.table["group_id"].to_pylist() == ["a", "a", "b"]
    assert found.table["target"].to_pylist() == ["benign", "malignant", None]
    np.testing.assert_array_equal(found.probabilities, [[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]])
    assert found.role == "test"


@pytest.mark.parametrize("column", ["image", "image_name", "image_id"])
def test_other_id_columns_and_extensions_are_understood(tmp_path, column):
    frame = GOOD.rename(columns={"isic_id": column})
    frame[column] += ".JPG"
    assert _read(tmp_path, frame).table == _read(tmp_path, GOOD).table


@pytest.mark.parametrize("column", ["p_malignant", "malignant", "probability", "score", "target"])
def test_one_score_is_enough_for_two_classes(tmp_path, column):
    frame = pd.DataFrame({"isic_id": GOOD["isic_id"], column: GOOD["p_malignant"]})
    found = _read(tmp_path, frame).probabilities
    np.testing.assert_allclose(found, _read(tmp_path, GOOD).probabilities)


def test_missing_extra_and_repeated_ids_are_named(tmp_path):
    frame = GOOD.assign(isic_id=["ISIC_1", "ISIC_1", "ISIC_4"])
    _fails(tmp_path, frame, (
        "FILE cannot be joined to the 3 images of role 'test'; give each of them one row:\n"
        "  - 1 ids stand in more than one row: ISIC_1\n"
        "  - 2 images of role 'test' have no row: ISIC_2, ISIC_3\n"
        "  - 1 ids are not images of role 'test': ISIC_4"))


def test_values_out_of_range_are_named(tmp_path):
    frame = GOOD.assign(p_benign=[-3.0, 0.9, 0.5])
    _fails(tmp_path, frame, (
        "FILE does not hold probabilities; give softmax outputs, not logits or scores:\n"
        "  - 1 rows have a value outside 0 to 1: ISIC_3\n"
        "  - 1 rows do not sum to 1: ISIC_2"))


def test_values_that_are_not_numbers_are_named(tmp_path):
    frame = GOOD.assign(p_benign=["0.5", "high", "0.2"])
    _fails(tmp_path, frame, (
        "FILE: column 'p_benign' has 1 values that are not numbers, the first is 'high' in row 2; "
        "give a probability, 0 to 1"))


def test_a_missing_class_column_is_named(tmp_path):
    _fails(tmp_path, GOOD, ("FILE lacks the columns p_nevus; "
                            "it has isic_id, p_benign, p_malignant"),
           classes=("benign", "malignant", "nevus"))


def test_a_missing_id_column_is_said(tmp_path):
    _fails(tmp_path, GOOD.drop(columns="isic_id"), (
        "FILE has no id column; it needs one of isic_id, image_id, image_name, image, "
        "and has p_benign, p_malignant"))


def test_an_empty_id_is_said(tmp_path):
    _fails(tmp_path, GOOD.assign(isic_id=["ISIC_1", None, "ISIC_2"]),
           "FILE: 1 rows have no isic_id, the first is row 2; every row needs an id")


def test_a_missing_file_is_said(tmp_path):
    path = tmp_path / "none.csv"
    expected = f"{path} is not a file; give a .csv or .parquet file of predictions"
    with pytest.raises(PredictionsError, match=f"^{re.escape(expected)}$"):
        read_predictions(path, TRUTH, classes=CLASSES, role="test")
