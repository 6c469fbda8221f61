"""Files are written whole or not at all, and a digest names content, not its layout."""

import json
import os
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionlab.core import artifacts

texts = st.lists(st.none() | st.text(st.characters(codec="utf-8"), max_size=4), max_size=8)


def make_table(values: list[str | None]) -> pa.Table:
    lengths = [None if v is None else float(len(v)) for v in values]
    return pa.table({"text": pa.array(values, pa.string()),
                     "number": pa.array(lengths, pa.float64()),
                     "flag": pa.array([None if n is None else n > 1 for n in lengths], pa.bool_())})


@given(texts, st.data())
def test_digest_does_not_depend_on_chunks(values: list[str | None], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(values)))
    table = make_table(values)
    chunked = pa.concat_tables([table.slice(0, cut), table.slice(cut)])
    longer = make_table([*values, "more"]).slice(0, len(values))
    assert (artifacts.digest_table(table) == artifacts.digest_table(chunked)
            == artifacts.digest_table(longer))


@given(texts, texts)
def test_tables_that_differ_have_other_digests(
    left: list[str | None], right: list[str | None]
) -> None:
    same = artifacts.digest_table(make_table(left)) == artifacts.digest_table(make_table(right))
    assert same == (left == right)


def test_digest_tells_missing_from_empty_and_one_name_from_another() -> None:
    tables = [pa.table({"a": ["", "x"]}), pa.table({"a": [None, "x"]}), pa.table({"a": ["x", ""]}),
              pa.table({"b": ["", "x"]}), pa.table({"a": [0.0, 1.0]}),
              pa.table({"a": [False, True]}), pa.table({"a": [None, 1.0]})]
    assert len({artifacts.digest_table(table) for table in tables}) == len(tables)


def test_digest_is_pinned_so_that_no_library_update_changes_it() -> None:
    table = make_table(["a", None, "ß"])
    assert artifacts.digest_table(table) == (
        "3b1a39d6933cad9fb5255fb3d159bc7e87a104bea4b1660fea6335031d082ec2")


@given(st.lists(st.binary(max_size=3), max_size=4), st.lists(st.binary(max_size=3), max_size=4))
def test_parts_of_a_digest_cannot_run_together(left: list[bytes], right: list[bytes]) -> None:
    assert (artifacts.digest_bytes(*left) == artifacts.digest_bytes(*right)) == (left == right)


def test_a_table_is_stored_and_read_unchanged_and_to_the_same_bytes(tmp_path: Path) -> None:
    table = make_table(["a", None, "bc"])
    for name in "xy":
        artifacts.write_parquet(tmp_path / name, table)
    assert artifacts.read_parquet(tmp_path / "x").equals(table)
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    artifacts.write_json(path, {"old": True})

    def fail(_: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        artifacts.write_json(path, {"new": True})
    assert artifacts.read_json(path) == {"old": True}
    assert list(tmp_path.iterdir()) == [path]


SCALARS = (st.none() | st.booleans() | st.integers() | st.text()
           | st.floats(allow_nan=False, allow_infinity=False)
           | st.sampled_from(['},\n      {', '"', "\\", '\n  "a": null', "}]"]))
KEYS = st.text() | st.sampled_from(["a", 'b"', "a: null"])
ROWS = st.lists(st.dictionaries(KEYS, SCALARS, max_size=3), max_size=4)
VALUES = st.recursive(
    SCALARS | ROWS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner))


@given(st.dictionaries(KEYS | st.integers(), ROWS | VALUES) | VALUES)
def test_json_is_laid_out_as_the_standard_library_does(value: object) -> None:
    assert artifacts.dump_json(value) == json.dumps(value, indent=2, ensure_ascii=False)


def test_json_that_other_readers_refuse_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Out of range float values"):
        artifacts.write_json(tmp_path / "a.json", float("nan"))
    assert not list(tmp_path.iterdir())


def test_a_new_folder_appears_whole(tmp_path: Path) -> None:
    with artifacts.new_folder(tmp_path / "deep" / "out") as folder:
        (folder / "file").write_text("new")
        assert not (tmp_path / "deep" / "out").exists()
    assert (tmp_path / "deep" / "out" / "file").read_text() == "new"
    assert len(list((tmp_path / "deep").iterdir())) == 1


def test_a_new_folder_replaces_the_old_one(tmp_path: Path) -> None:
    for text in ("old", "new"):
        with artifacts.new_folder(tmp_path / "out") as folder:
            (folder / text).write_text(text)
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "new"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_folder_that_failed_leaves_the_old_one(
    tmp_path: Path, error: type[BaseException]
) -> None:
    with artifacts.new_folder(tmp_path / "out") as folder:
        (folder / "old").write_text("old")
    with pytest.raises(error), artifacts.new_folder(tmp_path / "out") as folder:
        (folder / "new").write_text("half")
        raise error
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "old"]


def test_a_folder_that_cannot_be_renamed_puts_the_old_one_back(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").write_text("old")
    with pytest.raises(FileNotFoundError):
        artifacts.replace_folder(tmp_path / "absent", tmp_path / "out")
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "old"]
