"""A split that lets a group straddle roles cannot be made."""

import tempfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionlab.core.cohort import Cohort
from lesionlab.core.errors import SplitError
from lesionlab.core.split import ROLES, Split

roles_of_groups = st.lists(st.sampled_from(ROLES), min_size=1, max_size=5)


def make(ids: list, roles: list, groups: list, seed: int | None = 0, digest: str = "d") -> Split:
    table = pa.table({"isic_id": pa.array(ids, pa.string()), "role": pa.array(roles, pa.string()),
                      "group_id": pa.array(groups, pa.string())})
    return Split(table=table, seed=seed, group_key="lesion_id", cohort_digest=digest)


@given(roles_of_groups, st.data(), st.none() | st.integers(0, 9))
def test_saving_and_loading_is_identity(roles: list, data: st.DataObject, seed: int | None) -> None:
    groups = data.draw(st.lists(st.integers(0, len(roles) - 1), max_size=12))
    split = make([f"i{k}" for k in range(len(groups))], [roles[g] for g in groups],
                 [f"g{g}" for g in groups], seed)
    with tempfile.TemporaryDirectory() as folder:
        split.save(Path(folder) / "s.parquet")
        loaded = Split.load(Path(folder) / "s.parquet")
    assert loaded == split
    assert loaded.digest == split.digest
    assert sorted(id_ for role in ROLES for id_ in split.ids(role)) == list(split.frame.index)


def test_digest_does_not_depend_on_the_order_of_rows() -> None:
    forth = make(["a", "b"], ["train", "test"], ["x", "y"])
    assert forth.digest == make(["b", "a"], ["test", "train"], ["y", "x"]).digest
    assert forth.digest != make(["a", "b"], ["test", "train"], ["x", "y"]).digest
    assert forth.digest != make(["a", "b"], ["train", "test"], ["x", "y"], digest="e").digest


@pytest.mark.parametrize(("ids", "roles", "groups", "message"), [
    (["a", "b", "c"], ["train", "test", "test"], ["g", "g", "h"],
     "the split breaks its laws:\n  - 1 values of group_id stand in more than one role: g"),
    (["a", "a"], ["train", "train"], ["g", "g"],
     "the split breaks its laws:\n  - 1 ids stand in more than one row: a"),
    (["a", "b"], ["Train", "dev"], ["g", "h"],
     "the split breaks its laws:\n  - unknown roles: Train, dev; use train, valid, test"),
    (["a", None, "c"], ["train", "test", None], ["g", "h", "i"],
     "the split breaks its laws:\n  - 2 rows lack an id, a role or a group"),
])
def test_rows_that_break_a_law_are_refused(
    ids: list, roles: list, groups: list, message: str
) -> None:
    with pytest.raises(SplitError) as error:
        make(ids, roles, groups)
    assert str(error.value) == message


def test_a_table_without_the_columns_is_refused() -> None:
    with pytest.raises(SplitError) as error:
        Split(table=pa.table({"isic_id": ["a"]}), seed=0, group_key="", cohort_digest="")
    assert str(error.value) == "the split has no column group_id, role"


def test_a_table_that_is_no_split_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"isic_id": ["a"]}), tmp_path / "s.parquet")
    with pytest.raises(SplitError) as error:
        Split.load(tmp_path / "s.parquet")
    assert str(error.value) == (f"{tmp_path / 's.parquet'} is not a split of lesionlab: it does "
                                "not say what was split; prepare the data again")


COHORT = Cohort.from_frame(pd.DataFrame({
    "isic_id": ["a", "b", "c"], "patient_id": ["p", "p", None], "lesion_id": ["l", "m", "m"],
    "role": ["the", "user's", "own"], "group_id": ["x", "x", "x"]}))


def test_a_split_of_the_cohort_is_accepted() -> None:
    split = make(list("abc"), ["train"] * 3, list("ggg"), digest=COHORT.digest)
    split.check_against(COHORT)


@pytest.mark.parametrize(("ids", "roles", "message"), [
    ("abc", ["train", "test", "test"],
     "the split breaks its laws:\n  - 1 values of patient_id stand in more than one role: p"),
    ("abc", ["train", "train", "test"],
     "the split breaks its laws:\n  - 1 values of lesion_id stand in more than one role: m"),
    ("ab", ["train", "train"], "the split breaks its laws:\n  - 1 images have no role: c"),
    ("abcd", ["train"] * 4,
     "the split breaks its laws:\n  - 1 rows are of no image of the cohort: d"),
])
def test_a_split_that_tears_the_cohort_is_refused(ids: str, roles: list, message: str) -> None:
    split = make(list(ids), roles, list(ids), digest=COHORT.digest)
    with pytest.raises(SplitError) as error:
        split.check_against(COHORT)
    assert str(error.value) == message


def test_a_split_that_may_leak_keeps_its_leaks_and_says_so(tmp_path: Path) -> None:
    table = pa.table({"isic_id": list("abc"), "role": ["train", "test", "test"],
                      "group_id": list("ggg")})
    split = Split(table=table, seed=None, group_key="", cohort_digest=COHORT.digest, may_leak=True)
    split.check_against(COHORT)
    split.save(tmp_path / "s.parquet")
    assert Split.load(tmp_path / "s.parquet") == split


def test_a_split_of_another_cohort_is_refused() -> None:
    with pytest.raises(SplitError) as error:
        make(["a"], ["train"], ["a"], digest="0123456789abcdef").check_against(COHORT)
    assert str(error.value) == (
        f"the split was made for cohort 0123456789ab, this one is {COHORT.digest[:12]}; "
        "prepare the data again")
