"""Any folder through the readers ends in data or in an error of lesionlab's, never a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layout_samples import (
    IDS,
    KEY,
    WRITERS,
    Content,
    sample_columns,
    sample_files,
    write_files,
)

from lesionlab.core.errors import LesionLabError, SourceError
from lesionlab.core.terms import COLUMNS
from lesionlab.dataset.building import PrepareSettings, prepare
from lesionlab.sources.inputs_table import read_inputs
from lesionlab.sources.layouts import LAYOUTS
from lesionlab.sources.reading import SourceRead, read_sources

Changes = Mapping[str, Content]
"""What files of a sample are changed to, by their paths."""

TABLES = {".csv", ".txt", ".parquet"}
ODD_CELLS = ("", "0", "1", "-1", "9" * 20, "9" * 400, "9" * 5000, "1e400", "nan", "inf", "1_0",
             "0x10", "\u0663", "\u00b2", "\0", "\u2028", "\ufeff", '"', '""', "\\", "|", "||", "\r",
             "\n", "\x85", "a\nb", '"a\nb"', '"a,b"', "unknown", "Benign", "Malignant", "true",
             "85+", ".jpg", "../x", "I" * 70_000, *COLUMNS)
CELLS = st.sampled_from(ODD_CELLS) | st.text(max_size=8)
ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "latin-1", "cp1252", "utf-32")
PH2 = "PH2_dataset.txt"
MILK = "MILK10k_Training_GroundTruth.csv"


@st.composite
def damaged_grids(draw: st.DrawFn, table: bytes, separator: str) -> bytes:
    """A table of text with other cells, rows or columns, in any encoding."""
    rows = [line.split(separator) for line in table.decode("utf-8").split("\n")]
    for _ in range(draw(st.integers(1, 4))):
        row = rows[draw(st.integers(0, len(rows) - 1))]
        place = draw(st.integers(0, len(row) - 1))
        match draw(st.sampled_from(("cell", "name", "swap", "short", "row", "row twice", "column",
                                    "column twice"))):
            case "cell":
                row[place] = draw(CELLS)
            case "name":
                rows[0][place % len(rows[0])] = draw(CELLS)
            case "swap":
                row[place], row[0] = row[0], row[place]
            case "short":
                row[place:] = [""]
            case "row":
                rows = [other for other in rows if other is not row] or [[""]]
            case "row twice":
                rows.insert(place, list(row))
            case "column":
                rows = [[*cells[:place], *cells[place + 1:]] or [""] for cells in rows]
            case "column twice":
                rows = [[*cells, *cells[place:place + 1]] for cells in rows]
    encoding = draw(st.just("utf-8") | st.sampled_from(ENCODINGS))
    return "\n".join(separator.join(row) for row in rows).encode(encoding, errors="replace")


@st.composite
def damaged_bytes(draw: st.DrawFn, data: bytes) -> bytes:
    """A file cut, with other bytes in it, or of other bytes alone."""
    start, end = sorted(draw(st.tuples(*[st.integers(0, len(data))] * 2)))
    new = draw(st.sampled_from((b"", b'"', b"\0", b"\r", b"\xff\xfe", b"\n\n", b","))
               | st.binary(max_size=32))
    return draw(st.sampled_from((new, data[:start] + new, data[:start] + new + data[end:],
                                 data[:start] + new + data[start:],
                                 data[:start] + new + data[start + len(new):])))


@st.composite
def damaged_samples(draw: st.DrawFn) -> tuple[str, dict[str, Content]]:
    """A sample, and what its files are changed to."""
    sample = draw(st.sampled_from(sorted(WRITERS)))
    files = sample_files(sample)
    tables = [name for name in files if PurePosixPath(name).suffix in TABLES]
    changes: dict[str, Content] = {}
    for _ in range(draw(st.integers(1, 2))):
        name = draw(st.sampled_from(tables or sorted(files)) | st.sampled_from(sorted(files)))
        if PurePosixPath(name).suffix in (".csv", ".txt") and draw(st.integers(0, 3)):
            separator = "|" if sample == "ph2" else ";" if sample == "table" else ","
            changes[name] = draw(damaged_grids(files[name], separator))
        else:
            changes[name] = draw(st.sampled_from(("folder", "nothing"))
                                 | damaged_bytes(files[name]))
    return sample, changes


@contextmanager
def written(sample: str, changes: Changes) -> Iterator[tuple[Path, Path]]:
    """The folder of a damaged sample, and a key of pseudonyms beside it."""
    with TemporaryDirectory() as home:
        key = Path(home) / "pseudonym.key"
        key.write_text(KEY)
        key.chmod(0o600)
        yield write_files(Path(home) / "set", {**sample_files(sample), **changes}), key


def read(sample: str, changes: Changes, place: str = "") -> SourceRead:
    with written(sample, changes) as (folder, key):
        return read_sources([folder / place], columns=sample_columns(sample), pseudonym_key=key)


def refusal(sample: str, changes: Changes) -> str:
    """The text of the error, without the folder that it names."""
    with written(sample, changes) as (folder, key), pytest.raises(SourceError) as caught:
        read_sources([folder], columns=sample_columns(sample), pseudonym_key=key)
    return str(caught.value).replace(str(folder), "SET")


def change(sample: str, name: str, old: bytes, new: bytes) -> dict[str, Content]:
    """The file `name` of a sample with `new` in the place of `old`."""
    data = sample_files(sample)[name]
    assert old in data
    return {name: data.replace(old, new)}


@pytest.mark.parametrize("sample", WRITERS)
def test_every_sample_is_read(sample: str) -> None:
    found = read(sample, {})
    assert found.sources[0].layout == {
        "slice3d-files": "slice3d", "ham10000-with-isic": "ham10000", "parquet": "isic-client",
    }.get(sample, sample)


def test_there_is_a_sample_of_every_layout() -> None:
    assert LAYOUTS.keys() <= WRITERS.keys()


@settings(max_examples=70)
@given(damaged_samples(), st.integers(0, 3))
def test_any_damage_ends_in_data_or_a_named_error(
    damaged: tuple[str, Changes], is_folder: int
) -> None:
    sample, changes = damaged
    try:
        found = read(sample, changes, "" if is_folder else min(changes))
    except LesionLabError as error:
        assert str(error)
    else:
        (info,) = found.sources
        assert info.num_rows == len(found.cohort) + len(found.dropped)
        assert {*found.addresses} == {*found.cohort.ids}


@settings(max_examples=6)
@given(damaged_samples(), st.data())
def test_prepare_ends_in_data_or_a_named_error(
    damaged: tuple[str, Changes], data: st.DataObject
) -> None:
    sample, changes = damaged
    images = sorted(name for name in sample_files(sample)
                    if PurePosixPath(name).suffix not in TABLES)
    image = data.draw(st.sampled_from(images))
    broken = data.draw(damaged_bytes(sample_files(sample)[image]))
    with written(sample, {**changes, image: broken}) as (folder, key):
        try:
            found = prepare([folder], folder.parent / "data", num_workers=1, pseudonym_key=key,
                            columns=sample_columns(sample),
                            settings=PrepareSettings(split="34/33/33", target="malignancy"))
        except LesionLabError as error:
            assert str(error)
        else:
            assert {*found.split.frame.index} == {*found.cohort.ids}


@settings(max_examples=25)
@given(st.one_of(damaged_grids(sample_files("isic-client")["metadata.csv"], ","),
                 damaged_bytes(sample_files("parquet")["metadata.parquet"]), st.binary()),
       st.sampled_from(("inputs.csv", "inputs.parquet")))
def test_any_table_of_inputs_ends_in_data_or_a_named_error(table: bytes, name: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(table)
        try:
            assert read_inputs(path).rows.index.is_unique
        except LesionLabError as error:
            assert str(error).startswith(str(path))


# What the tests above and `benchmarks/fuzz_inputs.py` found.


def test_an_integer_of_any_length_is_out_of_range() -> None:
    table = f"isic_id,acquisition_day\n{IDS[0]},{'9' * 400}\n{IDS[1]},-{'9' * 400}\n"
    found = read("isic-client", {"metadata.csv": table.encode()})
    assert found.adjusted[["column", "reason"]].values.tolist() == [
        ["acquisition_day", "out_of_range"]] * 2


def test_a_number_of_16_digits_is_the_name_of_something() -> None:
    table = f"isic_id,barcode,day\n{IDS[0]},9007199254740993,1\n{IDS[1]},18446744073709551615,2\n"
    frame = read("isic-client", {"metadata.csv": table.encode()}).cohort.frame
    assert frame["barcode"].tolist() == ["9007199254740993", "18446744073709551615"]
    assert frame["day"].tolist() == [1, 2]


def test_an_index_of_any_length_is_refused() -> None:
    name = "meta/train_indexes.csv"
    assert refusal("derm7pt", {name: b"indexes\n" + b"9" * 5000 + b"\n"}) == (
        f"SET/{name}: '{'9' * 20}' is no index of a case; download it anew")


def test_a_ground_truth_without_a_fault_drops_no_row() -> None:
    found = read("milk10k", change("milk10k", MILK, b"1.0,1.0", b"0.0,1.0"))
    assert found.dropped["reason"].tolist() == ["conflicting_diagnosis"] * 2


def test_a_ground_truth_of_other_lesions_drops_no_row() -> None:
    found = read("milk10k", change("milk10k", MILK, b"IL_9", b"IL_8"))
    assert found.dropped["reason"].tolist() == []
    assert "label" not in found.cohort.frame


def test_a_column_of_ph2_that_stands_twice_is_refused() -> None:
    assert refusal("ph2", change("ph2", PH2, b"Asymmetry", b"Name")) == (
        f"SET/{PH2}: the column 'Name' stands there more than once; rename or remove the others")


@pytest.mark.parametrize("end", [b"\x0b", b"\x1c", b"\x85"])
def test_only_a_line_feed_ends_a_line_of_ph2(end: bytes) -> None:
    found = read("ph2", change("ph2", PH2, b"||  ", end + b"||  ") | change(
        "ph2", PH2, b"|| ", b"||" + end))
    assert len(found.cohort) == 4


def encode_parquet(**columns: list[object]) -> bytes:
    buffer = BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def test_a_parquet_table_is_never_one_without_a_header() -> None:
    found = read("isic2016", {"more.parquet": encode_parquet(ISIC_1=["a"], benign=["b"])})
    assert len(found.cohort) == 5


@pytest.mark.parametrize("byte", [0, 77, 255])
def test_a_damaged_parquet_table_is_refused_wherever_it_is_damaged(byte: int) -> None:
    data = encode_parquet(isic_id=IDS, note=["some text"] * 5)
    for place in range(4, len(data), 23):
        damaged = data[:place] + bytes([byte]) + data[place + 1:]
        with TemporaryDirectory() as folder:
            path = Path(folder) / "inputs.parquet"
            path.write_bytes(damaged)
            try:
                read_inputs(path)
            except SourceError as error:
                assert str(error).startswith(str(path))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems let no file have such a name")
def test_names_that_are_not_utf8_are_refused() -> None:
    said = "1 files or folders have names that are not UTF-8: '{}'; rename them"
    for sample, name in (("isic-client", "caf\udce9.jpg"), ("class-folders", "caf\udce9/D.jpg"),
                         ("isic2016", "ISIC_caf\udce9.csv")):
        text = refusal(sample, {name: b"ISIC_1,benign\n"})
        assert text == said.format("SET/" + name.replace("\udce9", "\\udce9"))
    with written("isic-client", {}) as (folder, _), pytest.raises(SourceError) as caught:
        read_sources([folder.rename(folder.parent / "caf\udce9")])
    assert str(caught.value) == said.format(f"{folder.parent}/caf\\udce9")


def test_ham10000_without_any_image_of_the_isic_table_adds_nothing() -> None:
    name = "HAM10000_metadata.csv"
    found = read("ham10000-with-isic", change("ham10000-with-isic", name, b"ISIC_9", b"ISIC_8"))
    assert len(found.cohort) == 5
    assert found.dropped["reason"].tolist() == ["not_in_isic_table"] * 4


def test_a_column_that_would_take_the_name_of_another_is_refused() -> None:
    table = f"isic_id,target,target_given\n{IDS[0]},a,b\n"
    assert refusal("isic-client", {"metadata.csv": table.encode()}) == (
        "the column 'target' becomes target_given, which is a column too; rename one of them")


def test_a_pipe_is_no_source_and_no_file_of_one(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # who opens it waits for ever
    with pytest.raises(SourceError) as caught:
        read_sources([tmp_path / "pipe"])
    assert str(caught.value) == f"{tmp_path}/pipe: is no file and no folder; give one of them"
    write_files(tmp_path / "set", sample_files("isic-client"))
    os.mkfifo(tmp_path / "set" / "pipe")
    assert len(read_sources([tmp_path / "set"]).cohort) == 5


def test_what_the_system_refuses_is_a_named_error(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 300)
    with pytest.raises(SourceError) as caught:
        read_sources([path])
    assert str(caught.value) == (
        f"{path}: cannot be read (File name too long); check that its files may be read")
