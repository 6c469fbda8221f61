"""Predictions are probabilities, one row per id, whatever order they came in."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionlab.core.errors import PredictionsError
from lesionlab.core.predictions import Predictions

CLASSES = ("Benign", "Malignant")
shares = st.lists(st.floats(0, 1), max_size=8)


def make(probabilities, *, ids=None, targets=None, classes=CLASSES, digest=None) -> Predictions:
    array = np.asarray(probabilities, float)
    ids = [f"i{k}" for k in range(len(array))] if ids is None else ids
    return Predictions.from_arrays(
        ids=ids, groups=[f"g{i}" for i in ids], targets=targets or [None] * len(ids),
        probabilities=array, classes=classes, role="test", data_digest=digest)


def pairs(values: list[float]) -> np.ndarray:
    return np.array([[1 - p, p] for p in values]).reshape(-1, 2)


@given(shares, st.sampled_from([None, "abc"]))
def test_saving_and_loading_is_identity(values: list[float], digest: str | None) -> None:
    predictions = make(pairs(values), targets=["Benign" if p < 0.5 else None for p in values],
                       digest=digest)
    with tempfile.TemporaryDirectory() as folder:
        predictions.save(Path(folder) / "p.parquet")
        loaded = Predictions.load(Path(folder) / "p.parquet")
    assert loaded == predictions
    assert loaded.digest == predictions.digest


@given(shares, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(values: list[float], random) -> None:
    order = random.sample(range(len(values)), len(values))
    ids = np.array([f"i{k}" for k in range(len(values))], dtype=object)
    forth = make(pairs(values), ids=list(ids))
    mixed = make(pairs(values)[order], ids=list(ids[order]))
    assert mixed.digest == forth.digest
    assert (mixed.probabilities == forth.probabilities).all()


def test_arrays_are_in_id_order_and_read_only() -> None:
    predictions = Predictions.from_arrays(
        ids=pd.Index(["b", "a", "c"]), groups=pd.Series(["h", "g", "h"]),
        targets=pd.Series(["Malignant", None, "Benign"]), role="test", classes=CLASSES,
        probabilities=np.array([[0.2, 0.8], [0.5, 0.5], [1, 0]], np.float32))
    assert predictions.target_index.tolist() == [-1, 1, 0]
    assert predictions.group_index.tolist() == [0, 1, 1]
    assert predictions.probabilities.dtype == np.float64
    assert list(predictions.frame.index) == ["a", "b", "c"]
    with pytest.raises(ValueError, match="read-only"):
        predictions.probabilities[0, 0] = 1


def test_predictions_may_be_of_no_image() -> None:
    predictions = make(np.zeros((0, 2)))
    assert (len(predictions), predictions.probabilities.shape) == (0, (0, 2))


def test_a_csv_rounded_to_three_places_is_accepted() -> None:
    assert len(make([[0.333, 0.333, 0.333]], classes=("a", "b", "c"))) == 1


LAWS = "the predictions break their laws:\n  - "


@pytest.mark.parametrize(("settings", "message"), [
    ({"probabilities": [[0.5, 0.6]]}, LAWS + "1 rows do not sum to 1: i0"),
    ({"probabilities": [[-0.1, 1.1]]}, LAWS + "1 rows have a probability outside 0 to 1: i0"),
    ({"probabilities": [[np.nan, 1]]}, LAWS + "1 rows have a probability outside 0 to 1: i0"),
    ({"probabilities": [[0, 1]], "targets": ["mel"]}, LAWS + "targets outside the classes: mel"),
    ({"probabilities": [[0, 1], [0, 1]], "ids": ["a", "a"]},
     LAWS + "1 ids stand in more than one row: a"),
    ({"probabilities": [[0, 1]], "ids": [None]}, LAWS + "some rows lack an isic_id or a group_id"),
    ({"probabilities": [[1]], "classes": ("a",)},
     "predictions need two or more different classes, got a"),
    ({"probabilities": [[0, 1]], "classes": ("a", "a")},
     "predictions need two or more different classes, got a, a"),
    ({"probabilities": np.zeros((1, 0)), "classes": ()},
     "predictions need two or more different classes, got none"),
    ({"probabilities": [[0, 1, 0]]},
     "1 ids, 1 groups, 1 targets and 2 classes do not fit probabilities of shape (1, 3)"),
    ({"probabilities": [[0, 1]], "ids": ["a", "b"]},
     "2 ids, 2 groups, 2 targets and 2 classes do not fit probabilities of shape (1, 2)"),
])
def test_rows_that_are_no_probabilities_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(PredictionsError) as error:
        make(**settings)
    assert str(error.value) == message


def test_a_table_without_the_columns_is_refused() -> None:
    with pytest.raises(PredictionsError) as error:
        Predictions(table=pa.table({"isic_id": ["a"], "p_x": [1.0]}), classes=("x", "y"), role="")
    assert str(error.value) == "the predictions lack the columns group_id, target, p_y"


def test_a_table_of_texts_is_refused() -> None:
    table = pa.table({"isic_id": ["a"], "group_id": ["a"], "target": ["x"], "p_x": ["much"],
                      "p_y": ["0"]})
    with pytest.raises(PredictionsError) as error:
        Predictions(table=table, classes=("x", "y"), role="test")
    assert str(error.value) == (
        "the predictions cannot be read: Failed to parse string: 'much' as a scalar of type "
        "double; ids, groups and targets are text, probabilities are numbers")


def test_a_table_of_another_tool_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"isic_id": ["a"]}), tmp_path / "p.parquet")
    with pytest.raises(PredictionsError) as error:
        Predictions.load(tmp_path / "p.parquet")
    assert str(error.value) == (f"{tmp_path / 'p.parquet'} was not written by lesionlab: "
                                "it does not say which role it is of")
