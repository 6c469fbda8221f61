"""A cohort has one row per id, in one vocabulary, and unknown is missing."""

import doctest
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionlab.core import cohort as module
from lesionlab.core.cohort import Cohort
from lesionlab.core.errors import CohortError, InputError

rows = st.lists(
    st.fixed_dictionaries({
        "isic_id": st.text("abcß", min_size=1, max_size=4),
        "sex": st.sampled_from(["male", "female", None]),
        "age_approx": st.sampled_from([None, 0.0, 45.0, 85.0]),
        "personal_hx_mm": st.sampled_from([None, True, False]),
        "own": st.sampled_from([None, "x", "yz"]),
    }),
    unique_by=lambda row: row["isic_id"], max_size=8)

SCHEMA = pa.schema([("isic_id", pa.string()), ("sex", pa.string()), ("age_approx", pa.float64()),
                    ("personal_hx_mm", pa.bool_()), ("own", pa.string())])


def make(items: list[dict]) -> Cohort:
    return Cohort(table=pa.Table.from_pylist(items, schema=SCHEMA))


@given(rows)
def test_saving_and_loading_is_identity(items: list[dict]) -> None:
    cohort = make(items)
    with tempfile.TemporaryDirectory() as folder:
        cohort.save(Path(folder) / "c.parquet")
        loaded = Cohort.load(Path(folder) / "c.parquet")
    assert loaded.table.equals(cohort.table)
    assert loaded.digest == cohort.digest


@given(rows, st.randoms(use_true_random=False))
def test_digest_does_not_depend_on_the_order_of_rows_or_columns(items: list[dict], random) -> None:
    shuffled = random.sample(items, len(items))
    names = random.sample(SCHEMA.names, len(SCHEMA.names))
    table = make(shuffled).table.select(names)
    assert Cohort(table=table).digest == make(items).digest


@given(rows)
def test_a_frame_gives_the_cohort_back(items: list[dict]) -> None:
    cohort = make(items)
    assert Cohort.from_frame(cohort.frame.reset_index()).digest == cohort.digest


@given(rows, st.data())
def test_selecting_keeps_just_the_rows_asked_for(items: list[dict], data: st.DataObject) -> None:
    wanted = [row for row in items if data.draw(st.booleans())]
    assert make(items).select(row["isic_id"] for row in wanted).digest == make(wanted).digest


def test_rows_are_sorted_and_columns_have_their_types() -> None:
    cohort = Cohort.from_frame(pd.DataFrame({
        "isic_id": ["b", "a"], "age_approx": [40, 50], "sex": pd.Categorical(["male", None]),
        "personal_hx_mm": pd.array([True, None], "boolean"), "count": [1, 2],
        "share": np.array([0.5, np.nan], np.float32), "anatom_site_1": [None, None]}))
    assert list(cohort.ids) == ["a", "b"]
    assert cohort.frame.dtypes.astype(str).to_dict() == {
        "age_approx": "float64", "sex": "str", "personal_hx_mm": "boolean", "count": "float64",
        "share": "float64", "anatom_site_1": "str"}
    assert cohort.frame["personal_hx_mm"].isna().tolist() == [True, False]


def test_nan_and_blank_text_are_missing() -> None:
    cohort = Cohort(table=pa.table({
        "isic_id": ["a", "b"], "age_approx": [float("nan"), 40.0], "own": [float("nan"), 1.0],
        "patient_id": ["", " "]}))
    assert cohort.table.to_pydict() == {
        "isic_id": ["a", "b"], "age_approx": [None, 40.0], "own": [None, 1.0],
        "patient_id": [None, None]}


def test_a_cohort_may_be_empty() -> None:
    cohort = Cohort.from_frame(pd.DataFrame({"isic_id": [], "sex": []}))
    assert len(cohort) == len(cohort.frame) == len(cohort.select([])) == 0


@pytest.mark.parametrize(("columns", "message"), [
    ({"sex": ["male"]}, "the cohort has no column 'isic_id'; every row needs an id"),
    ({"isic_id": ["a", "b", "a", None, ""]},
     ("the cohort breaks its laws:\n  - 2 rows have no isic_id\n"
     "  - 1 ids stand in more than one row: a")),
    ({"isic_id": list("abcdefg"), "sex": list("tuvwxyz")},
     ("the cohort breaks its laws:\n"
     "  - column 'sex' has 7 values outside its vocabulary or range: t, u, v, w, x and 2 more")),
    ({"isic_id": ["a", "b", "c"], "age_approx": [-1, 86, np.inf]},
     ("the cohort breaks its laws:\n"
     "  - column 'age_approx' has 3 values outside its vocabulary or range: -1.0, 86.0, inf")),
    ({"isic_id": ["a"], "age_approx": ["forty"]},
     ("column 'age_approx' cannot be read as number: "
     "Failed to parse string: 'forty' as a scalar of type double")),
    ({"isic_id": ["a"], "own": [[1]]},
     ("column 'own' cannot be read as text: "
     "Unsupported cast from list<item: int64> to utf8 using function cast_string")),
])
def test_rows_that_break_a_law_are_refused(columns: dict, message: str) -> None:
    with pytest.raises(CohortError) as error:
        Cohort.from_frame(pd.DataFrame(columns))
    assert str(error.value) == message


def test_a_frame_of_mixed_values_is_refused() -> None:
    with pytest.raises(CohortError, match=r"^the data frame is not a table of plain values: "):
        Cohort.from_frame(pd.DataFrame({"isic_id": ["a", "b"], "own": [1, "x"]}))


def test_columns_of_one_name_are_refused() -> None:
    table = pa.table([pa.array(["a"])] * 2, names=["isic_id", "isic_id"])
    with pytest.raises(CohortError) as error:
        Cohort(table=table)
    assert str(error.value) == "columns that stand more than once: isic_id; rename or remove them"


def test_selecting_an_unknown_id_is_refused() -> None:
    with pytest.raises(InputError) as error:
        Cohort.from_frame(pd.DataFrame({"isic_id": ["a"]})).select(["z", "a", "y"])
    assert str(error.value) == "not in the cohort: y, z"


def test_of_many_problems_five_are_shown() -> None:
    assert module.join_problems("title", list("abcdefg")) == (
        "title:\n  - a\n  - b\n  - c\n  - d\n  - e\n  and 2 more")
    assert doctest.testmod(module).failed == 0
