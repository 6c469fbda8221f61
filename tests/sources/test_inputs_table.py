"""A table of inputs is joined by id, goes through the schema, and leaves labels aside."""

from pathlib import Path

import pandas as pd
import pytest

from lesionlab.core.errors import SourceError
from lesionlab.core.terms import COLUMNS
from lesionlab.sources.inputs_table import read_inputs


def write(folder: Path, text: str, name: str = "inputs.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def refuse(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        read_inputs(path)
    return str(caught.value)


def test_inputs_are_typed_and_indexed_by_id(tmp_path: Path) -> None:
    path = write(tmp_path, "isic_id,sex,age_approx,anatom_site_1,family_hx_mm\n"
                           "B,male,45,Trunk,true\nA,unknown,,Head and neck,\n")
    rows = read_inputs(path).rows
    assert rows.index.tolist() == ["B", "A"]
    assert rows.loc["B", ["age_approx", "sex", "anatom_site_1", "family_hx_mm"]].tolist() == [
        45.0, "male", "Trunk", True]
    assert rows.loc["A", ["age_approx", "sex", "family_hx_mm"]].isna().all()


def test_names_of_image_files_are_ids(tmp_path: Path) -> None:
    path = write(tmp_path, "isic_id,sex\nISIC_1.JPG,male\nISIC_2,female\nlesion 1.5,male\n")
    assert read_inputs(path).rows.index.tolist() == ["ISIC_1", "ISIC_2", "lesion 1.5"]


def test_labels_consequences_and_persons_are_left_aside(tmp_path: Path) -> None:
    path = write(tmp_path, "isic_id,patient_id,lesion_id,diagnosis_1,diagnosis,benign_malignant,"
                           "concomitant_biopsy,attribution,mine,sex\n"
                           "A,P1,L1,Malignant,nevus,benign,true,Clinic,7,male\n")
    inputs = read_inputs(path)
    assert inputs.rows.dropna(axis="columns").to_dict("index") == {"A": {"sex": "male"}}
    assert {COLUMNS[str(name)].role for name in inputs.rows} == {"input"}
    assert inputs.adjusted.empty


def test_older_names_arrive_in_ours(tmp_path: Path) -> None:
    path = write(tmp_path, "isic_id,age,anatom_site_general\nA,85+,head/neck\n")
    row = read_inputs(path).rows.loc["A"]
    assert (row["age_approx"], row["anatom_site_1"]) == (85.0, "Head and neck")


def test_a_value_that_breaks_a_rule_is_missing_and_said(tmp_path: Path) -> None:
    path = write(tmp_path, "isic_id,sex,age_approx\nA,purple,45\nB,male,old\n")
    inputs = read_inputs(path)
    assert inputs.rows["sex"].isna().tolist() == [True, False]
    assert inputs.rows["age_approx"].isna().tolist() == [False, True]
    assert inputs.adjusted[["isic_id", "column", "value"]].sort_values(
        "isic_id").to_numpy().tolist() == [["A", "sex", "purple"], ["B", "age_approx", "old"]]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet"])
def test_every_kind_of_table_gives_the_same(tmp_path: Path, suffix: str) -> None:
    frame = pd.DataFrame({"isic_id": ["A", "B"], "sex": ["male", "female"]})
    path = tmp_path / f"inputs.{suffix}"
    if suffix == "parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, index=False, sep={"csv": ",", "tsv": "\t"}[suffix])
    assert read_inputs(path).rows["sex"].to_dict() == {"A": "male", "B": "female"}


@pytest.mark.parametrize(("text", "problem"), [
    ("image,sex\nA,male\n", "no column 'isic_id' to join images by; it has image, sex"),
    ("", "no column 'isic_id' to join images by; it has none"),
    ("isic_id,sex\n", "the table has no row"),
    ("isic_id,sex,sex\nA,male,male\n",
     "the column 'sex' stands there more than once; rename or remove the others"),
    ("isic_id,sex\nA,male\n,female\n,male\n", "2 rows have no isic_id; fill it in"),
    ("isic_id,sex\nA,male\nA.jpg,female\nB,male\n",
     "1 ids stand in more than one row: A; keep one row an id"),
    ("isic_id,sex\nA,male,7\n", ("cannot be read as a table: CSV parse error: Expected 2 columns, "
     "got 3: A,male,7; correct it, or save it anew as CSV in UTF-8")),
])
def test_a_table_that_cannot_be_joined_is_refused(
    tmp_path: Path, text: str, problem: str
) -> None:
    path = write(tmp_path, text)
    assert refuse(path) == f"{path}: {problem}"


def test_a_table_that_is_not_there_is_said(tmp_path: Path) -> None:
    path = tmp_path / "no.csv"
    assert refuse(path) == f"{path}: no such file; give a CSV or Parquet table with isic_id"


def test_a_damaged_parquet_file_is_said(tmp_path: Path) -> None:
    path = write(tmp_path, "no table", "inputs.parquet")
    assert refuse(path).startswith(f"{path}: not a Parquet file: ")
